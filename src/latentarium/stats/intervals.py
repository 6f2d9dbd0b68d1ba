"""Confidence intervals.

    wilson      a share of n trials, by inverting the score test of a binomial
    bootstrap   any statistic of n values, by resampling them with replacement

The shares in reports have the intervals of `stats.shares`, which cover better near 0 and 1.

An interval accounts for the choice of the n values only. It does not include the variation between
seeds, training runs or classifiers.

References:
    Probable inference, the law of succession, and statistical inference (Wilson, 1927)
    Bootstrap methods: another look at the jackknife (Efron, 1979)
    What teachers should know about the bootstrap (Hesterberg, 2015), arxiv.org/abs/1411.5279
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import torch
from scipy.special import ndtr, stdtrit
from torch import Tensor

from latentarium.errors import UserError
from latentarium.stats.measurement import Interval, Real

MAX_INDICES = 1 << 23
"""Row indices drawn at a time when resampling: 64 MiB of int64."""


def normal_quantile(confidence: float) -> float:
    """Return the z for which a standard normal variable is between -z and z with the given
    probability: 1.96 for 0.95.

    Raises:
        UserError: The confidence is not between 0 and 1 ("invalid-confidence").
    """
    if not 0 < confidence < 1:
        raise UserError(
            f"confidence is {confidence}; it must be between 0 and 1, for instance 0.95.",
            code="invalid-confidence",
        )
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def student_quantile(confidence: float, degrees: Real) -> float:
    """Return the t for which a variable with Student's distribution is between -t and t with the
    given probability.

    Arguments:
        confidence: The probability.
        degrees: Degrees of freedom.

    Raises:
        UserError: The confidence is not between 0 and 1 ("invalid-confidence").
    """
    normal_quantile(confidence)  # raises for an invalid confidence
    return float(stdtrit(degrees, 0.5 + confidence / 2))


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the Wilson interval of a share: all p that the score test does not reject.

    Unlike p ± 1.96 standard errors, it stays within [0, 1], and its width is positive even for 0
    and for n successes (Wilson, 1927).

    Raises:
        UserError: n is less than 1, or successes is not from 0 to n ("not-a-share").
    """
    if n < 1 or not 0 <= successes <= n:
        raise UserError(
            f"successes is {successes} and n is {n}; n must be at least 1, and successes must be "
            "from 0 to n.",
            code="not-a-share",
        )
    return wilson_from_share(successes / n, float(n), confidence)


def wilson_from_share(share: float, n: float, confidence: float = 0.95) -> Interval:
    """Return the Wilson interval of a share whose variance equals that of n independent trials.

    For correlated trials n is the effective sample size: not an integer in general, and smaller
    than the number of trials.
    """
    z = normal_quantile(confidence)
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low = 0.0 if share == 0 else max(0.0, centre - half)  # the formula is 0 only up to rounding
    return low, 1.0 if share == 1 else min(1.0, centre + half)


def mean(values: Tensor) -> Tensor:
    """Return the mean of all values; `bootstrap` computes this statistic without a loop."""
    return values.mean()


def bootstrap(
    values: Tensor,
    statistic: Callable[[Tensor], Tensor] = mean,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    max_indices: int = MAX_INDICES,
) -> Interval:
    """Return the percentile bootstrap interval of a statistic of independent samples
    (Efron, 1979), expanded for small n.

    Percentiles are too narrow by the factor sqrt((n - 1) / n) and by that of the normal to
    Student's quantile. The levels of the percentiles are chosen so that for a normal mean the
    interval is as wide as Student's (Hesterberg, 2015).

    It is suitable for means, shares, ratios of means, and quantiles. It is not suitable for
    statistics that repeated values bias, such as nearest-neighbour distances and the Fréchet
    distance.

    Arguments:
        values: One sample per row; rows are drawn with replacement.
        statistic: Maps rows to a scalar.
        resamples: Number of resampled sets of n rows.
        seed: Seed of the resampling.
        confidence: Probability with which the interval contains the true statistic.
        max_indices: Row indices drawn at a time. It limits memory and does not change the result.

    Raises:
        UserError: No values ("too-few-values"), values that are not finite ("not-finite"), or a
            confidence outside (0, 1) ("invalid-confidence").
    """
    normal_quantile(confidence)  # raises for an invalid confidence
    values = values.double()
    n = len(values)
    if n < 1:
        raise UserError(
            "There are no values; an interval needs at least 1.", code="too-few-values"
        )
    if not bool(values.isfinite().all()):
        raise UserError(
            "Some values are not finite; find out which input produced them.", code="not-finite"
        )
    generator = torch.Generator().manual_seed(seed)
    sets = max(1, max_indices // n)
    statistics = []
    for start in range(0, resamples, sets):
        rows = torch.randint(n, (min(sets, resamples - start), n), generator=generator)
        if statistic is mean:  # the mean of all values is the mean of the rows' means
            row_means = values.reshape(n, -1).mean(1)
            statistics.append(row_means[rows].mean(1))
        else:
            statistics.append(torch.stack([statistic(values[row]) for row in rows]))
    return expanded_percentiles(torch.cat(statistics), n, confidence)


def expanded_percentiles(statistics: Tensor, n: int, confidence: float = 0.95) -> Interval:
    """Return percentiles of resampled statistics, at levels expanded for small n; see `bootstrap`.

    Arguments:
        statistics: The statistic of each resample.
        n: Number of independent samples in a resample.
        confidence: Confidence of the interval.
    """
    tail = (1 - confidence) / 2
    if n > 1:
        tail = float(ndtr(-student_quantile(confidence, n - 1) * (n / (n - 1)) ** 0.5))
    levels = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = statistics.double().quantile(levels).tolist()
    return low, high
