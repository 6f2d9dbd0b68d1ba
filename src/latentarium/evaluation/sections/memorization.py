"""Copies of training images among samples."""

from typing import ClassVar

from latentarium.data.subsets import scattered
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.plan import MIN_IMAGES, Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.metrics.memorization import (
    Memorization,
    measure_memorization,
    nearer_to_training,
)
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

MAX_SAMPLES = 5000
MAX_HELD_OUT = 5000
MIN_FOR_QUANTILE = 100
"""The smallest number of held-out images for the 1 % quantile of their distances."""
NEARER = "Samples nearer to a training than to a held-out image"
NEAR_COPIES = "Near-copies of training images"


@register("section", "memorization")
class Copies(Section):
    """Whether samples are nearer to training images than to held-out images."""

    order: ClassVar[float] = 80

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        if not self.applies(plan.model, plan.data, None):
            return {}
        count, reasons = len(plan.usable.validation), {}
        for quantity, needed in ((NEARER, MIN_IMAGES), (NEAR_COPIES, MIN_FOR_QUANTILE)):
            if count < needed:
                reasons[quantity] = reason("few-validation-images", needed=needed, count=count)
        return reasons

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if NEARER in context.left_out:
            return {}
        data = context.data
        # The validation split has the same distribution as the training split. A test split may
        # differ (MNIST's has other writers). Samples would then be nearer to training images even
        # without memorization.
        held_out = scattered(data.validation, MAX_HELD_OUT).images
        measure = nearer_to_training if NEAR_COPIES in context.left_out else measure_memorization
        copies = measure(
            context.samples[:MAX_SAMPLES], data.train.images, held_out, seed=context.seed
        )
        context.tables["nearest_training_images"] = [list(row) for row in copies.closest]
        low, high = copies.null_interval
        shared = {
            "unit": "share", "n": copies.n, "seed": context.seed, "extractor": "pixels",
            "split": "validation",
        }  # fmt: skip
        measurements = {
            "memorization": Measurement(
                name=NEARER, value=copies.nearer_to_training, interval=copies.nearer_interval,
                reference=0.5, protocol=f"nearer-{copies.references}", **shared,
                note=f"Without memorization, {low:.1%} to {high:.1%} of samples are nearer to a "
                "training image.",
            ),
        }  # fmt: skip
        if isinstance(copies, Memorization):
            measurements["near_copies"] = Measurement(
                name=NEAR_COPIES, value=copies.near_copies, interval=copies.near_copies_interval,
                reference=copies.near_copies_reference,
                protocol=f"near-copies-q0.01-of-{len(data.train):,}", **shared,
            )  # fmt: skip
        return measurements
