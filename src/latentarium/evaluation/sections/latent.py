"""The latent space of a model with an encoder: gaps, neighbours, round trip, distance to prior."""

from typing import ClassVar

import torch
from torch import Tensor

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.latent.gaps import distance_to_data, gap_share, round_trip_error
from latentarium.latent.neighbours import knn_accuracy
from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import LatentSet
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Measurement
from latentarium.unchecked import unchecked_inputs

MAX_HELD_OUT_LATENTS = 10_000
"""Held-out latents from whose distances to the data the threshold of a gap is computed."""
NUM_PRIOR_DRAWS = 4000
"""Latents drawn from the prior, to measure the share of its mass in gaps."""
NUM_ROUND_TRIPS = 2000
GAP_NEIGHBOURS = 5
"""Training latents that a latent outside a gap has nearby."""
MIN_HELD_OUT_LATENTS = 100
"""The smallest number of test images for the 99 % quantile of their distances to the data."""
ACCURACY_NEIGHBOURS = 10
GAPS = "Prior mass in gaps of the latent"
NEIGHBOURS = f"Accuracy of the {ACCURACY_NEIGHBOURS} nearest latents on test images"


@register("section", "latent")
class LatentSpace(Section):
    """Prior mass in gaps, distance to the prior, round-trip error and nearest neighbours.

    A model whose encoder is given the label has one latent space per class; none of these
    measurements is defined for it.
    """

    order: ClassVar[float] = 60

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return super().applies(model, data, classifier) and model.has_encoder

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        model, train, test = plan.model, len(plan.usable.train), len(plan.usable.test)
        if not self.applies(model, plan.data, None) or model.decodes_label:
            return {}
        reasons = {}
        if test < MIN_HELD_OUT_LATENTS:
            reasons[GAPS] = reason(
                "few-images-for-quantile", needed=MIN_HELD_OUT_LATENTS, count=test
            )
        elif train < GAP_NEIGHBOURS:
            reasons[GAPS] = reason("few-training-images", needed=GAP_NEIGHBOURS, count=train)
        if plan.classes and train < ACCURACY_NEIGHBOURS:
            reasons[NEIGHBOURS] = reason(
                "few-training-images", needed=ACCURACY_NEIGHBOURS, count=train
            )
        return reasons

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if context.model.decodes_label:
            return {}
        measurements = {}
        if GAPS not in context.left_out:
            measurements["gaps"] = _prior_mass_in_gaps(context)
        measurements["prior_distance"] = _distance_to_prior(context)
        measurements["round_trip"] = _round_trip(context)
        labelled = context.data.train.labels is not None and context.data.test.labels is not None
        if labelled and NEIGHBOURS not in context.left_out:
            measurements["neighbours"] = _neighbours(context)
        return measurements


def _prior_mass_in_gaps(context: EvaluationContext) -> Measurement:
    """Measure the share of the prior's mass that is farther from encoded training images than 99 %
    of encoded held-out images are."""
    train, seed = context.train_latents, context.seed
    prior = _draw_from_prior(context, NUM_PRIOR_DRAWS, _prior_noise(context))
    held_out = distance_to_data(train, context.test_latents[:MAX_HELD_OUT_LATENTS])
    share = gap_share(distance_to_data(train, prior), held_out, seed=seed)
    return Measurement(
        name=GAPS, value=share.share, unit="share",
        interval=share.interval, reference=share.reference, n=share.n, seed=seed,
        extractor="own-latent", split="test", protocol=f"gap-share-k5-q{share.quantile:g}",
    )  # fmt: skip


def _distance_to_prior(context: EvaluationContext) -> Measurement:
    """Measure the distance between all encoded test images and the prior."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        noise = Noise.from_generator(generator, device=context.model.device)
        return _draw_from_prior(context, n, noise)

    sliced = prior_sliced_distance(context.test_latents, seed=context.seed, draw=draw)
    return Measurement(
        name="Encoded data from the prior, sliced 2-Wasserstein", value=sliced.value,
        unit="of z", interval=sliced.interval, reference=sliced.reference, n=sliced.n,
        seed=context.seed, extractor="own-latent", split="test",
        protocol=f"sliced-w2-{sliced.projections}",
    )  # fmt: skip


def _round_trip(context: EvaluationContext) -> Measurement:
    """Measure |E(D(z)) - z| for z from the prior; the reference is this error for the latents of
    test images."""
    model = context.model

    def encode(x: Tensor) -> Tensor:
        with unchecked_inputs():  # decoded images may be outside [-1, 1]
            return model.encode(x).mean.cpu()

    def decode(z: Tensor) -> Tensor:
        return model.decode(z.to(model.device))

    drawn = _draw_from_prior(context, NUM_ROUND_TRIPS, _prior_noise(context))
    prior = round_trip_error(encode, decode, drawn)
    real = round_trip_error(encode, decode, context.test_latents[:NUM_ROUND_TRIPS])
    return Measurement(
        name="Round-trip error |E(D(z)) - z|, z from the prior", value=float(prior.mean()),
        unit="of z", interval=bootstrap(prior, seed=context.seed), reference=float(real.mean()),
        n=len(prior), seed=context.seed, extractor="own-latent", split="test",
        protocol="round-trip",
        note="The reference of the round-trip error is the error for the latents of test images.",
    )  # fmt: skip


def _neighbours(context: EvaluationContext) -> Measurement:
    """Measure the accuracy of a k-NN classifier of latents."""
    train, test, classifier = context.data.train, context.data.test, context.classifier
    assert train.labels is not None
    assert test.labels is not None
    accuracy = knn_accuracy(context.train_latents, train.labels, context.test_latents, test.labels)
    return Measurement(
        name=NEIGHBOURS, value=accuracy.value,
        unit="share", interval=accuracy.interval, n=accuracy.n, seed=context.seed,
        extractor="own-latent", split="test", protocol=accuracy.protocol,
        reference=None if classifier is None else classifier.accuracy,
        note="The reference of the nearest latents is the accuracy of the classifier, which sees "
        "the images."
        if classifier
        else "Without a classifier, no reference is known for the nearest latents.",
    )  # fmt: skip


def _prior_noise(context: EvaluationContext) -> Noise:
    return Noise("prior", context.seed, device=context.model.device)


def _draw_from_prior(context: EvaluationContext, n: int, noise: Noise) -> LatentSet:
    """Draw n latents from the prior, for every class equally often if it depends on the label."""
    model = context.model
    with torch.no_grad():
        y = context.spread_labels(n).to(model.device) if model.takes_label else None
        return model.prior(y, n).sample(noise).cpu()
