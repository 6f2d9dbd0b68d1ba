"""Distances between generated and real images in a feature space.

    Fréchet   |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2)
    kernel    unbiased MMD^2 with k(x, y) = (x.y / F + 1)^3

All computations are in float64. Both distances depend on the extractor. The Fréchet distance also
depends on n, since its estimate is biased upwards: interpret it only relative to
`frechet_reference` at the same n.

References:
    GANs trained by a two time-scale update rule (Heusel et al., 2017), arxiv.org/abs/1706.08500
    Demystifying MMD GANs (Binkowski et al., 2018), arxiv.org/abs/1801.01401
    Limit laws of the empirical Wasserstein distance: Gaussian distributions (Rippl, Munk and
    Sturm, 2016), arxiv.org/abs/1507.04090
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.metrics.balls import require_comparable, require_finite
from latentarium.shapes import FeatureMatrix, FeatureSet, FeatureVector, OtherFeatureSet
from latentarium.stats.intervals import normal_quantile, student_quantile
from latentarium.stats.measurement import Interval

MAX_VALUES = 1 << 22
"""Feature values converted to float64 at a time: 32 MiB."""
RANK_TOLERANCE = 1e-10
"""Eigenvalues below this share of the largest one count as 0."""
MIN_VARIANCE = 1e-300


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
    """Return an interval for the expectation of `frechet` at these set sizes: a normal
    approximation around the value, cut off at 0.

    The variance has two parts. The part of first order is that of the distance's linear expansion
    in the means and covariances, in closed form (Rippl, Munk and Sturm, 2016). The part of second
    order, which remains if both distributions are equal, is the variance of the distance between
    two resamples of the same set. By chance the measured difference of the distributions is larger
    than the true one, which adds twice the second part to the first and is subtracted. Resampling
    both sets would count the second part three times, and percentiles of resamples would be too
    high, since resampling adds the sampling bias a second time.

    Arguments:
        real: Features of real images.
        fake: Features of generated images.
        resamples: Number of distances between resamples, at least 4.
        seed: Seed of the resampling.
        confidence: Probability with which the interval contains the expectation.

    Raises:
        UserError: As for `frechet`.
    """
    a, b = FeatureStatistics.of(real), FeatureStatistics.of(fake)
    value = frechet_distance(a, b)
    generator = torch.Generator().manual_seed(seed)
    sizes = (len(real), len(fake))
    variances = []
    for features in (real, fake):
        distances = [
            frechet(*(_resampled(features, size, generator) for size in sizes))
            for _ in range(resamples // 2)
        ]
        variances.append(float(torch.tensor(distances, dtype=torch.float64).var()))
    second_order = sum(variances) / 2
    first_order = _linear_variance(real, a, b) + _linear_variance(fake, b, a)
    variance = max(first_order - second_order, second_order)
    # the second part is estimated from few resamples; Satterthwaite's degrees of freedom
    degrees = (2 * (resamples // 2) - 2) * (variance / max(second_order, MIN_VARIANCE)) ** 2
    half = student_quantile(confidence, max(1.0, min(degrees, 1e6))) * variance**0.5
    return max(0.0, value - half), value + half


def _resampled(features: Tensor, size: int, generator: torch.Generator) -> Tensor:
    return features[torch.randint(len(features), (size,), generator=generator)]


def _linear_variance(features: Tensor, own: FeatureStatistics, other: FeatureStatistics) -> float:
    """Return the variance of the linear expansion of the distance in the mean and covariance of
    one set.

    The derivative by the covariance S is I - T, where T is the optimal map to the other Gaussian,
    T = R^1/2 (R^1/2 S R^1/2)^-1/2 R^1/2 for the other covariance R.
    """
    values, vectors = torch.linalg.eigh(other.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    inner = root @ own.covariance @ root
    values, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    inverse_root = torch.where(values > RANK_TOLERANCE * values.max(), values, torch.inf).rsqrt()
    transport = root @ (vectors * inverse_root) @ vectors.T @ root
    slope = torch.eye(len(transport), dtype=torch.float64) - transport
    shift = 2 * (own.mean - other.mean)
    changes = []
    for part in features.split(max(1, MAX_VALUES // features.shape[1])):
        centred = part.double() - own.mean
        changes.append(centred @ shift + ((centred @ slope) * centred).sum(1))
    return float(torch.cat(changes).var()) / len(features)


@dataclass(frozen=True, kw_only=True)
class FrechetReference:
    """The Fréchet distance between real images and other real images."""

    value: float
    """The distance of training images to the real images; without training images it is
    `resampled`."""
    resampled: float
    """The distance between two resamples of the real images: lower than the value if the training
    images have another distribution than the real images, such as a test split."""
    n: int
    """Number of images in the distance that the reference is for."""
    real: int
    """Number of real images."""
    training: int
    """Number of training images that were compared with the real images; 0 if there were too
    few."""
    num_features: int

    @property
    def note(self) -> str:
        """What to know about the reference, in sentences; empty if there is nothing."""
        sentences = []
        if self.training:
            sentences.append(
                "The reference is the distance of training images to test images; that between "
                f"two sets of test images is {self.resampled:.3g}."
            )
        if 0 < self.training < self.n:
            sentences.append(
                f"There are only {self.training:,} training images, so the reference is too high "
                f"for n = {self.n:,}."
            )
        if self.n < 5 * self.num_features:
            sentences.append(
                f"{self.n} images are few for {self.num_features} features, so the reference is "
                "rough and probably too low; give more images."
            )
        elif self.real < self.n:
            sentences.append(
                f"The reference compares {self.real} real images with {self.n}, since there are "
                f"only {self.real} real images."
            )
        return " ".join(sentences)


def frechet_reference(
    features: FeatureSet,
    n: int,
    seed: int = 0,
    *,
    training: OtherFeatureSet | None = None,
    pairs: int = 4,
) -> FrechetReference:
    """Return the distance that a perfect model of the training images would get with n images.

    A model can't do better than to generate images like its training images, so n training images
    are compared with the real images. If the real images are a test split with another
    distribution (other writers, for instance), this distance is larger than that between two sets
    of n real images, which is returned, too.

    Two disjoint sets of n real images are rarely available, and the distance between sets of n / 2
    images is twice as large. Therefore each of these sets consists of n real images drawn with
    replacement. The mean and covariance of such a set vary around those of the real features, as
    the mean and covariance of n new images vary around the true ones, and this variation
    determines the distance. For Gaussians with 96 features, the result was compared with the
    distance between new samples: it is within 4 % for n of at least 1,000, and 12 % too low for
    n = 300.

    Arguments:
        features: Features of real images.
        n: Number of images in the distance that the reference is for.
        seed: Seed of the resampling.
        training: Features of training images in random order, of which the first n are used; None,
            or not more than there are features: the value is the distance between two sets of real
            images.
        pairs: Number of pairs of sets to average over.

    Raises:
        UserError: There are not more images than features ("too-few-images").
    """
    generator = torch.Generator().manual_seed(seed)
    real, size = features.shape
    distances = []
    for _ in range(pairs):
        first = _resampled(features, min(n, real), generator)
        distances.append(frechet(first, _resampled(features, n, generator)))
    resampled = sum(distances) / pairs
    used = None if training is None or len(training[:n]) <= size else training[:n]
    return FrechetReference(
        value=resampled if used is None else frechet(features, used),
        resampled=resampled,
        n=n,
        real=real,
        training=0 if used is None else len(used),
        num_features=size,
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
