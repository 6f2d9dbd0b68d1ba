"""What the log alone shows of a run's health, while it trains and after.

Each rule is a function of the configuration and the rows, and looks at the last rows: at how the
run is now. A row lacks what an older version did not log, and then a rule that needs it is silent.
The thresholds were set between healthy and sick runs; each says which.
"""

from collections.abc import Sequence
from statistics import mean, median, stdev
from typing import Any

from latentarium.config import AutoencoderConfig, Config, GANConfig
from latentarium.diagnostics.fixes import (
    higher_penalty,
    less_capacity,
    lower_penalty,
    lower_rate,
    more_diverse,
    smaller_beta,
)
from latentarium.diagnostics.issue import Disease, Finding, diseases_of
from latentarium.diagnostics.messages import Evidence, Said
from latentarium.stats.measurement import Real

Row = dict[str, Any]

WINDOW = 5
"""Rows that say how the run is now; fewer say nothing. At the default, 250 steps."""
EARLY = 0.1
"""Share of the steps in which nothing is called a disease: every healthy game starts one-sided
(MNIST's discriminator sees 92 % of pairs through in its first 50 steps, 74 % later)."""
WON = 0.1
"""Of the loss of a discriminator that must guess. Healthy runs (MNIST, ring, grid, tiny images)
settle at 0.6 to 1.0 and pass 0.26 on the way; those without penalties under a far larger
discriminator end at 0.03 to 0.09. Under the relativistic loss it means that the discriminator is
93 % sure of each pair."""
OUTWEIGHED = 1.0
"""Penalty over the loss of guessing. A penalty above that is what the discriminator plays for.
Healthy runs settle at 0.01 to 0.12 and pass 0.31 on the way; runs whose penalty explodes are at
1.04 to 1,200."""
GROWN = 1000.0
"""Times the first row, for a penalty whose weight is too small to be felt. Healthy runs grow up to
63-fold (on the grid, where the discriminator starts flat), exploding ones 18,000-fold."""
VANISHED = 0.1
"""|gradient| |weights| over the loss of guessing: turning every weight by 1 % changes the loss by
at most that many percent. Healthy generators are at 2.8 and above; one under a discriminator
that is held flat at 0.06, one whose tanh is saturated at 0.0000."""
NO_RATE = 0.1
"""Nats in the whole latent, a seventh of one yes-or-no answer: the rate bounds what z tells about
x. Healthy runs are at 0.39 (tiny images that differ in class only, which the prior knows already)
to 23 (MNIST), and pass 0.26 on the way; a collapsed one ends at 0.002."""
RISING = 1.5
"""Times the first of the last rows: a rate that climbs so is on its way. Every VAE starts near 0,
and a collapsed one falls."""
ALIKE = 0.1
"""Variance of samples over that of real images. Healthy GANs are at 0.78 to 1.3; a collapsed one
is near 0."""
OVERFIT = 0.15
"""Of what was learned, the share that does not carry over to held-out images. Healthy runs are
at 0 to 0.05 (the most on MNIST, at the end); a large network on 32 images of noise is at 1.2."""
OVERFIT_GAME = 0.3
"""The same for a discriminator, of the loss of guessing. Healthy ones are below 0.08."""
RISEN = 0.1
"""A held-out loss that rose again by this share of what the training loss fell meanwhile. It is
asked for beside significance, as healthy curves wobble."""
TURNED = 0.02
"""And by this share of all that was learned: the autoencoder of MNIST wobbles by less."""
STUDENT = 2.78
"""The t quantile for a 95 % interval of five values."""


def examine_log(config: Config, rows: Sequence[Row]) -> tuple[Finding, ...]:
    """The diseases that a run's log shows at its last row; pure and quick.

    Arguments:
        config: The run's.
        rows: Of its log, in order, as far as they are known.
    """
    if len(rows) < WINDOW or rows[-1]["step"] < _began(config):
        return ()
    rules = _GAME_RULES if isinstance(config.model, GANConfig) else _AUTOENCODER_RULES
    found = (rule(config, rows) for rule in rules)
    return tuple(finding for finding in found if finding is not None)


def not_shown(config: Config, rows: Sequence[Row]) -> dict[Disease, Said]:
    """Diseases that these rows can't show, and why."""
    if len(rows) < WINDOW:
        few = Said("few rows", {"needed": WINDOW, "rows": len(rows)})
        return dict.fromkeys(diseases_of(config.model), few)
    if rows[-1]["step"] < _began(config):
        early = Said("warm-up", {"step": round(_began(config))})
        return dict.fromkeys(diseases_of(config.model), early)
    if isinstance(config.model, GANConfig) and _now(rows, "generator", "gradient") is None:
        return {"vanishing generator gradient": Said("old log", {})}
    return {}


def _began(config: Config) -> float:
    """The step from which on the log is judged."""
    return float(max(EARLY * config.train.steps, config.optimizer.warmup_steps))


