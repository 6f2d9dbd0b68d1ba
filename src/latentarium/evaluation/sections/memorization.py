"""Copies of training images among samples."""

from typing import ClassVar

from latentarium.data.subsets import scattered
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.section import Section
from latentarium.metrics.memorization import measure_memorization
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

MAX_SAMPLES = 5000
MAX_HELD_OUT = 5000


@register("section", "memorization")
class Copies(Section):
    """Whether samples are nearer to training images than to held-out images."""

    order: ClassVar[float] = 80

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        data = context.data
        # The validation split has the same distribution as the training split. A test split may
        # differ (MNIST's has other writers). Samples would then be nearer to training images even
        # without memorization.
        held_out = scattered(data.validation, MAX_HELD_OUT).images
        copies = measure_memorization(
            context.samples[:MAX_SAMPLES], data.train.images, held_out, seed=context.seed
        )
        context.tables["nearest_training_images"] = [list(row) for row in copies.closest]
        low, high = copies.null_interval
        shared = {
            "unit": "share", "n": copies.n, "seed": context.seed, "extractor": "pixels",
            "split": "validation",
        }  # fmt: skip
        return {
            "memorization": Measurement(
                name="Samples nearer to a training than to a held-out image",
                value=copies.nearer_to_training, interval=copies.nearer_interval, reference=0.5,
                protocol=f"nearer-{copies.references}", **shared,
                note=f"Without memorization, {low:.1%} to {high:.1%} of samples are nearer to a "
                "training image.",
            ),
            "near_copies": Measurement(
                name="Near-copies of training images", value=copies.near_copies,
                interval=copies.near_copies_interval, reference=copies.near_copies_reference,
                protocol=f"near-copies-q0.01-of-{len(data.train):,}", **shared,
            ),
        }  # fmt: skip
