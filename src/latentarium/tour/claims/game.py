"""The claims about the game."""

import math
from dataclasses import replace
from typing import Any

from latentarium import charts
from latentarium.evaluation.duality_gap import DualityGap, estimate_duality_gap
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import Evidence

GAPS = 8
"""Snapshots at which the duality gap is measured, at most: of more, every second one."""


def own_parameters(e: Evidence) -> Claim:
    """The audit that training itself wrote into the log."""
    foreign, own, moves = 0.0, math.inf, 0
    for name in ("gan", "cgan"):
        for row in e.runs[name].log():
            for player in ("discriminator", "generator"):
                moves += 1
                foreign = max(foreign, row[player]["other_delta"])
                own = min(own, row[player]["own_delta"])
    model = e.models["gan"]
    sizes = {p.name: sum(t.numel() for t in p.part.parameters()) for p in model.players()}
    return Claim(
        id="own-parameters",
        title="Each player updates only its own parameters",
        statement=(
            "Generator and discriminator look at each other, but in its move each changes "
            "nothing but itself."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Largest change of a parameter of the other player in any audited move",
                    value=foreign, n=moves,
                ),
                relation="==", bar=0,
            ),
            Condition(
                number=Measurement(
                    name="Largest change of an own parameter, smallest over the audited moves",
                    value=own, n=moves,
                ),
                relation=">", bar=0,
            ),
        ),
        evidence=(
            Measurement(name="Parameters of the generator", value=sizes["generator"]),
            Measurement(name="Parameters of the discriminator", value=sizes["discriminator"]),
            Measurement(name="Moves audited, GAN and CGAN", value=moves),
        ),
        protocol=(
            "At every logged step of both runs, all parameters are copied before each move and "
            "compared after it; the largest absolute differences are in log.jsonl."
        ),
        seed=e.seed,
        explanation=(
            "That is what makes it a game: nobody minimizes the sum. Each player does the best it "
            "can against what the other is now."
        ),
        figures=(
            Figure(
                caption="The largest change of a parameter in each audited move of the GAN, own "
                "and of the other player.",
                alt="Two curves above zero, and one line that lies at zero.",
                content=_moved(e),
            ),
        ),
    )  # fmt: skip


def equilibrium(e: Evidence, response_steps: int, num_batches: int) -> Claim:
    """The duality gap over training, and what the discriminator says."""
    run = e.runs["gan"]
    optimizer = replace(run.config.optimizer, learning_rate=1e-3)
    kept = run.snapshots()
    gaps = {}
    for step in kept if len(kept) <= GAPS else [kept[0], *kept[1::2]]:
        gaps[step] = estimate_duality_gap(
            run.load(step), e.data.train, e.data.validation, optimizer=optimizer,
            response_steps=response_steps, num_batches=num_batches, seed=e.seed,
        )  # fmt: skip
    steps = list(gaps)
    peak = max(steps, key=lambda s: gaps[s].total)
    last = gaps[steps[-1]]
    config = e.models["gan"].config
    assert config.adversarial
    balance = config.equilibrium["discriminator"]
    rows = run.log()
    told = rows[-1]["discriminator"]["adversarial"]
    share = last.total / gaps[peak].total
    low, high = (last.interval[0] / gaps[peak].total, last.interval[1] / gaps[peak].total)
    return Claim(
        id="equilibrium",
        title="The game tends to an equilibrium",
        statement=(
            "At a Nash equilibrium neither player could gain by moving alone. How much each could "
            "still gain is measured, and it falls."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Duality gap at the end, as a share of its peak", value=share,
                    unit="share", interval=(low, high), n=num_batches * 64,
                ),
                relation="<=", bar=0.5,
            ),
        ),
        evidence=(
            Measurement(name="Duality gap at the end", value=last.total, unit="nats",
                        interval=last.interval),
            Measurement(name=f"Duality gap at its peak, step {peak}", value=gaps[peak].total,
                        unit="nats", interval=gaps[peak].interval),
            Measurement(name="Discriminator's loss in the last rows of training", value=told,
                        unit="nats"),
            Measurement(name="Its value at the equilibrium", value=balance, unit="nats"),
        ),
        protocol=(
            f"From a copy of both players at each snapshot, each is trained alone for "
            f"{response_steps} moves while the other stands still; gain = its loss before less "
            "after, on held-out images, with the same noise. The gap is the sum of both gains: a "
            "lower bound, for a longer response could gain more (Grnarova et al., 2019)."
        ),
        seed=e.seed,
        explanation=(
            "A gap of zero would be the equilibrium itself: the discriminator could only guess. "
            "Training comes nearer, and what is left is measured, not hidden."
        ),
        figures=_gains_and_outputs(gaps, rows, balance),
    )  # fmt: skip


def _gains_and_outputs(
    gaps: dict[int, DualityGap], rows: list[dict[str, Any]], balance: float
) -> tuple[Figure, ...]:
    steps, x = list(gaps), [row["step"] for row in rows]
    by_player = [
        (
        name, charts.ROLE_COLOURS[name],
        steps, [gaps[s].gains[i].gain for s in steps],
        [gaps[s].gains[i].interval for s in steps],
        )
        for i, name in enumerate(("discriminator", "generator"))
    ]  # fmt: skip
    return (
        Figure(
            caption="What each player could still gain by moving alone, over training.",
            alt="Two curves that fall towards zero.",
            content=charts.line_chart(
                by_player, "step", "gain (nats)", log_x=True, y_from_zero=True
            ),
        ),
        Figure(
            caption="The discriminator's mean output on real and on generated images. At the "
            "equilibrium the two would meet.",
            alt="Two curves with a gap between them that narrows.",
            content=charts.line_chart(
                [
                    (label, charts.ROLE_COLOURS[role], x,
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
            caption="Both players' losses, with the value at which the discriminator can only "
            "guess.",
            alt="Two loss curves around the line ln 2.",
            content=charts.line_chart(
                [
                    (name, charts.ROLE_COLOURS[name], x, [row[name]["adversarial"] for row in rows],
                     None)
                    for name in ("discriminator", "generator")
                ],
                "step", "adversarial loss (nats)",
                reference=("equilibrium: ln 2", balance),
            ),
        ),
    )  # fmt: skip


def _moved(e: Evidence) -> str:
    rows = e.runs["gan"].log()
    x = [row["step"] for row in rows]
    curves = [
        (
            f"{name}, own",
            charts.ROLE_COLOURS[name],
            x,
            [row[name]["own_delta"] for row in rows],
            None,
        )
        for name in ("discriminator", "generator")
    ]
    other = [max(row[p]["other_delta"] for p in ("discriminator", "generator")) for row in rows]
    curves.append(("the other player's", charts.ROLE_COLOURS["real"], x, other, None))
    return charts.line_chart(curves, "step", "largest change")
