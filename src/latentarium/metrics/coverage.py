"""How many modes of the data a model finds, and how evenly.

    modes        modes that at least one sample falls on
    reverse KL   KL(samples over modes || target), in nats, from counts; empty modes add nothing
    floor        what n samples of the target itself get: about (K - 1) / (2 n), never 0

A value below the floor is more even than chance, not better. In the plane, a sample is of high
quality within 3 standard deviations of its nearest mode, and a mode is found by one such sample
nearest to it; the reverse KL counts the high-quality samples.

References:
    VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
    PacGAN (Lin et al., 2018), https://arxiv.org/abs/1712.04086
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentarium.data.toy import HIGH_QUALITY_SIGMAS, Mixture2D
from latentarium.errors import UserError
from latentarium.shapes import ClassWeights, LabelSet, Points
from latentarium.stats.intervals import Interval, normal_quantile, wilson

REPEATS = 2000


@dataclass(frozen=True, kw_only=True)
class ModeCoverage:
    """Modes found, and how far the samples' distribution over them is from the target's."""

    modes: int
    modes_interval: Interval
    """Over multinomial resamples, which can miss a mode that was found but find no other."""
    expected_modes: float
    """What n samples of the target find."""
    reverse_kl: float
    """nats; nan where there is no sample."""
    interval: Interval
    """The value and the spread over multinomial resamples, by a normal approximation: their level
    sits about one floor above the value, since resampling adds the bias that sampling did."""
    floor: float
    floor_interval: Interval
    """Where 95 % of n samples of the target fall."""
    n: int
    num_modes: int
    seed: int

    @property
    def excess(self) -> float:
        """The reverse KL above its floor, in nats."""
        return self.reverse_kl - self.floor


def mode_coverage(
    modes: LabelSet, num_modes: int, target: ClassWeights | None = None, *, seed: int = 0
) -> ModeCoverage:
    """Counts on which modes samples fall.

    Arguments:
        modes: The mode of each sample.
        num_modes: K.
        target: Share of each mode in the data; None: equal shares.
        seed: Of the floor and the interval.

    Raises:
        UserError: K below 1, a mode outside 0 to K - 1, or a target that is no distribution over
            them.
    """
    if num_modes < 1:
        raise UserError(f"There are {num_modes} modes; give at least 1.")
    if len(modes) and not 0 <= int(modes.min()) <= int(modes.max()) < num_modes:
        raise UserError(
            f"Modes run from {int(modes.min())} to {int(modes.max())}; with {num_modes} of them "
            f"they are numbered 0 to {num_modes - 1}."
        )
    shares = torch.ones(num_modes) / num_modes if target is None else target
    shares = shares.double().cpu()
    if (
        len(shares) != num_modes
        or bool((shares <= 0).any())
        or abs(float(shares.sum()) - 1) > 1e-6
    ):
        raise UserError(f"A target needs {num_modes} shares above 0 that sum to 1.")
    shares = shares / shares.sum()
    n = len(modes)
    counts = modes.cpu().bincount(minlength=num_modes).double()
    if n == 0:
        nothing = (math.nan, math.nan)
        return ModeCoverage(
            modes=0, modes_interval=(0.0, 0.0), expected_modes=0.0, reverse_kl=math.nan,
            interval=nothing, floor=math.nan, floor_interval=nothing, n=0, num_modes=num_modes,
            seed=seed,
        )  # fmt: skip
    generator = np.random.default_rng(seed)
    value = float(_kl(counts[None], shares))
    again = _drawn(counts / n, n, generator)
    found = (again > 0).sum(1).double()
    spread = float(_kl(again, shares).std())
    perfect = _drawn(shares, n, generator)
    floors = _kl(perfect, shares)
    half = normal_quantile(0.95) * spread
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    fewest, most = found.quantile(ends).tolist()
    low, high = floors.quantile(ends).tolist()
    return ModeCoverage(
        modes=int((counts > 0).sum()),
        modes_interval=(fewest, max(most, float((counts > 0).sum()))),
        expected_modes=float((1 - (1 - shares) ** n).sum()),
        reverse_kl=value,
        interval=(max(0.0, value - half), value + half),
        floor=float(floors.mean()),
        floor_interval=(low, high),
        n=n,
        num_modes=num_modes,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class MixtureQuality:
    """How well points follow a mixture of Gaussians in the plane."""

    high_quality: float
    """Share of points within 3 standard deviations of their nearest mode; a perfect sample has
    `toy.PERFECT_SHARE`, and more is too concentrated."""
    high_quality_interval: Interval
    coverage: ModeCoverage
    """Of the high-quality points."""
    n: int

    @property
    def modes(self) -> int:
        """Modes found."""
        return self.coverage.modes

    @property
    def reverse_kl(self) -> float:
        """nats; nan where no point is of high quality."""
        return self.coverage.reverse_kl


def mixture_quality(points: Points, mixture: Mixture2D, *, seed: int = 0) -> MixtureQuality:
    """High-quality share, modes found and evenness over them, by VEEGAN's protocol, which takes
    2,500 points.

    Raises:
        UserError: There are no points.
    """
    if len(points) == 0:
        raise UserError("There are no points to judge: give at least one.")
    distance, mode = mixture.nearest(points)
    high = distance <= HIGH_QUALITY_SIGMAS * mixture.std  # a nan is never high quality
    hits = int(high.sum())
    return MixtureQuality(
        high_quality=hits / len(points),
        high_quality_interval=wilson(hits, len(points)),
        coverage=mode_coverage(mode[high], len(mixture.means), seed=seed),
        n=len(points),
    )


def _drawn(shares: Tensor, n: int, generator: np.random.Generator) -> Tensor:
    """Counts of n draws, `REPEATS` times; memory and time don't grow with n."""
    return torch.from_numpy(generator.multinomial(n, shares.numpy(), size=REPEATS)).double()


def _kl(counts: Tensor, target: Tensor) -> Tensor:
    share = counts / counts.sum(1, keepdim=True)
    return (torch.xlogy(share, share) - share * target.log()).sum(1)
