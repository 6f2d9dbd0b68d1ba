"""Distances between generated and real images in a feature space.

    Fréchet   |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)
    kernel    unbiased MMD^2 with k(x, y) = (x.y / F + 1)^3

All computations are in float64. Both distances depend on the extractor. The Fréchet distance also
depends on n, since its estimate is biased upwards: interpret it only relative to
`frechet_reference` at the same n.

References:
    GANs trained by a two time-scale update rule (Heusel et al., 2017), arxiv.org/abs/1706.08500
    Demystifying MMD GANs (Binkowski et al., 2018), arxiv.org/abs/1801.01401
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.metrics.balls import require_comparable, require_finite
from latentarium.shapes import FeatureMatrix, FeatureSet, FeatureVector, OtherFeatureSet
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval

MAX_VALUES = 1 << 22
"""Feature values converted to float64 at a time: 32 MiB."""


@dataclass(frozen=True, kw_only=True)
class FeatureStatistics:
    """Mean and covariance (divided by n - 1) of n features, in float64."""

    mean: FeatureVector
    covariance: FeatureMatrix
    n: int

    @classmethod
    def of(cls, features: FeatureSet, *, max_values: int = MAX_VALUES) -> "FeatureStatistics":
        """Compute the statistics of a set of features.

        Arguments:
            features: One row per image.
            max_values: Values converted to float64 at a time. It limits memory.

        Raises:
            UserError: There are not more images than features, so the covariance would be
                singular ("too-few-images"); or values are not finite ("not-finite").
        """
        n, dimensions = features.shape
        if n <= dimensions:
            raise UserError(
                f"There are {n} images for a covariance of {dimensions} features; give more than "
                f"{dimensions} images, or an extractor with fewer features.",
                code="too-few-images",
            )
        require_finite(features)
        mean = features.mean(0, dtype=torch.float64)
        covariance = torch.zeros(dimensions, dimensions, dtype=torch.float64)
        for part in features.split(max(1, max_values // dimensions)):
            centred = part.double() - mean
            covariance += centred.T @ centred
        return cls(mean=mean, covariance=covariance / (n - 1), n=n)


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Return the Fréchet distance of the two Gaussians with these statistics, in squared units of
    the features (Dowson and Landau, 1982). It is 0 if and only if mean and covariance agree.

    Only eigenvalues of symmetric matrices are computed, so there is no imaginary part to discard.

    Raises:
        UserError: Different numbers of features ("feature-mismatch").
    """
    require_comparable(a.mean[None], b.mean[None])
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    inner = root @ b.covariance @ root
    overlap = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp_min(0).sqrt().sum()
    shift = (a.mean - b.mean).square().sum()
    return max(0.0, float(shift + a.covariance.trace() + b.covariance.trace() - 2 * overlap))


