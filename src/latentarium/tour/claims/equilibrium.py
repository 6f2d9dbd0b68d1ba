"""The game approaches an equilibrium: the duality gap falls during training."""

import math
from typing import Any, ClassVar

from latentarium import charts
from latentarium.evaluation.duality_gap import DualityGap
from latentarium.evaluation.game_protocol import GameProtocol, comparable_snapshots, spread_evenly
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult, Condition, Figure

MAX_SNAPSHOTS = 5
"""If a run has more snapshots, so many of them are measured. Each takes 20 s of processor time.
With fewer snapshots the measured peak can only be lower, which makes the condition harder to
meet."""
_WEIGHTS = {"ema": "averaged (EMA)", "raw": "raw", "given": "given"}


@register("claim", "equilibrium")
class ApproachesEquilibrium(Claim):
    """The GAN's duality gap at the end of training is at most half of its peak."""

    systems: ClassVar[tuple[str, ...]] = ("gan",)
    order: ClassVar[float] = 80
    seconds: ClassVar[float] = 100

    def measure(self, tour: TourContext) -> ClaimResult:
        run = tour.runs["gan"]
        protocol, duality_gaps = _measure_duality_gaps(tour)
        last = duality_gaps[max(duality_gaps)]
        peak_step = max(duality_gaps, key=lambda step: duality_gaps[step].total)
        peak = duality_gaps[peak_step]
        balance = tour.model("gan").config.equilibrium["discriminator"]
        rows = run.log()
        return ClaimResult(
            title="The game approaches an equilibrium",
            statement=(
                "At a Nash equilibrium neither player could gain by changing only its own "
                "parameters. The gain that is still possible falls during training."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Duality gap at the end, as a share of its peak",
                        value=last.total / peak.total if peak.total else math.nan,
                        unit="share", n=protocol.n,
                        seed=tour.seed, split="validation", protocol=protocol.name,
                        note="a point estimate at equal search effort, without an interval: both "
                        "duality gaps are lower bounds",
                    ),
                    relation="<=", threshold=0.5,
                ),
            ),
            evidence=(
                _lower_bound("Duality gap at the end", last, protocol),
                _lower_bound(f"Duality gap at its peak, step {peak_step}", peak, protocol),
                Measurement(name="Discriminator's loss in the last row of the log",
                            value=rows[-1]["discriminator"]["adversarial"], unit="nats"),
                Measurement(name="Discriminator's loss at the equilibrium", value=balance,
                            unit="nats"),
            ),
            protocol=(
                f"For each snapshot of the {_WEIGHTS[protocol.weights]} weights, copies of each "
                f"player are trained alone for up to {tour.response_steps} moves while the other "
                f"player is fixed, at {len(protocol.rates)} learning rates from "
                f"{min(protocol.rates):g} to {max(protocol.rates):g} times that of the training; "
                "in addition, their last layers are rescaled. The best response is chosen on one "
                "half of the held-out images. Its gain, the loss before minus the loss after, is "
                "measured on the other half, with the same noise. The duality gap is the sum of "
                "both gains. It is a lower bound, since a response that the search did not find "
                "could gain more (Grnarova et al., 2019). All snapshots are searched with the "
                "same effort, and `evaluate` and `duality-gap` use the same protocol."
            ),
            explanation=(
                "A duality gap of zero would be the equilibrium itself, where the discriminator "
                "can only guess. Training approaches the equilibrium; the duality gap at the end "
                "is the remaining distance."
            ),
            figures=_gains_outputs_and_losses(duality_gaps, rows, balance),
        )  # fmt: skip


def _measure_duality_gaps(tour: TourContext) -> tuple[GameProtocol, dict[int, DualityGap]]:
    """Return the protocol, and the duality gap at snapshots of the GAN by step."""
    run = tour.runs["gan"]
    steps = spread_evenly(comparable_snapshots(run), MAX_SNAPSHOTS)
    protocol = GameProtocol.of(
        run.load(steps[-1]), tour.data, seed=tour.seed, response_steps=tour.response_steps
    )
    duality_gaps = protocol.measure_all([run.load(step) for step in steps], tour.data)
    return protocol, dict(zip(steps, duality_gaps, strict=True))


def _lower_bound(name: str, gap: DualityGap, protocol: GameProtocol) -> Measurement:
    return Measurement(
        name=name, value=gap.total, unit="nats", interval=(gap.at_least, math.inf), n=protocol.n,
        seed=protocol.seed, split="validation", protocol=protocol.name,
    )  # fmt: skip


def _gains_outputs_and_losses(
    duality_gaps: dict[int, DualityGap], rows: list[dict[str, Any]], balance: float
) -> tuple[Figure, ...]:
    snapshot_steps, steps = list(duality_gaps), [row["step"] for row in rows]
    gains = [
        (
            name, charts.ROLE_COLOURS[name], snapshot_steps,
            [gap.gains[i].gain for gap in duality_gaps.values()],
            [(gap.gains[i].at_least, gap.gains[i].gain) for gap in duality_gaps.values()],
        )
        for i, name in enumerate(("discriminator", "generator"))
    ]  # fmt: skip
    return (
        Figure(
            caption="What each player could at least gain by changing only its own parameters. "
            "The band ends at the one-sided 95 % bound.",
            alt="Two curves that fall towards zero.",
            content=charts.line_chart(gains, "step", "gain (nats)", log_x=True, y_from_zero=True),
        ),
        Figure(
            caption="The discriminator's mean output on real and on generated images. At the "
            "equilibrium both are equal.",
            alt="Two curves whose distance shrinks.",
            content=charts.line_chart(
                [
                    (label, charts.ROLE_COLOURS[role], steps,
                     [row["discriminator"][key] for row in rows], None)
                    for label, role, key in (
                        ("on real images", "real", "real_logit"),
                        ("on generated images", "generated", "fake_logit"),
                    )
                ],
                "step", "output (logit)",
            ),
        ),
        Figure(
            caption="Both players' losses, and the discriminator's loss if it can only guess.",
            alt="Two loss curves around the line ln 2.",
            content=charts.line_chart(
                [
                    (name, charts.ROLE_COLOURS[name], steps,
                     [row[name]["adversarial"] for row in rows], None)
                    for name in ("discriminator", "generator")
                ],
                "step", "adversarial loss (nats)",
                reference=("equilibrium: ln 2", balance),
            ),
        ),
    )  # fmt: skip
