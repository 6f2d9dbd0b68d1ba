"""Mixtures of Gaussians in the plane: data whose density and modes are known exactly.

The ring and the grid follow the protocol of VEEGAN (Srivastava et al., 2017,
https://arxiv.org/abs/1705.07761) as stated by PacGAN (Lin et al., 2018,
https://arxiv.org/abs/1712.04086). The ring has radius 1 and standard deviation 0.01. The modes of
the grid have the coordinates -4, -2, 0, 2 and 4 on each axis, and standard deviation 0.05. Those
of the wide grid have the coordinates -3, -1.5, 0, 1.5 and 3, and standard deviation 0.1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.errors import UserError
from latentarium.rng import Noise, derive_seed
from latentarium.shapes import Images, LabelSet, Modes, PerPoint, Points

NUM_TRAIN = 100_000
HIGH_QUALITY_SIGMAS = 3.0
PERFECT_SHARE = 1 - math.exp(-(HIGH_QUALITY_SIGMAS**2) / 2)
"""Share of a perfect model's samples that are within 3 standard deviations of a mode: 98.89 %.

The distance of a 2-D Gaussian sample from the mean has a Rayleigh distribution. A larger share is
not better: it means that the samples are too concentrated.
"""


@dataclass(frozen=True, eq=False)
class Mixture2D:
    """A mixture of isotropic Gaussians in the plane with equal weights.

    Arguments:
        means: The means of the Gaussians, which are the modes.
        std: Standard deviation of each mode along each axis.
        name: The name for the data card.

    Raises:
        UserError: There are no modes, or `std` is not positive.
    """

    means: Modes
    std: float
    name: str = "mixture"

    def __post_init__(self) -> None:
        if len(self.means) == 0 or not self.std > 0:
            raise UserError(
                f"A mixture of {len(self.means)} modes with std {self.std} has no density: give "
                "at least 1 mode and a std above 0.",
                code="invalid-mixture",
            )

    def sample(self, n: int, seed: int = 0) -> Points:
        """Draw n points; the same seed gives the same points."""
        return self.sample_with_modes(n, seed)[0]

    def sample_with_modes(self, n: int, seed: int = 0) -> tuple[Points, LabelSet]:
        """Draw n points; return them and the index of each point's mode."""
        noise = Noise("mixture", seed)
        modes = noise.integers(len(self.means), n)
        return self.means[modes] + self.std * noise.normal(n, 2), modes

    def log_prob(self, points: Points) -> PerPoint:
        """Return the log density of each point in nats."""
        squared = (points[:, None] - self.means).square().sum(2)
        normal = -squared / (2 * self.std**2) - math.log(2 * math.pi * self.std**2)
        return normal.logsumexp(1) - math.log(len(self.means))

    def nearest(self, points: Points) -> tuple[PerPoint, LabelSet]:
        """Return the distance of each point to the nearest mode, and the index of that mode."""
        distance, mode = torch.linalg.vector_norm(points[:, None] - self.means, dim=2).min(1)
        return distance, mode


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture2D:
    """Return a mixture whose modes are evenly spaced on a circle around the origin."""
    angles = torch.arange(modes) * (2 * math.pi / max(modes, 1))
    return Mixture2D(radius * torch.stack([angles.cos(), angles.sin()], 1), std, "ring")


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture2D:
    """Return a mixture of side x side modes on a square grid around the origin."""
    axis = (torch.arange(side) - (side - 1) / 2) * spacing
    return Mixture2D(torch.cartesian_prod(axis, axis), std, "grid")


def wide_grid() -> Mixture2D:
    """Return a grid whose modes are closer together and twice as wide."""
    return Mixture2D(grid(spacing=1.5).means, 0.1, "grid-wide")


MIXTURES: dict[str, Callable[[], Mixture2D]] = {
    "ring": ring,
    "grid": grid,
    "grid-wide": wide_grid,
}
"""The mixtures by the name of their data source."""


def toy_scale(mixture: Mixture2D) -> float:
    """Return the divisor that brings points into about [-1, 1].

    It is the largest coordinate of a mode plus four standard deviations.
    """
    return float(mixture.means.abs().max()) + 4 * mixture.std


def toy_data(
    mixture: Mixture2D, n: int = NUM_TRAIN, seed: int = 0, scale: float | None = None
) -> Data:
    """Draw points as "images" of two channels and one pixel, on which every model can train.

    Arguments:
        mixture: The mixture to draw from; the label of a point is the index of its mode.
        n: Number of training points; the validation split has n // 10 points, and so has the test
            split.
        seed: Seed of the points.
        scale: Number by which coordinates are divided; None for `toy_scale`. `to_points` converts
            samples back to the original coordinates.

    Raises:
        UserError: `n` is less than 10, or `scale` is not positive.
    """
    scale = toy_scale(mixture) if scale is None else scale
    if n < 10 or not scale > 0:
        raise UserError(
            f"n is {n} and scale is {scale}; n must be at least 10, and scale above 0.",
            code="invalid-size",
        )

    def draw(count: int, seed: int) -> tuple[Points, LabelSet]:
        points, modes = mixture.sample_with_modes(count, seed)
        return points / scale, modes

    classes = tuple(str(mode) for mode in range(len(mixture.means)))
    return points_data(draw, mixture.name, n, seed, classes)


def points_data(
    draw: Callable[[int, int], tuple[Points, LabelSet | None]],
    source: str,
    n: int,
    seed: int = 0,
    classes: tuple[str, ...] = (),
) -> Data:
    """Draw points of the plane as "images" of two channels and one pixel.

    Arguments:
        draw: Function that takes a number of points and a seed, and returns points in about
            [-1, 1] with their class numbers, or with None if there are no classes.
        source: The name for the data card.
        n: Number of training points; the validation split has n // 10 points, and so has the test
            split.
        seed: Seed of the points.
        classes: Names of the classes.
    """
    splits = []
    for name, count in (("train", n), ("validation", n // 10), ("test", n // 10)):
        points, labels = draw(count, derive_seed(name, seed))
        splits.append(Split(points[:, :, None, None], labels))
    card = DataCard(
        source=source,
        fingerprint=fingerprint(*splits),
        image_shape=(2, 1, 1),
        classes=classes,
    )
    return Data(card, *splits)


def to_points(images: Images, mixture: Mixture2D, scale: float | None = None) -> Points:
    """Convert "images" of `toy_data` back to points of the plane."""
    return images.flatten(1) * (toy_scale(mixture) if scale is None else scale)