def frechet(features_a: FeatureSet, features_b: OtherFeatureSet) -> float:
    """Return the Fréchet distance of two sets of features. It is called FID only with Inception
    features.

    Raises:
        UserError: As for `FeatureStatistics.of` and `frechet_distance`.
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
    """Return an interval for `frechet` at these set sizes: a normal approximation around the
    value, with the standard deviation over bootstrap resamples of both sets, cut off at 0.

    Percentiles of the resamples would be too high, since resampling adds the sampling bias a
    second time.
    """
    generator = torch.Generator().manual_seed(seed)
    distances = []
    for _ in range(resamples):
        real_rows = torch.randint(len(real), (len(real),), generator=generator)
        fake_rows = torch.randint(len(fake), (len(fake),), generator=generator)
        distances.append(frechet(real[real_rows], fake[fake_rows]))
    spread = float(torch.tensor(distances, dtype=torch.float64).std())
    half = normal_quantile(confidence) * spread
    value = frechet(real, fake)
    return max(0.0, value - half), value + half


@dataclass(frozen=True, kw_only=True)
class FrechetReference:
    """The Fréchet distance between real images and other real images."""

    value: float
    n: int
    """Images in each of the two sets; if there are fewer than n real images, one set has only that
    many."""
    real: int
    """Number of real images that both sets are resampled from."""
    num_features: int

    @property
    def note(self) -> str:
        """The limits of the reference as a sentence; empty if there are none."""
        if self.n < 5 * self.num_features:
            return (
                f"{self.n} images are few for {self.num_features} features, so the reference is "
                "rough and probably too low; give more images."
            )
        if self.real < self.n:
            return (
                f"The reference compares {self.real} real images with {self.n}, since there are "
                f"only {self.real} real images."
            )
        return ""


def frechet_reference(
    features: FeatureSet, n: int, seed: int = 0, *, pairs: int = 4
) -> FrechetReference:
    """Return the distance that a perfect generator would get with n images, estimated by comparing
    real images with real images.

    Two disjoint sets of n real images are rarely available, and the distance between sets of n / 2
    images is twice as large. Therefore each set consists of n real images drawn with replacement.
    The mean and covariance of such a set vary around those of the real features, as the mean and
    covariance of n new images vary around the true ones, and this variation determines the
    distance. For Gaussians with 96 features, the result was compared with the distance between new
    samples: it is within 4 % for n of at least 1,000, and 12 % too low for n = 300.

    Arguments:
        features: Features of real images.
        n: Number of images in the distance that the reference is for.
        seed: Seed of the resampling.
        pairs: Number of pairs of sets to average over.

    Raises:
        UserError: There are not more images than features ("too-few-images").
    """
    generator = torch.Generator().manual_seed(seed)
    real = len(features)
    distances = []
    for _ in range(pairs):
        rows = torch.randint(real, (min(n, real),), generator=generator)
        other_rows = torch.randint(real, (n,), generator=generator)
        distances.append(frechet(features[rows], features[other_rows]))
    return FrechetReference(
        value=sum(distances) / pairs, n=n, real=real, num_features=features.shape[1]
    )


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """An unbiased MMD^2. If both sets have the same distribution, it varies around 0 and may be
    negative."""

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
    """Return the mean unbiased MMD^2 over random subsets, with the cubic polynomial kernel. It is
    called KID only with Inception features (Binkowski et al., 2018).

    The subsets overlap, so the standard error over subsets would vanish as their number grows,
    although the images stay the same. Instead, the interval scales the variance over subsets to
    the whole sample, with the correction for a finite population, and adds the error of drawing
    finitely many subsets.

    Raises:
        UserError: Fewer than 2 subsets, or subsets larger than half of the smaller set
            ("invalid-subsets"); or sets that can't be compared (see `require_comparable`).
    """
    smaller = min(len(real), len(fake))
    if not 2 <= subset_size <= smaller // 2 or subsets < 2:
        raise UserError(
            f"subsets is {subsets} and subset_size is {subset_size}; with {smaller} images, "
            f"subsets must be at least 2 and subset_size from 2 to {smaller // 2}.",
            code="invalid-subsets",
        )
    require_comparable(real, fake)
    generator = torch.Generator().manual_seed(seed)
    estimates = []
    for _ in range(subsets):
        real_rows = torch.randperm(len(real), generator=generator)[:subset_size]
        fake_rows = torch.randperm(len(fake), generator=generator)[:subset_size]
        estimates.append(_unbiased_mmd(real[real_rows].double(), fake[fake_rows].double()))
    values = torch.stack(estimates)
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

    def kernel_sum(a: Tensor, b: Tensor) -> Tensor:
        # in place: 2.6 times as fast as sklearn's polynomial_kernel
        return torch.addmm(a.new_ones(()), a, b.T, alpha=1 / dimensions).pow_(3).sum()

    def off_diagonal_mean(a: Tensor) -> Tensor:
        diagonal = (a.square().sum(1) / dimensions + 1).pow(3)
        return (kernel_sum(a, a) - diagonal.sum()) / (m * (m - 1))

    return off_diagonal_mean(x) + off_diagonal_mean(y) - 2 * kernel_sum(x, y) / m**2
