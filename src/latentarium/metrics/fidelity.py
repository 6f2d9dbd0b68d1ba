"""Fidelity and diversity by balls around features: precision, recall, density, coverage.

    precision   share of generated images inside the ball of a real image                 <=
    recall      share of real images inside the ball of a generated image                 <=
    density     mean number of real images' balls around a generated image, divided by k  <
    coverage    share of real images with a generated image inside their ball             <

The radius of a ball is the distance to the k-th nearest neighbour in the same set. The last column
shows whether a ball includes its boundary (<=) or not (<).

References:
    Improved precision and recall metric (Kynkäänniemi et al., 2019), arxiv.org/abs/1904.06991
    Reliable fidelity and diversity metrics (Naeem et al., 2020), arxiv.org/abs/2002.09797
    Large sample confidence regions based on subsamples (Politis and Romano, 1994)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.metrics.balls import MAX_DISTANCES, BallCounts, ball_counts, require_comparable
from latentarium.shapes import FeatureSet, Mask, OtherFeatureSet, OtherMask, PerOther, PerPoint
from latentarium.stats.intervals import normal_quantile, student_quantile
from latentarium.stats.measurement import Interval, Real
from latentarium.stats.shares import clopper_pearson

PARTS, PARTITIONS = 3, 4
"""Number of disjoint parts of both sets from which variances are estimated, and number of random
partitions into such parts. In smaller parts, images depend on each other less than in the whole
sets: with ten parts, the intervals of recall covered 89 % at n = 2,500."""
MIN_VARIANCE = 1e-12
MIN_DOMINANT = 2.0
"""Lower limit of the degrees of freedom, for the case that one ball has most of the variance."""
DOMINANT_WEIGHT = 3.0
"""Weight of the dominant balls' contributions to a variance. With 1, intervals of samples that are
far from most real images cover 86 to 93 %; with 2, at least 91 %."""
MAX_EXPONENT = 50.0
"""Largest half width of a density's interval on the logarithmic scale, beyond any density."""


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """Precision and recall, and the images that are inside a ball.

    The intervals account for the choice of both the real and the generated images.
    """

    precision: float
    recall: float
    precision_interval: Interval
    recall_interval: Interval
    precise: OtherMask
    """For each generated image, whether it is inside the ball of a real image."""
    recalled: Mask
    """For each real image, whether it is inside the ball of a generated image."""
    k: int


