"""How sure a number is.

    wilson      share of n trials, from the score test of a binomial
    bootstrap   any statistic of n values, from resampling them with replacement

An interval speaks of the sampling of the n values alone: not of other seeds, trainings or judges.

References:
    Probable inference, the law of succession, and statistical inference (Wilson, 1927)
    Bootstrap methods: another look at the jackknife (Efron, 1979)
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import torch
from torch import Tensor

from latentarium.errors import UserError

Interval = tuple[float, float]
BLOCK = 1 << 23
"""Values held at once while resampling: 64 MiB of float64."""


def normal_quantile(confidence: float) -> float:
    """How many standard deviations to either side hold this share of a normal: 1.96 for 0.95.

    Raises:
        UserError: The confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise UserError(f"confidence is {confidence}; give a value between 0 and 1, as 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The interval of a share: all p that the score test does not reject. It stays within [0, 1]
    and keeps a width at 0 and n successes, unlike p ± 1.96 standard errors (Wilson, 1927).

    Raises:
        UserError: No trials, or more successes than trials.
    """
    if n < 1 or not 0 <= successes <= n:
        raise UserError(f"{successes} of {n} is no share: give 1 or more trials and 0 to n hits.")
    return wilson_share(successes / n, float(n), confidence)


def wilson_share(share: float, n: float, confidence: float = 0.95) -> Interval:
    """As `wilson`, of a share whose variance is that of n independent trials: n need not be a
    whole number, and is smaller than the number of trials where those go together."""
    z = normal_quantile(confidence)
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low = 0.0 if share == 0 else max(0.0, centre - half)  # exact, where rounding is not
    return low, 1.0 if share == 1 else min(1.0, centre + half)


def mean(values: Tensor) -> Tensor:
    """The mean of all values: the statistic that `bootstrap` computes without a loop."""
    return values.mean()


def bootstrap(
    values: Tensor,
    statistic: Callable[[Tensor], Tensor] = mean,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """The percentile interval of a statistic of independent samples (Efron, 1979).

    Fit for statistics that average (means, shares, their ratios, quantiles). Not for those that
    resampling itself shifts, as nearest-neighbour distances and the Fréchet distance, which feel
    the repeated points.

    Arguments:
        values: One sample per row; rows are drawn with replacement.
        statistic: From rows to a scalar.
        resamples: How many sets of n rows are drawn.
        seed: Of the draws.
        confidence: Share of resamples inside.

    Raises:
        UserError: No values, or values that are not finite.
    """
    normal_quantile(confidence)  # for its check
    values = values.double()
    n = len(values)
    if n < 1 or not bool(values.isfinite().all()):
        raise UserError("An interval needs at least one value, and finite ones: check the input.")
    generator = torch.Generator().manual_seed(seed)
    rows = max(1, BLOCK // n)
    found = []
    for start in range(0, resamples, rows):
        drawn = torch.randint(n, (min(rows, resamples - start), n), generator=generator)
        if statistic is mean:  # the mean of everything is the mean of the rows' means
            row_means = values.reshape(n, -1).mean(1)
            found.append(row_means[drawn].mean(1))
        else:
            found.append(torch.stack([statistic(values[row]) for row in drawn]))
    tail = (1 - confidence) / 2
    ends = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = torch.cat(found).double().quantile(ends).tolist()
    return low, high
