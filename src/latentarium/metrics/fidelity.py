"""Fidelity and diversity: which generated images lie among real ones, and which real ones have
generated ones near, by balls around features.

    precision share of fakes within a real's ball    radius: distance to its k-th nearest, <=
    recall    share of reals within a fake's ball
    density   mean number of real balls around a fake, over k    <
    coverage  share of reals with a fake within their ball       <

References:
    Improved precision and recall metric (Kynkäänniemi et al., 2019), arxiv.org/abs/1904.06991
    Reliable fidelity and diversity metrics (Naeem et al., 2020), arxiv.org/abs/2002.09797
    Large sample confidence regions based on subsamples (Politis and Romano, 1994)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.metrics.balls import ball_counts, require_comparable
from latentarium.shapes import FeatureSet, Hits, OtherFeatureSet, OtherHits, PerOther
from latentarium.stats.intervals import Interval, normal_quantile, wilson_share

PARTS, PARTITIONS = 10, 4
"""Into which both sets fall for the spread of what balls count, and how often they are dealt."""
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """Shares, and which image is in: `precise` per fake, `recalled` per real.

    The intervals are over fresh real and fake images.
    """

    precision: float
    recall: float
    precision_interval: Interval
    recall_interval: Interval
    precise: OtherHits
    recalled: Hits
    k: int


def precision_recall(real: FeatureSet, fake: OtherFeatureSet, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al., 2019): balls reach to the k-th nearest
    other point of their own set, and their edge belongs to them (`<=`).

    Raises:
        UserError: k is not below the size of both sets, or the sets don't compare.
    """
    require_comparable(real, fake)

    def hits(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        precise = ball_counts(fake, real, k, edge=True)[0] > 0
        return precise.double(), (ball_counts(real, fake, k, edge=True)[0] > 0).double()

    precise, recalled = hits(real, fake)
    excess = _excess(real, fake, k, hits)
    return PrecisionRecall(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        precision_interval=_of_share(precise, excess[0]),
        recall_interval=_of_share(recalled, excess[1]),
        precise=precise > 0,
        recalled=recalled > 0,
        k=k,
    )


@dataclass(frozen=True, kw_only=True)
class DensityCoverage:
    """Density (a mean, which can exceed 1) and coverage (a share), and each image's part in
    them: `densities` per fake, `covered` per real. The intervals are over fresh images of both
    sets."""

    density: float
    coverage: float
    density_interval: Interval
    coverage_interval: Interval
    densities: PerOther
    covered: Hits
    k: int


def density_coverage(real: FeatureSet, fake: OtherFeatureSet, k: int = 5) -> DensityCoverage:
    """Density and coverage (Naeem et al., 2020): balls of real images only, open (`<`).

    Where both sets come from one distribution, density is about 1 and coverage about
    1 - (1/2)^k, for sets of one size: print that beside them.

    Raises:
        UserError: k is not below the number of real images, or the sets don't compare.
    """
    require_comparable(real, fake)

    def counts(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        around_fake, within_real = ball_counts(fake, real, k, edge=False)
        return around_fake / k, (within_real > 0).double()

    densities, covered = counts(real, fake)
    excess = _excess(real, fake, k, counts)
    density = float(densities.mean())
    half = normal_quantile(0.95) * float(densities.var() * excess[0] / len(fake)) ** 0.5
    return DensityCoverage(
        density=density,
        coverage=float(covered.mean()),
        density_interval=(max(0.0, density - half), density + half),
        coverage_interval=_of_share(covered, excess[1]),
        densities=densities,
        covered=covered > 0,
        k=k,
    )


def _excess(
    real: FeatureSet,
    fake: OtherFeatureSet,
    k: int,
    statistics: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> tuple[float, float]:
    """How many times the variance of the mean of independent values each mean has, over fresh
    sets: balls move with the images that they are around, and hold many others at once.

    Found on small parts of both sets that share no image, where nothing is drawn twice: a
    bootstrap would let images be their own neighbours (Politis and Romano, 1994).
    """
    parts = min(PARTS, min(len(real), len(fake)) // (4 * k))
    if parts < 2:
        return 1.0, 1.0
    generator = torch.Generator().manual_seed(len(real))
    found: list[list[Tensor]] = [[], []]
    alone: list[list[Tensor]] = [[], []]
    for _ in range(PARTITIONS):
        rows = torch.randperm(len(real), generator=generator).tensor_split(parts)
        others = torch.randperm(len(fake), generator=generator).tensor_split(parts)
        values = [statistics(real[r], fake[f]) for r, f in zip(rows, others, strict=True)]
        for which in (0, 1):
            means = torch.stack([value[which].mean() for value in values])
            found[which].append(means.var())
            alone[which] += [value[which].var() / len(value[which]) for value in values]
    ratios = [
        float(torch.stack(f).mean() / torch.stack(a).mean().clamp_min(TINY))
        for f, a in zip(found, alone, strict=True)
    ]
    return max(1.0, ratios[0]), max(1.0, ratios[1])


def _of_share(hits: Tensor, excess: float) -> Interval:
    return wilson_share(float(hits.mean()), len(hits) / excess)
