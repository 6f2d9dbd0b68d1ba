"""Rules that find issues in the log of a run, during training and afterwards.

Each rule is a function of the configuration and the rows of the log. It examines the last rows,
which describe the current state of the run. Old versions logged fewer numbers; a rule finds
nothing if the numbers that it needs are missing. Each threshold separates the values of healthy
runs from those of failing runs; the comment below a threshold gives both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev

from latentarium.config import Config, ModelConfig, setting
from latentarium.diagnostics.divergence import divergence
from latentarium.diagnostics.fixes import (
    higher_penalty,
    less_capacity,
    lower_penalty,
    lower_rate,
    more_diversity,
    smaller_beta,
)
from latentarium.diagnostics.issue import Issue, IssueName
from latentarium.diagnostics.maturity import first_examined_step
from latentarium.diagnostics.messages import Evidence, Message
from latentarium.diagnostics.rows import WINDOW, Row, column, last_median, players_of
from latentarium.stats.measurement import Real

DISCRIMINATOR, GENERATOR = "discriminator", "generator"
"""Names of the players that the rules for GANs examine."""

MIN_DISCRIMINATOR_LOSS = 0.1
"""Smallest healthy loss of the discriminator, relative to the loss of guessing. In healthy runs
(MNIST, ring, grid, tiny images) the loss settles at 0.6 to 1.0 after a minimum of 0.26. In runs
without penalties and with a far larger discriminator it ends at 0.03 to 0.09. With the
relativistic loss, 0.1 corresponds to a confidence of 93 % in each pair."""
MAX_PENALTY = 1.0
"""Largest healthy penalty, relative to the loss of guessing. A larger penalty dominates the
discriminator's loss. In healthy runs it settles at 0.01 to 0.12 after a maximum of 0.31; exploding
penalties are 1.04 to 1,200."""
MAX_PENALTY_GROWTH = 1000.0
"""Largest healthy penalty, relative to that in the first row; this also detects an explosion of
penalties with a small weight. In healthy runs, penalties grow up to 63-fold (on the grid, where
the discriminator starts flat); exploding penalties grow 18,000-fold."""
MIN_REACH = 0.1
"""Smallest healthy |gradient| |weights|, relative to the loss of guessing: if every weight changes
by 1 %, the loss changes by at most this many percent. It is at least 2.8 for healthy generators,
0.06 for a generator with a flat discriminator, and 0.0000 for a generator with a saturated
tanh."""
MIN_RATE = 0.1
"""Smallest healthy rate, in nats for the whole latent. The rate is an upper bound on the
information in z about x, and 0.1 nats are a seventh of a bit. In healthy runs it ends at 0.39
(tiny images that differ only in class, which the prior knows) to 23 (MNIST), and is at least 0.26
before; in a collapsed run it ends at 0.002."""
RISING_RATE = 1.5
"""Last rate of the window relative to the first rate of the window. If the ratio is larger, the
rate is still rising, which is no collapse: every VAE starts with a rate near 0, and the rate of a
collapsed VAE falls."""
MIN_DIVERSITY = 0.1
"""Smallest healthy variance of samples, relative to that of real images. It is 0.78 to 1.3 for
healthy GANs and near 0 for a collapsed GAN."""
MAX_OVERFIT = 0.15
"""Largest healthy difference between held-out and training loss, relative to the improvement in
training loss. It is 0 to 0.05 in healthy runs (0.05 at the end of training on MNIST) and 1.2 for a
large network trained on 32 images of noise."""
MAX_DISCRIMINATOR_OVERFIT = 0.3
"""Largest healthy difference between a discriminator's held-out and training loss, relative to the
loss of guessing. It is below 0.08 in healthy runs."""
MIN_RISE = 0.1
"""Smallest relevant rise of the held-out loss, relative to the simultaneous fall of the training
loss. A rise must also be statistically significant, because healthy curves fluctuate."""
MIN_TURN = 0.02
"""Smallest relevant rise of the held-out loss, relative to the whole improvement; the loss of the
autoencoder on MNIST fluctuates by less."""
STUDENT_T = 2.78
"""Quantile of Student's t for a 95 % interval of five values."""


@dataclass(frozen=True)
class LogRule:
    """A rule that finds an issue in the rows of a log.

    Arguments:
        issue: The issue that the rule finds.
        applies: Whether a model of this configuration can have the issue.
        check: Returns the issue if the last rows show it, else None.
    """

    issue: IssueName
    applies: Callable[[ModelConfig], bool]
    check: Callable[[Config, Sequence[Row]], Issue | None]


