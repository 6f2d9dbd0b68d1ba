"""Measure how realistic decoded images are, by the distance of their latents to the data."""

from dataclasses import dataclass

import torch

from latentarium.classifier.classifier import CONFIDENT, Classifier
from latentarium.evaluation.context import EvaluationContext
from latentarium.latent.gaps import Bin, distance_to_data, quality_by_distance
from latentarium.metrics.fidelity import precision_recall
from latentarium.models.inference import decode
from latentarium.rng import Noise
from latentarium.shapes import LatentSet, OtherFeatureSet, PerPoint
from latentarium.stats.intervals import Interval, bootstrap

MAX_LATENTS = 4000
NEAR, FAR = 0.6, 1.25
"""A latent is near the data if its distance is at most NEAR, and far from the data if its distance
is above FAR."""
BIN_EDGES = (0.0, 0.4, NEAR, 0.8, 1.0, FAR, 1.5, 2.0, 1e9)
MAX_REAL_IMAGES = 5000
"""Real images that decoded images are compared with."""


@dataclass(frozen=True, kw_only=True)
class RealismProbe:
    """Latents on lines through pairs of test latents, and the realism of their decoded images.

    Arguments:
        z: The latents, between the two test latents of a pair and beyond the second one.
        distance: Distance of each latent to the data; 1 is the 99th percentile of held-out data.
        realistic: 1 if the decoded image is inside the manifold of real images (improved
            precision), else 0.
        confident: 1 if the classifier is confident about the decoded image, else 0.
        seed: Seed of the bootstrap for the confidence intervals.
    """

    z: LatentSet
    distance: PerPoint
    realistic: PerPoint
    confident: PerPoint
    seed: int

    def curve(self) -> tuple[Bin, ...]:
        """Return the share of realistic images by the distance to the data."""
        return quality_by_distance(self.distance, self.realistic, BIN_EDGES, seed=self.seed)

    def drop(self, quality: PerPoint) -> float:
        """Return the mean of a quality near the data minus its mean far from the data."""
        return float(quality[self.distance <= NEAR].mean() - quality[self.distance > FAR].mean())

    def drop_interval(self, quality: PerPoint) -> Interval:
        """Return a conservative 95 % interval of `drop`, from the intervals of both means."""
        near = bootstrap(quality[self.distance <= NEAR], seed=self.seed)
        far = bootstrap(quality[self.distance > FAR], seed=self.seed)
        return near[0] - far[1], near[1] - far[0]


def probe_realism(
    context: EvaluationContext, classifier: Classifier, test_features: OtherFeatureSet
) -> RealismProbe:
    """Decode latents at increasing distance from the data and measure the realism of the images.

    Arguments:
        context: A model with an encoder, and its latents.
        classifier: The classifier that gives the features and the confidence.
        test_features: The classifier's features of the real test images.
    """
    train, test = context.train_latents, context.test_latents
    noise = Noise("gaps", context.seed)
    unit = distance_to_data(train, test).quantile(0.99)
    count = min(MAX_LATENTS, len(test))
    start = test[:count]
    end = test[torch.randperm(len(test), generator=noise.generator)[:count]]
    fraction = 2.2 * noise.uniform(count, 1)  # of the way to the second latent; above 1: beyond it
    z = start + fraction * (end - start)
    decoded = decode(context.model, z)
    features = classifier.features(decoded)
    realistic = precision_recall(test_features[:MAX_REAL_IMAGES], features).precise
    confidence = classifier.probabilities(decoded).max(1).values
    return RealismProbe(
        z=z,
        distance=distance_to_data(train, z) / unit,
        realistic=realistic.double(),
        confident=(confidence > CONFIDENT).double(),
        seed=context.seed,
    )
