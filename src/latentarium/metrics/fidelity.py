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

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.metrics.balls import MAX_DISTANCES, ball_counts, require_comparable
from latentarium.shapes import FeatureSet, Mask, OtherFeatureSet, OtherMask, PerOther
from latentarium.stats.intervals import normal_quantile, student_quantile
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson

PARTS, PARTITIONS = 3, 4
"""Number of disjoint parts of both sets from which variances are estimated, and number of random
partitions into such parts. In smaller parts, images depend on each other less than in the whole
sets: with ten parts, the intervals of recall covered 89 % at n = 2,500."""
MIN_VARIANCE = 1e-12


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

    def hits(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        around_fake, _ = ball_counts(fake, real, k, closed=True, max_distances=max_distances)
        around_real, _ = ball_counts(real, fake, k, closed=True, max_distances=max_distances)
        return (around_fake > 0).double(), (around_real > 0).double()

    precise, recalled = hits(real, fake)
    inflation = _variance_inflation(real, fake, k, hits)
    return PrecisionRecall(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        precision_interval=_share_interval(precise, inflation[0]),
        recall_interval=_share_interval(recalled, inflation[1]),
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

    def counts(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        around_fake, within_real = ball_counts(
            fake, real, k, closed=False, max_distances=max_distances
        )
        return around_fake / k, (within_real > 0).double()

    densities, covered = counts(real, fake)
    inflation = _variance_inflation(real, fake, k, counts)
    density = float(densities.mean())
    half = normal_quantile(0.95) * float(densities.var() * inflation[0] / len(fake)) ** 0.5
    return DensityCoverage(
        density=density,
        coverage=float(covered.mean()),
        density_interval=(max(0.0, density - half), density + half),
        coverage_interval=_share_interval(covered, inflation[1]),
        effective_n=len(covered) / inflation[1],
        densities=densities,
        covered=covered > 0,
        k=k,
    )


def _variance_inflation(
    real: FeatureSet,
    fake: OtherFeatureSet,
    k: int,
    statistics: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> tuple[float, float]:
    """Estimate, for both statistics, the variance of the mean over new sets of images, divided by
    the variance of the mean of independent values, and widen it for the error of this estimate.

    The ratio exceeds 1 because the values are not independent: several values depend on the same
    ball, and a ball depends on the images that define it. The variance is estimated on disjoint
    parts of both sets, in which no image is repeated (Politis and Romano, 1994); in a bootstrap,
    the nearest neighbour of an image could be a copy of it.
    """
    parts = min(PARTS, min(len(real), len(fake)) // (4 * k))
    if parts < 2:
        return 1.0, 1.0
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
    # the variance itself is estimated, so Student's quantile takes the place of the normal one
    degrees = PARTITIONS * (parts - 1)
    widening = (student_quantile(0.95, degrees) / normal_quantile(0.95)) ** 2
    ratios = [
        float(torch.stack(v).mean() / torch.stack(i).mean().clamp_min(MIN_VARIANCE))
        for v, i in zip(variances, independent, strict=True)
    ]
    return widening * max(1.0, ratios[0]), widening * max(1.0, ratios[1])


def _share_interval(hits: Tensor, inflation: float) -> Interval:
    return clopper_pearson(float(hits.mean()), len(hits) / inflation)