def examine_log(config: Config, rows: Sequence[Row]) -> tuple[Issue, ...]:
    """Return the issues that the log shows at its last row. The rows are not changed.

    Arguments:
        config: The run's configuration.
        rows: The rows of its log so far, in order.
    """
    if len(rows) < WINDOW or rows[-1]["step"] < first_examined_step(config):
        return ()
    issues = (rule.check(config, rows) for rule in LOG_RULES if rule.applies(config.model))
    return tuple(issue for issue in issues if issue is not None)


def log_reasons(config: Config, rows: Sequence[Row]) -> dict[IssueName, Message]:
    """Return the issues that can't be checked with these rows, each with the reason."""
    applicable: list[IssueName] = [rule.issue for rule in LOG_RULES if rule.applies(config.model)]
    if len(rows) < WINDOW:
        few = Message("few rows", {"needed": WINDOW, "rows": len(rows)})
        return dict.fromkeys(applicable, few)
    if rows[-1]["step"] < first_examined_step(config):
        early = Message("warm-up", {"step": first_examined_step(config)})
        return dict.fromkeys(applicable, early)
    vanishing: IssueName = "vanishing generator gradient"
    if vanishing in applicable and last_median(rows, GENERATOR, "gradient") is None:
        return {vanishing: Message("old log", {})}
    return {}


def guessing_loss(config: ModelConfig) -> float:
    """Return the adversarial loss of a discriminator that can only guess, in nats."""
    return config.equilibrium[DISCRIMINATOR]


def _is_gan(config: ModelConfig) -> bool:
    return config.equilibrium.keys() >= {DISCRIMINATOR, GENERATOR}


