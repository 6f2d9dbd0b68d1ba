"""The game approaches an equilibrium: the duality gap falls during training."""

from dataclasses import replace
from typing import Any, ClassVar

from latentarium import charts
from latentarium.evaluation.duality_gap import DualityGap, estimate_duality_gap
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult, Condition, Figure

MAX_SNAPSHOTS = 8
"""If a run has more snapshots, the first one and every second of the others are measured."""
RESPONSE_LEARNING_RATE = 1e-3
BATCH_SIZE = 64


@register("claim", "equilibrium")
class ApproachesEquilibrium(Claim):
    """The GAN's duality gap at the end of training is at most half of its peak."""

    systems: ClassVar[tuple[str, ...]] = ("gan",)
    order: ClassVar[float] = 80

    def measure(self, tour: TourContext) -> ClaimResult:
        run = tour.runs["gan"]
        duality_gaps = _measure_duality_gaps(tour)
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
                        value=last.total / peak.total, unit="share",
                        interval=(last.interval[0] / peak.total, last.interval[1] / peak.total),
                        n=tour.response_batches * BATCH_SIZE,
                    ),
                    relation="<=", threshold=0.5,
                ),
            ),
            evidence=(
                Measurement(name="Duality gap at the end", value=last.total, unit="nats",
                            interval=last.interval),
                Measurement(name=f"Duality gap at its peak, step {peak_step}", value=peak.total,
                            unit="nats", interval=peak.interval),
                Measurement(name="Discriminator's loss in the last row of the log",
                            value=rows[-1]["discriminator"]["adversarial"], unit="nats"),
                Measurement(name="Discriminator's loss at the equilibrium", value=balance,
                            unit="nats"),
            ),
            protocol=(
                "For each snapshot, a copy of each player is trained alone for "
                f"{tour.response_steps} steps while the other player is fixed. Its gain is its "
                "loss before minus its loss after, on held-out images, with the same noise. The "
                "duality gap is the sum of both gains. It is a lower bound, since a longer "
                "response could gain more (Grnarova et al., 2019)."
            ),
            explanation=(
                "A duality gap of zero would be the equilibrium itself, where the discriminator "
                "can only guess. Training approaches the equilibrium; the duality gap at the end "
                "is the remaining distance."
            ),
            figures=_gains_outputs_and_losses(duality_gaps, rows, balance),
        )  # fmt: skip


def _measure_duality_gaps(tour: TourContext) -> dict[int, DualityGap]:
    """Return the duality gap at snapshots of the GAN, by step."""
    run = tour.runs["gan"]
    snapshots = run.snapshots()
    steps = snapshots if len(snapshots) <= MAX_SNAPSHOTS else [snapshots[0], *snapshots[1::2]]
    optimizer = replace(run.config.optimizer, learning_rate=RESPONSE_LEARNING_RATE)
    return {
        step: estimate_duality_gap(
            run.load(step),
            tour.data.train,
            tour.data.validation,
            optimizer=optimizer,
            response_steps=tour.response_steps,
            batch_size=BATCH_SIZE,
            num_batches=tour.response_batches,
            seed=tour.seed,
        )
        for step in steps
    }


def _gains_outputs_and_losses(
    duality_gaps: dict[int, DualityGap], rows: list[dict[str, Any]], balance: float
) -> tuple[Figure, ...]:
    snapshot_steps, steps = list(duality_gaps), [row["step"] for row in rows]
    gains = [
        (
            name, charts.ROLE_COLOURS[name], snapshot_steps,
            [gap.gains[i].gain for gap in duality_gaps.values()],
            [gap.gains[i].interval for gap in duality_gaps.values()],
        )
        for i, name in enumerate(("discriminator", "generator"))
    ]  # fmt: skip
    return (
        Figure(
            caption="What each player could still gain by changing only its own parameters.",
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
