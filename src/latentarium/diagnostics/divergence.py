"""Find divergence: a training loss far above its lowest earlier level."""

from collections.abc import Sequence
from statistics import median, stdev

from latentarium.config import Config, setting
from latentarium.diagnostics.fixes import gentler_steps
from latentarium.diagnostics.issue import Issue
from latentarium.diagnostics.messages import Message
from latentarium.diagnostics.rows import WINDOW, Row, column, players_of

MAX_RISE = 0.1
"""Largest healthy rise of the training loss above its lowest level so far, relative to the whole
improvement. It is at most 0.002 in healthy runs (MNIST, ring, grid), and 0.78 in a VAE on MNIST
that became unstable after 47,800 steps with a learning rate of 0.002."""
MAX_LOSS = 0.5
"""Largest healthy rise of a loss that never improved, relative to its first value."""
MIN_RISE = 8.0
"""Smallest relevant rise, in standard deviations of the loss within a window, since losses
fluctuate. It is at most 8.0 in 62,000 simulated logs of noise with 10 to 4,000 rows."""


def divergence(config: Config, rows: Sequence[Row]) -> Issue | None:
    """Return the issue if the median of a player's last losses is far above the lowest median of
    an earlier window. Rows of the KL warm-up are left out, because the loss rises there."""
    warm_up = setting(config, "model.kl_warmup_steps", 0)
    steady = [row for row in rows if row["step"] > warm_up]
    if len(steady) < 2 * WINDOW:
        return None
    for player in players_of(rows):
        losses, first = _losses(config, steady, player), _losses(config, rows[:1], player)
        if losses is None or first is None:
            continue
        starts = range(len(losses) % WINDOW, len(losses), WINDOW)
        windows = [range(start, start + WINDOW) for start in starts]
        levels = [median(losses[i] for i in window) for window in windows]
        best = min(range(len(levels)), key=lambda i: levels[i])
        lowest, step = levels[best], steady[windows[best][-1]]["step"]
        limit = MAX_RISE * (first[0] - lowest)
        gradients = column([steady[i] for i in windows[best]], player, "gradient")
        if lowest >= first[0]:  # there was no improvement
            lowest, step = first[0], rows[0]["step"]
            limit, gradients = MAX_LOSS * abs(first[0]), None
        noise = max(stdev(losses[i] for i in windows[n]) for n in (best, -1))
        if levels[-1] - lowest <= max(limit, MIN_RISE * noise):
            continue
        return Issue(
            name="divergence",
            signs=(Message("diverged", {"player": player}),),
            evidence={
                "training loss": levels[-1],
                "lowest training loss": lowest,
                "step of the lowest training loss": step,
            },
            fix=gentler_steps(config, median(gradients) if gradients else None),
            severity="severe",
            step=rows[-1]["step"],
        )
    return None


def _losses(config: Config, rows: Sequence[Row], player: str) -> list[float] | None:
    """Return the player's loss in each row, with the full weight of the KL term."""
    distortions, rates = column(rows, player, "distortion"), column(rows, player, "rate")
    if distortions is None or rates is None:
        return column(rows, player, "total")
    beta = setting(config, "model.beta", 1.0)
    return [d + beta * r for d, r in zip(distortions, rates, strict=True)]
