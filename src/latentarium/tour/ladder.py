"""Latents on a ladder from data into the gaps, and how real their decodes are: what both claims
about gaps look at."""

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

MOST = 4000
"""Latents of a ladder."""
NEAR, FAR = 0.6, 1.25
"""Up to where a latent is near data, and from where it is far from them."""
EDGES = (0.0, 0.4, NEAR, 0.8, 1.0, FAR, 1.5, 2.0, 1e9)
"""Of the bins of distance."""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Latents between pairs of test images and beyond the second.

    Arguments:
        z: The latents.
        distance: How far each lies from data; 1: as the farthest hundredth of held-out data.
        real: 1 where the decode lies among real images (improved precision), else 0.
        sure: 1 where the judge is sure of it, else 0.
        seed: Of the intervals.
    """

    z: LatentSet
    distance: PerPoint
    real: PerPoint
    sure: PerPoint
    seed: int

    def curve(self) -> tuple[Bin, ...]:
        """The share of real decodes against the distance from data."""
        return quality_by_distance(self.distance, self.real, EDGES, seed=self.seed)

    def drop(self, quality: PerPoint) -> float:
        """How much of a quality is lost from near data to far from it."""
        return float(quality[self.distance <= NEAR].mean() - quality[self.distance > FAR].mean())

    def drop_interval(self, quality: PerPoint) -> Interval:
        """95 % of `drop`, a conservative sum of both ends."""
        near = bootstrap(quality[self.distance <= NEAR], seed=self.seed)
        far = bootstrap(quality[self.distance > FAR], seed=self.seed)
        return near[0] - far[1], near[1] - far[0]


def ladder(
    subject: EvaluationContext, judge: Classifier, test_features: OtherFeatureSet
) -> Ladder:
    """The ladder of a model with an encoder.

    Arguments:
        subject: The model and its codes.
        judge: Of realism.
        test_features: The judge's, of real test images.
    """
    train, test = subject.train_latents, subject.test_latents
    noise = Noise("gaps", subject.seed)
    unit = distance_to_data(train, test).quantile(0.99)
    count = min(MOST, len(test))
    start = test[:count]
    end = test[torch.randperm(len(test), generator=noise.generator)[:count]]
    away = 2.2 * noise.uniform(count, 1)  # between two data points, and beyond the second
    z = start + away * (end - start)
    decoded = decode(subject.model, z)
    among = precision_recall(test_features[:5000], judge.features(decoded)).precise
    return Ladder(
        z=z,
        distance=distance_to_data(train, z) / unit,
        real=among.double(),
        sure=(judge.probabilities(decoded).max(1).values > CONFIDENT).double(),
        seed=subject.seed,
    )