def _won(config: Config, rows: Sequence[Row]) -> Finding | None:
    game = _now(rows, "discriminator", "adversarial")
    if game is None or game / _guessing(config) >= WON:
        return None
    evidence: dict[Evidence, Real] = {
        "discriminator's loss over that of guessing": game / _guessing(config)
    }
    told = _now(rows, "discriminator", "pair_accuracy")
    if told is not None:
        evidence["share of pairs told apart"] = told
    return Finding(
        disease="discriminator has won",
        signs=(Said("won", {}),),
        evidence=evidence,
        remedy=higher_penalty(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _exploding(config: Config, rows: Sequence[Row]) -> Finding | None:
    model = _gan(config)
    r1, r2 = (_now(rows, "discriminator", name) for name in ("r1", "r2"))
    if r1 is None or r2 is None or model.r1 + model.r2 == 0:
        return None
    share = 0.5 * (model.r1 * r1 + model.r2 * r2) / _guessing(config)
    start = rows[0].get("discriminator", {})
    first = (start.get("r1") or 0.0) + (start.get("r2") or 0.0)
    grown = (r1 + r2) / first if first > 0 else 1.0
    if share <= OUTWEIGHED and grown <= GROWN:
        return None
    return Finding(
        disease="exploding penalty",
        signs=(Said("exploding", {}),),
        evidence={
            "penalty over the loss of guessing": share,
            "squared gradient on real images": r1,
            "times its first value": grown,
        },
        remedy=lower_rate(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _vanishing(config: Config, rows: Sequence[Row]) -> Finding | None:
    gradient = _now(rows, "generator", "gradient")
    weights = _now(rows, "generator", "weights")
    if gradient is None or weights is None:
        return None
    reach = gradient * weights / _guessing(config)
    if reach >= VANISHED:
        return None
    squared = _now(rows, "discriminator", "r2")
    game = _now(rows, "discriminator", "adversarial") or 0.0
    flat = squared is not None and _gan(config).r2 > 0 and game > 0.9 * _guessing(config)
    percent = f"{max(reach, 0.001):.1g}"
    return Finding(
        disease="vanishing generator gradient",
        signs=(Said("flat" if flat else "saturated", {"percent": percent}),),
        evidence={"generator's gradient": gradient, "generator's weights": weights},
        remedy=lower_penalty(config) if flat else lower_rate(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _all_alike(config: Config, rows: Sequence[Row]) -> Finding | None:
    diversity = _now(rows, "generator", "diversity")
    if diversity is None or diversity >= ALIKE:
        return None
    return Finding(
        disease="mode collapse",
        signs=(Said("alike", {}),),
        evidence={"variance of samples over that of real images": diversity},
        remedy=more_diverse(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _no_information(config: Config, rows: Sequence[Row]) -> Finding | None:
    rate, rates = _now(rows, "autoencoder", "rate"), _column(rows[-WINDOW:], "autoencoder", "rate")
    if rate is None or rates is None or not isinstance(config.model, AutoencoderConfig):
        return None
    if rate >= NO_RATE or rates[-1] > RISING * rates[0]:
        return None
    return Finding(
        disease="posterior collapse",
        signs=(Said("no rate", {}),),
        evidence={"rate in nats": rate, "beta": config.model.beta},
        remedy=smaller_beta(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _overfit(config: Config, rows: Sequence[Row]) -> Finding | None:
    game = isinstance(config.model, GANConfig)
    player = "discriminator" if game else "autoencoder"
    seen, unseen = _column(rows, player, "total"), _column(rows, player, "held_out")
    if unseen is None or seen is None:
        return None
    gaps = [u - s for s, u in zip(seen[-WINDOW:], unseen[-WINDOW:], strict=True)]
    gap = mean(gaps) - STUDENT * stdev(gaps) / WINDOW**0.5
    learned = _guessing(config) if game else max(seen[0], unseen[0]) - mean(seen[-WINDOW:])
    limit = OVERFIT_GAME if game else OVERFIT
    best = None if game else _turned(seen, unseen, learned)
    if (learned <= 0 or gap / learned <= limit) and best is None:
        return None
    evidence: dict[Evidence, Real] = {
        "training loss": mean(seen[-WINDOW:]),
        "held-out loss": mean(unseen[-WINDOW:]),
    }
    if best is not None:
        evidence["step of the best held-out loss"] = rows[best]["step"]
    return Finding(
        disease="overfit",
        signs=(Said("overfit" if best is None else "overfit since", {"player": player}),),
        evidence=evidence,
        remedy=less_capacity(config, stop=None if best is None else rows[best]["step"]),
        severity="mild" if gap < 2 * limit * learned else "severe",
        step=rows[-1]["step"],
    )


def _turned(seen: list[float], unseen: list[float], learned: float) -> int | None:
    """The row at which held-out images were at their best, where they clearly worsened since
    while the training images improved."""
    width = max(WINDOW, len(seen) // 10)
    if len(seen) < 3 * width:
        return None
    starts = range(len(seen) % width, len(seen), width)  # windows that end with the last row
    best = min(starts, key=lambda i: mean(unseen[i : i + width]))
    then, now = unseen[best : best + width], unseen[-width:]
    rise = mean(now) - mean(then)
    fall = mean(seen[best : best + width]) - mean(seen[-width:])
    error = ((stdev(then) ** 2 + stdev(now) ** 2) / width) ** 0.5
    # four errors, not two: the best of many windows is lucky
    enough = rise > RISEN * fall > 0 and rise > TURNED * learned
    return best + width // 2 if rise > 4 * error and enough else None


_GAME_RULES = (_all_alike, _won, _vanishing, _exploding, _overfit)
_AUTOENCODER_RULES = (_no_information, _overfit)


def _gan(config: Config) -> GANConfig:
    assert isinstance(config.model, GANConfig)
    return config.model


def _guessing(config: Config) -> float:
    """The discriminator's adversarial loss where it can tell nothing."""
    return config.model.equilibrium["discriminator"]


def _now(rows: Sequence[Row], player: str, name: str) -> float | None:
    """The median over the last rows; None where one of them lacks it."""
    values = _column(rows[-WINDOW:], player, name)
    return None if values is None else median(values)


def _column(rows: Sequence[Row], player: str, name: str) -> list[float] | None:
    values = [row.get(player, {}).get(name) for row in rows]
    known = [float(value) for value in values if value is not None]
    return known if len(known) == len(values) else None