def precision_recall(
    real: FeatureSet, fake: OtherFeatureSet, k: int = 3, *, max_distances: int = MAX_DISTANCES
) -> PrecisionRecall:
    """Compute improved precision and recall (Kynkäänniemi et al., 2019).

    A ball reaches to the k-th nearest other point of its own set and includes its boundary (`<=`).

    Arguments:
        real: Features of real images.
        fake: Features of generated images.
        k: Neighbour that defines the radius.
        max_distances: Distances computed at a time: limits memory only.

    Raises:
        UserError: k is not less than the size of the smaller set ("invalid-k"), or the sets can't
            be compared (see `require_comparable`).
    """
    require_comparable(real, fake)

    def count(points: Tensor, centres: Tensor) -> BallCounts:
        return ball_counts(points, centres, k, closed=True, max_distances=max_distances)

    def hits(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _is_inside(count(fake, real)), _is_inside(count(real, fake))

    of_fakes, of_reals = count(fake, real), count(real, fake)
    precise, recalled = _is_inside(of_fakes), _is_inside(of_reals)
    inflation = _variance_inflation(real, fake, k, hits)
    precision_variance = _variance(precise, inflation[0], of_fakes.own_points / len(fake))
    recall_variance = _variance(recalled, inflation[1], of_reals.own_points / len(real))
    return PrecisionRecall(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        precision_interval=_share_interval(precise, precision_variance, k),
        recall_interval=_share_interval(recalled, recall_variance, k),
        precise=precise > 0,
        recalled=recalled > 0,
        k=k,
    )


@dataclass(frozen=True, kw_only=True)
class DensityCoverage:
    """Density and coverage, and each image's contribution.

    The intervals account for the choice of both the real and the generated images.
    """

    density: float
    """A mean, which can exceed 1."""
    coverage: float
    """A share."""
    density_interval: Interval
    coverage_interval: Interval
    effective_n: float
    """Number of independent images whose share of covered images would vary as much as the
    coverage, reduced for the error of the estimated variance."""
    densities: PerOther
    """The density at each generated image."""
    covered: Mask
    """For each real image, whether it is covered."""
    k: int


def density_coverage(
    real: FeatureSet, fake: OtherFeatureSet, k: int = 5, *, max_distances: int = MAX_DISTANCES
) -> DensityCoverage:
    """Compute density and coverage (Naeem et al., 2020): open balls (`<`) around real images only.

    If both sets have the same size and distribution, density is about 1 and coverage about
    1 - (1/2)^k, not 1; report these values with the result.

    Arguments:
        real: Features of real images.
        fake: Features of generated images.
        k: Neighbour that defines the radius.
        max_distances: Distances computed at a time: limits memory only.

    Raises:
        UserError: k is not less than the number of real images ("invalid-k"), or the sets can't
            be compared (see `require_comparable`).
    """
    require_comparable(real, fake)

    def count(real: Tensor, fake: Tensor) -> BallCounts:
        return ball_counts(fake, real, k, closed=False, max_distances=max_distances)

    def values(counts: BallCounts) -> tuple[Tensor, Tensor]:
        return counts.balls_per_point / k, (counts.points_per_ball > 0).double()

    counts = count(real, fake)
    densities, covered = values(counts)
    inflation = _variance_inflation(real, fake, k, lambda *parts: values(count(*parts)))
    density_variance = _variance(densities, inflation[0], counts.points_per_ball / k / len(fake))
    # no single generated image covers many real ones, so the parts suffice
    own_balls = counts.own_balls / len(real) if inflation[1] is None else torch.zeros(1).double()
    effective_n = _effective_n(covered, _variance(covered, inflation[1], own_balls), k)
    coverage = float(covered.mean())
    return DensityCoverage(
        density=float(densities.mean()),
        coverage=coverage,
        density_interval=_density_interval(densities, density_variance, len(real), k),
        coverage_interval=clopper_pearson(coverage, effective_n),
        effective_n=effective_n,
        densities=densities,
        covered=covered > 0,
        k=k,
    )


def _is_inside(counts: BallCounts) -> PerPoint:
    return (counts.balls_per_point > 0).double()


def _variance_inflation(
    real: FeatureSet,
    fake: OtherFeatureSet,
    k: int,
    statistics: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> tuple[float | None, float | None]:
    """Estimate, for both statistics, the variance of the mean over new sets of images, divided by
    the variance of the mean of independent values, and widen it for the error of this estimate.

    The ratio exceeds 1 because the values are not independent: several values depend on the same
    ball, and a ball depends on the images that define it. The variance is estimated on disjoint
    parts of both sets, in which no image is repeated (Politis and Romano, 1994); in a bootstrap,
    the nearest neighbour of an image could be a copy of it.

    Returns:
        The ratios, at least 1; None if there are too few images for parts.
    """
    parts = min(PARTS, min(len(real), len(fake)) // (4 * k))
    if parts < 2:
        return None, None
    generator = torch.Generator().manual_seed(len(real))
    variances: list[list[Tensor]] = [[], []]
    independent: list[list[Tensor]] = [[], []]
    for _ in range(PARTITIONS):
        real_parts = torch.randperm(len(real), generator=generator).tensor_split(parts)
        fake_parts = torch.randperm(len(fake), generator=generator).tensor_split(parts)
        values = [
            statistics(real[r], fake[f]) for r, f in zip(real_parts, fake_parts, strict=True)
        ]
        for which in (0, 1):
            means = torch.stack([value[which].mean() for value in values])
            variances[which].append(means.var())
            independent[which] += [value[which].var() / len(value[which]) for value in values]
    widening = _widening(PARTITIONS * (parts - 1))
    ratios = [
        float(torch.stack(v).mean() / torch.stack(i).mean().clamp_min(MIN_VARIANCE))
        for v, i in zip(variances, independent, strict=True)
    ]
    return widening * max(1.0, ratios[0]), widening * max(1.0, ratios[1])


def _widening(degrees: Real) -> float:
    """Return the factor of a variance that is estimated with so many degrees of freedom, which
    makes a normal interval one of Student's t."""
    return (student_quantile(0.95, degrees) / normal_quantile(0.95)) ** 2


def _variance(values: Tensor, inflation: float | None, shares: Tensor) -> float:
    """Return the variance of the mean of the values over new sets of images, widened for the error
    of its estimate.

    If generated images are far from most real ones, few large balls around outliers contain most
    of the points. Another set has other outliers, and the parts of this one have fewer. Therefore
    the squared contributions of these balls are added: their sum, weighted by themselves, times
    `DOMINANT_WEIGHT`.

    Arguments:
        values: A value for each image.
        inflation: See `_variance_inflation`.
        shares: The contribution of each image of the other set, or of each ball, to the mean.
    """
    independent = float(values.var()) / len(values)
    squares = (shares - shares.mean()).square()
    total = float(squares.sum())
    if total < MIN_VARIANCE:
        return independent * (inflation or 1.0)
    dominant = float(squares.square().sum()) / total
    widening = _widening(max(MIN_DOMINANT, total / dominant))
    if inflation is None:
        return independent + widening * total
    return inflation * independent + DOMINANT_WEIGHT * widening * dominant


def _effective_n(hits: Tensor, variance: float, k: int) -> float:
    """Return the number of independent images whose share of hits has this variance.

    If no image is inside a ball, nothing is known about how many one ball would contain, and k is
    assumed.
    """
    share = float(hits.mean())
    if share == 0:
        return len(hits) / k
    independent = share * (1 - share) / len(hits)
    return len(hits) / max(1.0, variance / independent) if independent else float(len(hits))


def _share_interval(hits: Tensor, variance: float, k: int) -> Interval:
    return clopper_pearson(float(hits.mean()), _effective_n(hits, variance, k))


def _density_interval(densities: Tensor, variance: float, balls: int, k: int) -> Interval:
    """Return an interval of the density that is symmetric on the logarithmic scale, since
    densities are positive and skewed."""
    density = float(densities.mean())
    if len(densities) == 1:
        return 0.0, balls / k
    if density == 0:
        return 0.0, clopper_pearson(0.0, len(densities) / k)[1]
    exponent = normal_quantile(0.95) * variance**0.5 / density
    low, high = density * math.exp(-exponent), density * math.exp(min(exponent, MAX_EXPONENT))
    return low, min(high, balls / k)
