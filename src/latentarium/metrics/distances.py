"""How far generated images are from real ones, in a space of features.

    Fréchet   |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)
    kernel    unbiased MMD^2 under k(x, y) = (x.y / F + 1)^3
    precision share of fakes within a real's ball    radius: distance to its k-th nearest, <=
    recall    share of reals within a fake's ball
    density   mean number of real balls around a fake, over k    <
    coverage  share of reals with a fake within their ball       <

Everything is float64. A distance depends on the extractor, and the Fréchet distance on n as well:
it is biased upwards, so it means something only beside `frechet_floor` at the same n.

References:
    GANs trained by a two time-scale update rule (Heusel et al., 2017), arxiv.org/abs/1706.08500
    Demystifying MMD GANs (Binkowski et al., 2018), arxiv.org/abs/1801.01401
    Improved precision and recall metric (Kynkäänniemi et al., 2019), arxiv.org/abs/1904.06991
    Reliable fidelity and diversity metrics (Naeem et al., 2020), arxiv.org/abs/2002.09797
    Large sample confidence regions based on subsamples (Politis and Romano, 1994)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.metrics.balls import ball_counts, require_comparable, require_finite
from latentarium.metrics.intervals import Interval, normal_quantile, wilson_share
from latentarium.shapes import (
    FeatureMatrix,
    FeatureSet,
    FeatureVector,
    Hits,
    OtherFeatureSet,
    OtherHits,
    PerOther,
)

BLOCK = 1 << 22
"""Values held at once: 32 MiB of float64."""
PARTS, PARTITIONS = 10, 4
"""Into which both sets fall for the spread of what balls count, and how often they are dealt."""
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class FeatureStatistics:
    """Mean and covariance (divided by n - 1) of n features, in float64."""

    mean: FeatureVector
    covariance: FeatureMatrix
    n: int

    @classmethod
    def of(cls, features: FeatureSet) -> "FeatureStatistics":
        """Computes them.

        Raises:
            UserError: No more images than dimensions, so that the covariance would be singular by
                construction; or features that are not finite.
        """
        n, dimensions = features.shape
        if n <= dimensions:
            raise UserError(
                f"{n} images can't fill a covariance of {dimensions} features: give more than "
                f"{dimensions} images, or an extractor with fewer features."
            )
        require_finite(features)
        mean = features.mean(0, dtype=torch.float64)
        covariance = torch.zeros(dimensions, dimensions, dtype=torch.float64)
        for part in features.split(max(1, BLOCK // dimensions)):
            centred = part.double() - mean
            covariance += centred.T @ centred
        return cls(mean=mean, covariance=covariance / (n - 1), n=n)


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """The Fréchet distance of the two Gaussians with these statistics, in squared units of the
    features (Dowson and Landau, 1982). Zero exactly where mean and covariance agree.

    By eigenvalues of symmetric matrices only: no general matrix root, so no imaginary part.

    Raises:
        UserError: The two have different numbers of features.
    """
    require_comparable(a.mean[None], b.mean[None])
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    inner = root @ b.covariance @ root
    overlap = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp_min(0).sqrt().sum()
    shift = (a.mean - b.mean).square().sum()
    return max(0.0, float(shift + a.covariance.trace() + b.covariance.trace() - 2 * overlap))


def frechet(features_a: FeatureSet, features_b: OtherFeatureSet) -> float:
    """The Fréchet distance of two sets of features. "FID" only with Inception features.

    Raises:
        UserError: As `FeatureStatistics.of` and `frechet_distance`.
    """
    return frechet_distance(FeatureStatistics.of(features_a), FeatureStatistics.of(features_b))


def frechet_interval(
    real: FeatureSet,
    fake: OtherFeatureSet,
    *,
    resamples: int = 100,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """An interval for `frechet` at these sizes: the value plus and minus the spread over
    bootstrap resamples of both sets, by a normal approximation, never below 0.

    Only the resamples' spread is used: their level sits above the value by about the floor, since
    resampling adds the same bias that sampling did.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(resamples):
        rows_r = torch.randint(len(real), (len(real),), generator=generator)
        rows_f = torch.randint(len(fake), (len(fake),), generator=generator)
        found.append(frechet(real[rows_r], fake[rows_f]))
    half = normal_quantile(confidence) * float(torch.tensor(found, dtype=torch.float64).std())
    value = frechet(real, fake)
    return max(0.0, value - half), value + half


