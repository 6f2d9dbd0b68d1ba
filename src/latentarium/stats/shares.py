"""Intervals of shares: exact, and simultaneous for the worst of several classes.

    Clopper-Pearson   a share of n trials, by inverting the exact test
    weighted          a sum of shares with weights, from its variance and its largest weight
    Hoeffding         a mean over pairs (an AUC), without assumptions: conservative
    beyond            a share of values beyond a quantile that other values determine

The lowest of several shares is lower than its class's true share more often than not, because it
was selected for being low, and an interval that ignores the selection misses the true share too
often. Intervals at the level 1 - a / K contain the true shares of all K classes at once with
probability 1 - a (Bonferroni), and thus that of any class that is selected from them. This is
conservative, in particular if one class is much worse than the others, since it would be selected
every time.

References:
    The use of confidence or fiducial limits illustrated in the case of the binomial (Clopper and
    Pearson, 1934)
    Multiple comparisons among means (Dunn, 1961)
    Confidence intervals for directly standardized rates (Fay and Feuer, 1997)
    Confidence intervals for selected parameters (Benjamini, Hechtlinger and Stark, 2019),
    arxiv.org/abs/1906.00505
    Probability inequalities for sums of bounded random variables (Hoeffding, 1963)
    The Bayesian bootstrap (Rubin, 1981)
    Calculating nonparametric confidence intervals for quantiles using fractional order statistics
    (Hutson, 1999)
    An invariant form for the prior probability in estimation problems (Jeffreys, 1946)
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import betainc, betaincinv, xlog1py, xlogy
from torch import Tensor

from latentarium.errors import UserError
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval, Real

DRAWS = 1000
"""How often the levels of the reference values are drawn."""
RANK_SPREADS = 8
"""Ranks farther from the threshold's rank than so many standard deviations are neglected."""
BISECTIONS = 60
"""Halvings of [0, 1], enough for the precision of a float."""


def simultaneous(confidence: float, count: int) -> float:
    """Return the confidence that each of several intervals needs, so that all of them contain
    their true values at once with at least the given confidence (Bonferroni).

    Raises:
        UserError: The confidence is not between 0 and 1 ("invalid-confidence"), or the count is
            less than 1 ("invalid-count").
    """
    normal_quantile(confidence)  # raises for an invalid confidence
    if count < 1:
        raise UserError(f"There are {count} intervals; give at least 1.", code="invalid-count")
    return 1 - (1 - confidence) / count


