"""Mode coverage: the number of covered modes, and the distribution of samples over them.

    modes        modes with at least one sample
    reverse KL   KL(samples over modes || target), in nats, from counts; empty modes add nothing
    reference    mean reverse KL of n samples of the target: about (K - 1) / (2 n), never 0
    masses       total variation between the shares of samples in each mode, with a bin for
                 invalid samples, and the shares under the known density

A reverse KL below the reference is due to chance, and does not mean that the model is better. For
2-D mixtures, a sample is of high quality if it is within 3 standard deviations of its nearest
mode; a mode is found if it is the nearest mode of at least one high-quality sample; the reverse KL
is that of the high-quality samples only. None of the three notices that most samples are invalid,
or counts how many modes have far too few samples; the total variation of the masses does both.

References:
    VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
    PacGAN (Lin et al., 2018), https://arxiv.org/abs/1712.04086
    The use of confidence or fiducial limits illustrated in the case of the binomial (Clopper and
    Pearson, 1934)
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentarium.data.toy import HIGH_QUALITY_SIGMAS, PERFECT_SHARE, Mixture2D
from latentarium.errors import UserError
from latentarium.shapes import ClassWeights, LabelSet, Points
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson

RESAMPLES = 2000
COVERED_SHARE = 0.01
CERTAIN_COUNT = 10
"""A mode with so many samples is found by n new samples almost certainly."""


@dataclass(frozen=True, kw_only=True)
class ModeCoverage:
    """Modes found, and the divergence of the samples' distribution over modes from the target."""

    modes: int
    modes_interval: Interval
    """Interval of the expected number of modes that n new samples find. Modes with fewer than
    `CERTAIN_COUNT` samples may be missed the next time, and modes without samples may be found:
    the number of those that are found has an exact binomial interval (Clopper and Pearson, 1934),
    which is conservative."""
    expected_modes: float
    """Expected number of modes found by n samples of the target."""
    reverse_kl: float
    """nats; nan without samples."""
    interval: Interval
    """Interval of the expected reverse KL of n samples, in a normal approximation. The variance
    has a part of first order in the differences of shares, Var[log(share / target)] / n, and a
    part of second order, (K - 1) / 2n^2 for K found modes; a resampled variance would count the
    second part three times."""
    reference: float
    """Mean reverse KL of n samples of the target."""
    reference_interval: Interval
    """Contains the reverse KL of n samples of the target with probability 95 %."""
    n: int
    num_modes: int
    seed: int

    @property
    def excess(self) -> float:
        """The reverse KL minus its reference, in nats."""
        return self.reverse_kl - self.reference