@dataclass(frozen=True, kw_only=True)
class FrechetFloor:
    """The Fréchet distance of real images from other real ones."""

    value: float
    n: int
    """Images in each of the two sets; where there are fewer real ones, in one of them."""
    real: int
    """Real images that the sets are drawn from."""
    num_features: int

    @property
    def note(self) -> str:
        """Says what limits the floor; empty where nothing does."""
        if self.n < 5 * self.num_features:
            return (
                f"{self.n} images for {self.num_features} features make a rough floor, rather "
                "too low: give more images."
            )
        if self.real < self.n:
            return f"The floor is of {self.real} real images against {self.n}: there are no more."
        return ""


def frechet_floor(features: FeatureSet, n: int, seed: int = 0, *, pairs: int = 4) -> FrechetFloor:
    """The value that a perfect generator would get from n images: real against real at this n.

    Two disjoint sets of n real images are seldom at hand, and sets of n / 2 have twice the floor.
    So each set is n draws with replacement from the real features: mean and covariance of such a
    set scatter around those of the real features as those of n fresh images do around the truth,
    and it is their scatter that makes the floor. Measured on Gaussians of 96 features, against
    fresh draws: within 4 % from n = 1,000 on, 12 % too low at n = 300.

    Arguments:
        features: Of real images.
        n: Images behind the distance that the floor is for.
        seed: Of the draws.
        pairs: Pairs of sets that the value is the mean of.

    Raises:
        UserError: No more images than features.
    """
    generator = torch.Generator().manual_seed(seed)
    real = len(features)
    found = []
    for _ in range(pairs):
        one = torch.randint(real, (min(n, real),), generator=generator)
        two = torch.randint(real, (n,), generator=generator)
        found.append(frechet(features[one], features[two]))
    return FrechetFloor(value=sum(found) / pairs, n=n, real=real, num_features=features.shape[1])


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """An unbiased MMD^2: it scatters around 0, below it too, where the two sets agree."""

    value: float
    interval: Interval
    subsets: int
    subset_size: int


def kernel_distance(
    real: FeatureSet,
    fake: OtherFeatureSet,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> KernelDistance:
    """The mean of unbiased MMD^2 estimates over random subsets, with the cubic polynomial kernel.
    "KID" only with Inception features (Binkowski et al., 2018).

    The subsets overlap, so their standard error alone would shrink to nothing as their number
    grows. The interval scales their variance to the whole sample (with the correction for drawing
    from a finite set) and adds the error of having drawn finitely many.

    Raises:
        UserError: Subsets of more than half of the smaller set, or different extractors.
    """
    smaller = min(len(real), len(fake))
    if not 2 <= subset_size <= smaller // 2 or subsets < 2:
        raise UserError(
            f"{subsets} subsets of {subset_size} from {smaller} images tell no spread: give at "
            f"least 2 subsets, of 2 to {smaller // 2} images."
        )
    require_comparable(real, fake)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(subsets):
        rows_r = torch.randperm(len(real), generator=generator)[:subset_size]
        rows_f = torch.randperm(len(fake), generator=generator)[:subset_size]
        found.append(_unbiased_mmd(real[rows_r].double(), fake[rows_f].double()))
    values = torch.stack(found)
    share = subset_size / smaller
    error = values.std() * (share / (1 - share) + 1 / subsets) ** 0.5
    half = normal_quantile(confidence) * float(error)
    value = float(values.mean())
    return KernelDistance(
        value=value,
        interval=(value - half, value + half),
        subsets=subsets,
        subset_size=subset_size,
    )


def _unbiased_mmd(x: Tensor, y: Tensor) -> Tensor:
    m, dimensions = x.shape

    def total(a: Tensor, b: Tensor) -> Tensor:
        kernel = torch.addmm(a.new_ones(()), a, b.T, alpha=1 / dimensions).pow_(3)
        return kernel.sum()

    def off_diagonal(a: Tensor) -> Tensor:
        diagonal = (a.square().sum(1) / dimensions + 1).pow(3)
        return (total(a, a) - diagonal.sum()) / (m * (m - 1))

    return off_diagonal(x) + off_diagonal(y) - 2 * total(x, y) / m**2


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
