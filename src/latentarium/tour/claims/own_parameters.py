"""Each player updates only its own parameters, as the deltas in the training log show."""

import math
from typing import ClassVar

from latentarium import charts
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult, Condition, Figure

PLAYERS = ("discriminator", "generator")


@register("claim", "own-parameters")
class OwnParameters(Claim):
    """In its move, a player changes its own parameters and no others."""

    systems: ClassVar[tuple[str, ...]] = ("gan", "cgan")
    order: ClassVar[float] = 70
    seconds: ClassVar[float] = 1

    def measure(self, tour: TourContext) -> ClaimResult:
        moves = [
            row[player]
            for name in ("gan", "cgan")
            for row in tour.runs[name].log()
            for player in PLAYERS
        ]
        other_delta = max((move["other_delta"] for move in moves), default=0.0)
        own_delta = min((move["own_delta"] for move in moves), default=math.inf)
        sizes = {
            player.name: sum(p.numel() for p in player.part.parameters())
            for player in tour.model("gan").players()
        }
        return ClaimResult(
            title="Each player updates only its own parameters",
            statement=(
                "The losses of generator and discriminator depend on both networks, but in its "
                "move each player changes only its own parameters."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Largest change of a parameter of the other player in any audited "
                        "move",
                        value=other_delta, n=len(moves), better="neither",
                    ),
                    relation="==", threshold=0,
                ),
                Condition(
                    number=Measurement(
                        name="Largest change of a parameter of the moving player, minimum over "
                        "the audited moves",
                        value=own_delta, n=len(moves), better="neither",
                    ),
                    relation=">", threshold=0,
                ),
            ),
            evidence=(
                Measurement(name="Parameters of the generator", value=sizes["generator"],
                            better="neither"),
                Measurement(name="Parameters of the discriminator",
                            value=sizes["discriminator"], better="neither"),
                Measurement(name="Audited moves of GAN and CGAN", value=len(moves),
                            better="neither"),
            ),
            protocol=(
                "At every logged step of both runs, all parameters are copied before each move "
                "and compared after it; the largest absolute differences are in log.jsonl."
            ),
            explanation=(
                "This makes the training a game: no common loss is minimized. Each player "
                "improves its own loss against the current state of the other player."
            ),
            figures=(
                Figure(
                    caption="The largest change of a parameter in each audited move of the GAN: "
                    "of the player's own parameters, and of the other player's.",
                    alt="Two curves above zero, and a line at zero.",
                    content=_delta_chart(tour),
                ),
            ),
        )  # fmt: skip


def _delta_chart(tour: TourContext) -> str:
    rows = tour.runs["gan"].log()
    steps = [row["step"] for row in rows]
    curves = [
        (
            f"{name}, own",
            charts.ROLE_COLOURS[name],
            steps,
            [row[name]["own_delta"] for row in rows],
            None,
        )
        for name in PLAYERS
    ]
    other = [max(row[player]["other_delta"] for player in PLAYERS) for row in rows]
    curves.append(("the other player's", charts.ROLE_COLOURS["real"], steps, other, None))
    return charts.line_chart(curves, "step", "largest change")