def mode_coverage(
    modes: LabelSet, num_modes: int, target: ClassWeights | None = None, *, seed: int = 0
) -> ModeCoverage:
    """Count the modes that samples belong to.

    Arguments:
        modes: Mode of each sample, 0 to K - 1.
        num_modes: K.
        target: Share of each mode in the data; None: equal shares.
        seed: Seed of the reference and the interval.

    Raises:
        UserError: K is less than 1 ("no-modes"), a mode is out of range ("invalid-mode"), or the
            target is not a distribution over the modes ("invalid-target").
    """
    if num_modes < 1:
        raise UserError(f"num_modes is {num_modes}; it must be at least 1.", code="no-modes")
    _require_modes(modes, num_modes)
    shares = torch.ones(num_modes) / num_modes if target is None else target
    shares = shares.double().cpu()
    if (
        len(shares) != num_modes
        or bool((shares <= 0).any())
        or abs(float(shares.sum()) - 1) > 1e-6
    ):
        raise UserError(
            f"The target has {len(shares)} shares with sum {float(shares.sum()):.6g}; give "
            f"{num_modes} positive shares that sum to 1.",
            code="invalid-target",
        )
    shares = shares / shares.sum()
    n = len(modes)
    counts = modes.cpu().bincount(minlength=num_modes).double()
    if n == 0:
        undefined = (math.nan, math.nan)
        return ModeCoverage(
            modes=0, modes_interval=(0.0, 0.0), expected_modes=0.0, reverse_kl=math.nan,
            interval=undefined, reference=math.nan, reference_interval=undefined, n=0,
            num_modes=num_modes, seed=seed,
        )  # fmt: skip
    generator = np.random.default_rng(seed)
    value = float(_kl(counts[None], shares))
    references = _kl(_multinomial(shares, n, generator), shares)
    half = normal_quantile(0.95) * _kl_variance(counts, shares) ** 0.5
    levels = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = references.quantile(levels).tolist()
    return ModeCoverage(
        modes=int((counts > 0).sum()),
        modes_interval=_modes_interval(counts),
        expected_modes=float((1 - (1 - shares) ** n).sum()),
        reverse_kl=value,
        interval=(max(0.0, value - half), value + half),
        reference=float(references.mean()),
        reference_interval=(low, high),
        n=n,
        num_modes=num_modes,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ModeMasses:
    """Total variation between the shares of samples in each mode and the true shares."""

    value: float
    """From 0 to 1: the share of samples that would have to move to another mode, or to become
    valid or invalid."""
    interval: Interval
    """The value plus and minus the spread over multinomial resamples, in a normal approximation,
    cut off at 0 and 1."""
    reference: float
    """Mean value for n samples of the target."""
    invalid: float
    """Share of invalid samples."""
    n: int
    seed: int


def mode_masses(
    modes: LabelSet,
    num_invalid: int,
    target: ClassWeights,
    invalid_target: float,
    *,
    seed: int = 0,
) -> ModeMasses:
    """Return half the sum over modes, and a bin for invalid samples, of the absolute difference
    between the share of samples and the share under the known density.

    Arguments:
        modes: Mode of each valid sample, 0 to K - 1.
        num_invalid: Number of samples that belong to no mode.
        target: Share of the density in each mode, as a share of all modes.
        invalid_target: Share of the density that counts as invalid.
        seed: Seed of the reference and the interval.

    Raises:
        UserError: There are no samples ("no-points"), or a mode is out of range ("invalid-mode").
    """
    n = len(modes) + num_invalid
    if n == 0:
        raise UserError("There are no samples; give at least 1.", code="no-points")
    _require_modes(modes, len(target))
    shares = target.double().cpu() * (1 - invalid_target)
    shares = torch.cat([shares, torch.tensor([invalid_target], dtype=torch.float64)])
    counts = modes.cpu().bincount(minlength=len(target)).double()
    counts = torch.cat([counts, torch.tensor([float(num_invalid)], dtype=torch.float64)])

    def total_variation(counts: Tensor) -> Tensor:
        return 0.5 * (counts / n - shares).abs().sum(-1)

    generator = np.random.default_rng(seed)
    value = float(total_variation(counts))
    spread = float(total_variation(_multinomial(counts / n, n, generator)).std())
    half = normal_quantile(0.95) * spread
    return ModeMasses(
        value=value,
        interval=(max(0.0, value - half), min(1.0, value + half)),
        reference=float(total_variation(_multinomial(shares, n, generator)).mean()),
        invalid=num_invalid / n,
        n=n,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class MixtureQuality:
    """Coverage and sample quality for a mixture of Gaussians in the plane."""

    high_quality: float
    """Share of points within 3 standard deviations of their nearest mode. For points drawn from
    the mixture it is `toy.PERFECT_SHARE`; if it is larger, the points are too concentrated."""
    high_quality_interval: Interval
    coverage: ModeCoverage
    """Mode coverage of the high-quality points."""
    masses: ModeMasses
    """Total variation of the mode masses; a point that is not of high quality is invalid."""
    covered: int
    """Number of modes that have at least `COVERED_SHARE` of all points, of high quality."""
    n: int

    @property
    def modes(self) -> int:
        """Number of modes found."""
        return self.coverage.modes

    @property
    def reverse_kl(self) -> float:
        """Reverse KL in nats; nan if no point is of high quality."""
        return self.coverage.reverse_kl


def mixture_quality(points: Points, mixture: Mixture2D, *, seed: int = 0) -> MixtureQuality:
    """Measure the share of high-quality points and their coverage of the modes, by the protocol of
    VEEGAN, which uses 2,500 points.

    Raises:
        UserError: There are no points ("no-points").
    """
    if len(points) == 0:
        raise UserError("There are no points; give at least 1.", code="no-points")
    distance, mode = mixture.nearest(points)
    high = distance <= HIGH_QUALITY_SIGMAS * mixture.std  # False for nan
    hits, num_modes = int(high.sum()), len(mixture.means)
    equal = torch.full((num_modes,), 1 / num_modes, dtype=torch.float64)
    counts = mode[high].bincount(minlength=num_modes)
    return MixtureQuality(
        covered=int((counts >= COVERED_SHARE * len(points)).sum()),
        high_quality=hits / len(points),
        high_quality_interval=clopper_pearson(hits / len(points), len(points)),
        coverage=mode_coverage(mode[high], num_modes, seed=seed),
        masses=mode_masses(mode[high], len(points) - hits, equal, 1 - PERFECT_SHARE, seed=seed),
        n=len(points),
    )


def _require_modes(modes: Tensor, num_modes: int) -> None:
    if len(modes) and not 0 <= int(modes.min()) <= int(modes.max()) < num_modes:
        raise UserError(
            f"The modes range from {int(modes.min())} to {int(modes.max())}; with {num_modes} "
            f"modes they must be from 0 to {num_modes - 1}.",
            code="invalid-mode",
        )


def _modes_interval(counts: Tensor) -> Interval:
    """Return the interval of the expected number of modes that equally many new samples find."""
    certain = int((counts >= CERTAIN_COUNT).sum())
    uncertain = len(counts) - certain
    if uncertain == 0:
        return float(certain), float(certain)
    found = int((counts > 0).sum()) - certain
    low, high = clopper_pearson(found / uncertain, uncertain)
    return certain + uncertain * low, certain + uncertain * high


def _kl_variance(counts: Tensor, target: Tensor) -> float:
    """Return the variance of the reverse KL over new samples.

    By chance the measured shares differ from the target more than the true ones do, which adds
    twice the part of second order to the measured part of first order.
    """
    n, found = float(counts.sum()), counts > 0
    share = counts[found] / n
    ratio = (share / target[found]).log()
    first_order = float((share * ratio.square()).sum() - (share * ratio).sum().square()) / n
    second_order = (len(share) - 1) / (2 * n**2)
    return max(first_order - second_order, second_order)


def _multinomial(shares: Tensor, n: int, generator: np.random.Generator) -> Tensor:
    """Draw the counts of n samples `RESAMPLES` times; cost does not grow with n."""
    return torch.from_numpy(generator.multinomial(n, shares.numpy(), size=RESAMPLES)).double()


def _kl(counts: Tensor, target: Tensor) -> Tensor:
    share = counts / counts.sum(1, keepdim=True)
    return (torch.xlogy(share, share) - share * target.log()).sum(1)