def _mode_collapse(config: Config, rows: Sequence[Row]) -> Issue | None:
    diversity = last_median(rows, GENERATOR, "diversity")
    if diversity is None or diversity >= MIN_DIVERSITY:
        return None
    return Issue(
        name="mode collapse",
        signs=(Message("alike", {}),),
        evidence={"variance of samples relative to real images": diversity},
        fix=more_diversity(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _discriminator_has_won(config: Config, rows: Sequence[Row]) -> Issue | None:
    loss, guessing = last_median(rows, DISCRIMINATOR, "adversarial"), guessing_loss(config.model)
    if loss is None or loss / guessing >= MIN_DISCRIMINATOR_LOSS:
        return None
    evidence: dict[Evidence, Real] = {"discriminator's loss relative to guessing": loss / guessing}
    accuracy = last_median(rows, DISCRIMINATOR, "pair_accuracy")
    if accuracy is not None:
        evidence["pair accuracy"] = accuracy
    return Issue(
        name="discriminator has won",
        signs=(Message("won", {}),),
        evidence=evidence,
        fix=higher_penalty(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _vanishing_gradient(config: Config, rows: Sequence[Row]) -> Issue | None:
    gradient = last_median(rows, GENERATOR, "gradient")
    weights = last_median(rows, GENERATOR, "weights")
    if gradient is None or weights is None:
        return None
    guessing = guessing_loss(config.model)
    reach = gradient * weights / guessing
    if reach >= MIN_REACH:
        return None
    penalty = last_median(rows, DISCRIMINATOR, "r2")
    loss = last_median(rows, DISCRIMINATOR, "adversarial") or 0.0
    penalized = penalty is not None and setting(config, "model.r2", 0.0) > 0
    flat = penalized and loss > 0.9 * guessing
    percent = f"{max(reach, 0.001):.1g}"
    return Issue(
        name="vanishing generator gradient",
        signs=(Message("flat" if flat else "saturated", {"percent": percent}),),
        evidence={
            "norm of the generator's gradient": gradient,
            "norm of the generator's weights": weights,
        },
        fix=lower_penalty(config) if flat else lower_rate(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _exploding_penalty(config: Config, rows: Sequence[Row]) -> Issue | None:
    weight1, weight2 = setting(config, "model.r1", 0.0), setting(config, "model.r2", 0.0)
    r1, r2 = (last_median(rows, DISCRIMINATOR, name) for name in ("r1", "r2"))
    if r1 is None or r2 is None or weight1 + weight2 == 0:
        return None
    penalty = 0.5 * (weight1 * r1 + weight2 * r2) / guessing_loss(config.model)
    first_row = rows[0].get(DISCRIMINATOR, {})
    first = (first_row.get("r1") or 0.0) + (first_row.get("r2") or 0.0)
    growth = (r1 + r2) / first if first > 0 else 1.0
    if penalty <= MAX_PENALTY and growth <= MAX_PENALTY_GROWTH:
        return None
    return Issue(
        name="exploding penalty",
        signs=(Message("exploding", {}),),
        evidence={
            "penalty relative to the loss of guessing": penalty,
            "squared gradient on real images": r1,
            "penalty relative to its first value": growth,
        },
        fix=lower_rate(config),
        severity="severe",
        step=rows[-1]["step"],
    )


def _posterior_collapse(config: Config, rows: Sequence[Row]) -> Issue | None:
    for player in players_of(rows):
        rates = column(rows[-WINDOW:], player, "rate")
        if rates is None:
            continue
        rate = median(rates)
        if rate >= MIN_RATE or rates[-1] > RISING_RATE * rates[0]:
            continue
        evidence: dict[Evidence, Real] = {"rate in nats": rate}
        beta = setting(config, "model.beta")
        if beta is not None:
            evidence["beta"] = beta
        return Issue(
            name="posterior collapse",
            signs=(Message("no rate", {}),),
            evidence=evidence,
            fix=smaller_beta(config),
            severity="severe",
            step=rows[-1]["step"],
        )
    return None


def _overfit(config: Config, rows: Sequence[Row]) -> Issue | None:
    players = players_of(rows)
    if config.model.adversarial:  # the other losses have no known scale
        players = [p for p in players if p == DISCRIMINATOR and _is_gan(config.model)]
    issues = (_overfit_player(config, rows, player) for player in players)
    return next(filter(None, issues), None)


def _overfit_player(config: Config, rows: Sequence[Row], player: str) -> Issue | None:
    training, held_out = column(rows, player, "total"), column(rows, player, "held_out")
    if training is None or held_out is None:
        return None
    last_training, last_held_out = training[-WINDOW:], held_out[-WINDOW:]
    differences = [h - t for t, h in zip(last_training, last_held_out, strict=True)]
    # the lower end of a 95 % interval
    difference = mean(differences) - STUDENT_T * stdev(differences) / WINDOW**0.5
    best_row = None
    if config.model.adversarial:
        improvement, limit = guessing_loss(config.model), MAX_DISCRIMINATOR_OVERFIT
    else:
        improvement = max(training[0], held_out[0]) - mean(last_training)
        limit = MAX_OVERFIT
        best_row = _turning_point(training, held_out, improvement)
    if (improvement <= 0 or difference / improvement <= limit) and best_row is None:
        return None
    evidence: dict[Evidence, Real] = {
        "training loss": mean(last_training),
        "held-out loss": mean(last_held_out),
    }
    stop = None if best_row is None else rows[best_row]["step"]
    if stop is not None:
        evidence["step of the best held-out loss"] = stop
    return Issue(
        name="overfit",
        signs=(Message("overfit" if stop is None else "overfit since", {"player": player}),),
        evidence=evidence,
        fix=less_capacity(config, stop=stop),
        severity="mild" if difference < 2 * limit * improvement else "severe",
        step=rows[-1]["step"],
    )


def _turning_point(training: list[float], held_out: list[float], improvement: float) -> int | None:
    """Return the row at which the held-out loss was best, if it has clearly risen since while the
    training loss fell."""
    width = max(WINDOW, len(training) // 10)
    if len(training) < 3 * width:
        return None
    # the last window ends at the last row
    starts = range(len(training) % width, len(training), width)
    best = min(starts, key=lambda i: mean(held_out[i : i + width]))
    then, now = held_out[best : best + width], held_out[-width:]
    rise = mean(now) - mean(then)
    fall = mean(training[best : best + width]) - mean(training[-width:])
    error = ((stdev(then) ** 2 + stdev(now) ** 2) / width) ** 0.5
    # four standard errors instead of two, because the best of many windows is selected
    significant = rise > 4 * error
    large = rise > MIN_RISE * fall > 0 and rise > MIN_TURN * improvement
    return best + width // 2 if significant and large else None


LOG_RULES = (
    LogRule("mode collapse", _is_gan, _mode_collapse),
    LogRule("discriminator has won", _is_gan, _discriminator_has_won),
    LogRule("vanishing generator gradient", _is_gan, _vanishing_gradient),
    LogRule("exploding penalty", _is_gan, _exploding_penalty),
    LogRule("posterior collapse", lambda config: config.has_likelihood, _posterior_collapse),
    LogRule("divergence", lambda config: not config.adversarial, divergence),
    LogRule("overfit", lambda config: True, _overfit),
)
"""All rules for a log."""