def clopper_pearson(share: Real, n: Real, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a share: all p for which P(X <= x) and P(X >= x) are at least
    a / 2, where X has a binomial distribution (Clopper and Pearson, 1934).

    It covers at least the given confidence for every share and n, and 97 % on average for a
    nominal 95 % if a few successes and a few misses are expected. Near 0 and 1, Wilson's interval
    covers 84 % in the worst case. Very near 0 and 1 every interval covers more than 99 %.

    Arguments:
        share: The share of successes.
        n: Number of independent trials. For correlated trials it is the effective sample size,
            which is not an integer in general.
        confidence: Probability with which the interval contains the true share, at least.

    Raises:
        UserError: n is not above 0, or the share is not from 0 to 1 ("not-a-share").
    """
    _require_share(share, n)
    tail = _tail(confidence)
    successes = share * n
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if share == 1 else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def weighted_share(
    share: Real, variance: float, weight: float, confidence: float = 0.95
) -> Interval:
    """Return an interval of a weighted sum of independent values, whose range is [0, 1], such as a
    mean over classes of different size.

    The ends are quantiles of two beta distributions. As in the intervals of Fay and Feuer (1997)
    for weighted sums of Poisson variables, their moments are those of the sum after one more
    failure, or one more success, with the largest weight. For n equal weights and a binomial
    variance, the interval is that of Clopper and Pearson. Near 0 and 1, where few values determine
    the variance, it is conservative; for a share of 1 the lower end is tail^weight.

    Arguments:
        share: The weighted sum.
        variance: Its estimated variance.
        weight: The largest weight: by how much a single value changes the sum at most.
        confidence: Probability with which the interval contains the expected sum.

    Raises:
        UserError: The weight is not above 0, or the share is not from 0 to 1 ("not-a-share").
    """
    _require_share(share, weight)
    tail = _tail(confidence)
    low = _weighted_low(share, variance, weight, tail)
    return low, 1 - _weighted_low(1 - share, variance, weight, tail)


def _weighted_low(share: Real, variance: float, weight: float, tail: float) -> float:
    if share == 0:
        return 0.0
    mean = share / (1 + weight)
    added = (variance + weight**2 * share) / ((1 + weight) ** 2 * (1 + 2 * weight))
    size = mean * (1 - mean) / added - 1
    # without a beta distribution of such a variance, nothing is known
    return float(betaincinv(mean * size, (1 - mean) * size, tail)) if size > 0 else 0.0


def mean_over_pairs(mean: Real, n: int, m: int, confidence: float = 0.95) -> Interval:
    """Return an interval of the mean over all n x m pairs of two independent samples, of a
    function with values from 0 to 1, such as an AUC. It is conservative.

    Such a mean is an average over orders of the samples, and for each order it is a mean of
    r = min(n, m) independent values. Therefore the bound of Hoeffding (1963, sections 2 and 5) for
    r independent values applies, for all distributions and sample sizes: the interval contains all
    p with r KL(mean || p) <= log(2 / a), where KL is that of two Bernoulli distributions.

    Arguments:
        mean: The mean over all pairs.
        n, m: Sizes of the two samples.
        confidence: Probability with which the interval contains the true mean, at least.

    Raises:
        UserError: A sample is empty, or the mean is not from 0 to 1 ("not-a-share").
    """
    r = min(n, m)
    _require_share(mean, r)
    limit = -math.log(_tail(confidence)) / r

    def excess(p: float) -> float:
        against = xlogy(mean, mean / p) if p > 0 else math.inf if mean > 0 else 0.0
        return float(against + _kl_of_misses(mean, p)) - limit

    low = 0.0 if mean == 0 else _bisect(excess, 0.0, mean)
    high = 1.0 if mean == 1 else 1 - _bisect(lambda q: excess(1 - q), 0.0, 1 - mean)
    return low, high


def share_beyond(
    values: Tensor,
    reference: Tensor,
    quantile: float,
    *,
    closed: bool = False,
    limit: float = math.inf,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Return an interval of the share of values above a quantile of a reference.

    The true share is the expected one, over new values and as many new reference values, which
    determine the threshold. The levels of the sorted reference values in their own distribution
    are those of sorted uniform values, whatever the distribution. They are drawn many times (a
    Bayesian bootstrap; Rubin, 1981), and the threshold of a new reference has a beta distribution
    of levels (Hutson, 1999). For each draw, the share above such a threshold is averaged, and a
    share is drawn from the posterior of a share of n trials (Jeffreys, 1946). In contrast to
    resampled reference values, new ones may be larger than the largest.

    Arguments:
        values: Independent values.
        reference: Independent values whose quantile is the threshold.
        quantile: The quantile's level, between 0 and 1.
        closed: Whether values equal to the quantile count as above it.
        limit: The largest possible value.
        seed: Seed of the draws.
        confidence: Share of the drawn shares inside the interval.
    """
    generator = np.random.default_rng(seed)
    tail = _tail(confidence)
    ordered = np.sort(reference.double().cpu().numpy())
    n, m = len(values), len(ordered)
    rank = quantile * (m - 1) + 1  # of the threshold; the lowest value has rank 1
    spread = math.sqrt(m * quantile * (1 - quantile))
    first = max(0, math.floor(rank - RANK_SPREADS * (spread + 1)))
    near = np.append(ordered[first:], limit)
    spacings = generator.exponential(size=(DRAWS, m - first))
    above = spacings[:, ::-1].cumsum(1)[:, ::-1]
    levels = 1 - above / (above[:, :1] + generator.gamma(first + 1, size=(DRAWS, 1)))
    below = betainc(rank, m + 1 - rank, levels)  # chance of a threshold below each value
    chances = np.diff(below, prepend=0, append=1)
    given = np.sort(values.double().cpu().numpy())
    beyond = n - np.searchsorted(given, near, side="left" if closed else "right")
    # a threshold between two reference values; before the first, the chance is negligible
    between = np.append(beyond[0], (beyond[:-1] + beyond[1:]) / 2)
    expected = chances @ between
    shares = generator.beta(expected + 0.5, n - expected + 0.5)
    low, high = (float(end) for end in np.quantile(shares, [tail, 1 - tail]))
    threshold = float(reference.double().quantile(quantile))
    above_threshold = values.double() >= threshold if closed else values.double() > threshold
    at_threshold = int(above_threshold.sum()) / n
    return min(low, at_threshold), max(high, at_threshold)


def expected_share_beyond(m: int, quantile: float) -> float:
    """Return the expected share of values above a quantile of m reference values, if both have the
    same continuous distribution: 1 - quantile only for large m."""
    return 1 - (quantile * (m - 1) + 1) / (m + 1)


def _require_share(share: Real, n: Real) -> None:
    if not n > 0 or not 0 <= share <= 1:
        raise UserError(
            f"The share is {share} and n is {n}; the share must be from 0 to 1, and n must be "
            "above 0.",
            code="not-a-share",
        )


def _tail(confidence: float) -> float:
    normal_quantile(confidence)  # raises for an invalid confidence
    return (1 - confidence) / 2


def _kl_of_misses(mean: Real, p: float) -> float:
    if p == 1:
        return math.inf if mean < 1 else 0.0
    return float(xlog1py(1 - mean, -mean) - xlog1py(1 - mean, -p)) if mean < 1 else 0.0


def _bisect(excess: Callable[[float], float], low: float, high: Real) -> float:
    """Return the root of a decreasing function that is positive at `low`, if not at `high`."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if excess(middle) > 0:
            low = middle
        else:
            high = middle
    return low
