"""The distance of the training game from its equilibrium."""

from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.duality_gap import estimate_duality_gap
from latentarium.evaluation.plan import NO_LABELS, Plan
from latentarium.evaluation.section import Section
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

MAX_BATCHES = 15
MAX_BATCH_SIZE = 64
MIN_HELD_OUT = 4
"""The smallest number of validation images: two batches to measure on, and two to select on."""
TITLE = "Distance of the game from its equilibrium"


@register("section", "game")
class Game(Section):
    """The duality gap and the possible gain of each player; for one player, the optimality gap."""

    order: ClassVar[float] = 70

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return True  # to models of points too

    def unmeasurable(self, plan: Plan) -> dict[str, str]:
        if plan.lacks_labels:
            return {TITLE: NO_LABELS}
        count = len(plan.usable.validation)
        if count < MIN_HELD_OUT:
            return {
                TITLE: f"it needs at least {MIN_HELD_OUT} validation images, and there are {count}"
            }
        return {}

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if TITLE in context.left_out:
            return {}
        data, config, steps = context.data, context.model.config, context.response_steps
        smallest = min(len(data.validation), len(data.train))
        # at least two batches to measure and two others to select, none used twice
        size = min(MAX_BATCH_SIZE, max(1, smallest // 4))
        count = max(2, min(MAX_BATCHES, len(data.validation) // size // 2))
        gap = estimate_duality_gap(
            context.model, data.train, data.validation, optimizer=config.response_optimizer,
            response_steps=steps, batch_size=size, num_batches=count, seed=context.seed,
        )  # fmt: skip
        loss, single_player = config.loss_name, len(gap.gains) == 1
        shared = {
            "unit": "nats", "reference": 0.0, "n": count * size, "seed": context.seed,
            "extractor": "own-losses", "split": "validation",
            "protocol": f"best-response-{steps} {loss}",
        }  # fmt: skip
        measurements = {
            "gap": Measurement(
                name=f"{'Optimality' if single_player else 'Duality'} gap ({loss})",
                value=gap.total, interval=gap.interval, **shared,
                note=f"The gap is a lower bound, because each player is trained for {steps} steps "
                "only. It has the scale of the loss, so only gaps of the same loss can be "
                "compared.",
            )
        }  # fmt: skip
        if not single_player:
            measurements |= {
                gain.player: Measurement(
                    name=f"Possible gain of the {gain.player} ({loss})", value=gain.gain,
                    interval=gain.interval, **shared,
                )
                for gain in reversed(gap.gains)
            }  # fmt: skip
        # the loss is part of the key, so that a comparison never joins gaps of different losses
        return {f"game.{name}.{loss}": m for name, m in measurements.items()}
