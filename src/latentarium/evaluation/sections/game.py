"""The distance of the training game from its equilibrium."""

import math
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.game_protocol import GameProtocol
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

MIN_HELD_OUT = 4
"""The smallest number of validation images: two batches to measure on, and two to select on."""
TITLE = "Distance of the game from its equilibrium"


@register("section", "game")
class Game(Section):
    """The duality gap and the possible gain of each player; for one player, the optimality gap."""

    order: ClassVar[float] = 70

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return True  # to models of points too

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        if plan.lacks_labels:
            return {TITLE: reason("no-labels")}
        count = len(plan.usable.validation)
        if count < MIN_HELD_OUT:
            return {TITLE: reason("few-validation-images", needed=MIN_HELD_OUT, count=count)}
        return {}

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if TITLE in context.left_out:
            return {}
        protocol = GameProtocol.of(
            context.model, context.data, seed=context.seed, response_steps=context.response_steps
        )
        gap = protocol.measure(context.model, context.data)
        loss, single_player = protocol.loss, len(gap.gains) == 1
        shared = {
            "unit": "nats", "reference": 0.0, "n": protocol.n, "seed": context.seed,
            "extractor": "own-losses", "split": "validation", "protocol": protocol.name,
        }  # fmt: skip
        measurements = {
            "gap": Measurement(
                name=f"{'Optimality' if single_player else 'Duality'} gap ({loss})",
                value=gap.total, interval=(gap.at_least, math.inf), **shared,
                note="The gap is a lower bound, because a player may have better responses than "
                f"those found within {gap.response_steps} moves; its 95 % bound is one-sided. It "
                "has the scale of the loss, so only gaps of the same loss can be compared.",
            )
        }  # fmt: skip
        if not single_player:
            measurements |= {
                gain.player: Measurement(
                    name=f"Possible gain of the {gain.player} ({loss})", value=gain.gain,
                    interval=(gain.at_least, math.inf), **shared,
                )
                for gain in reversed(gap.gains)
            }  # fmt: skip
        # loss and weights are part of the key, so that a comparison never joins unlike gaps
        return {f"game.{name}.{loss}.{protocol.weights}": m for name, m in measurements.items()}
