"""Mixtures of Gaussians in the plane: data whose density and modes are known exactly.

The ring and the grid follow the protocol of VEEGAN (Srivastava et al., 2017,
https://arxiv.org/abs/1705.07761) as PacGAN states it (Lin et al., 2018,
https://arxiv.org/abs/1712.04086): ring of radius 1, standard deviation 0.01; grid {-4, -2, 0, 2,
4} squared, standard deviation 0.05.
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

TRAIN, HELD_OUT = 100_000, 10_000
HIGH_QUALITY_SIGMAS = 3.0
PERFECT_SHARE = 1 - math.exp(-(HIGH_QUALITY_SIGMAS**2) / 2)
"""Share of a perfect sample within 3 standard deviations, 98.89 %: the distance from the mean of
a 2-D Gaussian is Rayleigh distributed. More is too concentrated, not better."""


@dataclass(frozen=True, eq=False)
class Mixture2D:
    """Equal parts of isotropic Gaussians in the plane.

    Arguments:
        means: The modes.
        std: Their standard deviation, along each axis.
        name: What the data card calls it.

    Raises:
        UserError: No modes, or a deviation that isn't positive.
    """

    means: Modes
    std: float
    name: str = "mixture"

    def __post_init__(self) -> None:
        if len(self.means) == 0 or not self.std > 0:
            raise UserError(
                f"A mixture of {len(self.means)} modes with std {self.std} has no density: give "
                "at least 1 mode and a std above 0."
            )

    def sample(self, n: int, seed: int = 0) -> Points:
        """Draws n points; the same seed gives the same points."""
        return self.sample_with_modes(n, seed)[0]

    def sample_with_modes(self, n: int, seed: int = 0) -> tuple[Points, LabelSet]:
        """Draws n points and says from which mode each came."""
        noise = Noise("mixture", seed)
        modes = noise.integers(len(self.means), n)
        return self.means[modes] + self.std * noise.normal(n, 2), modes

    def log_prob(self, points: Points) -> PerPoint:
        """Log density of each point, in nats."""
        squared = (points[:, None] - self.means).square().sum(2)
        normal = -squared / (2 * self.std**2) - math.log(2 * math.pi * self.std**2)
        return normal.logsumexp(1) - math.log(len(self.means))

    def nearest(self, points: Points) -> tuple[PerPoint, LabelSet]:
        """The distance to the nearest mode, and which it is."""
        distance, mode = torch.linalg.vector_norm(points[:, None] - self.means, dim=2).min(1)
        return distance, mode


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture2D:
    """Modes evenly on a circle about the origin."""
    angles = torch.arange(modes) * (2 * math.pi / max(modes, 1))
    return Mixture2D(radius * torch.stack([angles.cos(), angles.sin()], 1), std, "ring")


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture2D:
    """side x side modes on a square grid about the origin."""
    axis = (torch.arange(side) - (side - 1) / 2) * spacing
    return Mixture2D(torch.cartesian_prod(axis, axis), std, "grid")


def toy_scale(mixture: Mixture2D) -> float:
    """What points are divided by so that they lie in about [-1, 1]: the farthest coordinate of a
    mode and four standard deviations."""
    return float(mixture.means.abs().max()) + 4 * mixture.std


def toy_data(
    mixture: Mixture2D, n: int = TRAIN, seed: int = 0, scale: float | None = None
) -> Data:
    """Points as "images" of two channels and one pixel, so that every model trains on them.

    Arguments:
        mixture: Where points come from; each point's label is its mode.
        n: Points to train on; a tenth of them each for validation and test.
        seed: Of the points.
        scale: What coordinates are divided by; None: `toy_scale`. To judge samples, bring
            them back with `to_points`.

    Raises:
        UserError: Fewer than 10 points, or a scale that isn't positive.
    """
    scale = toy_scale(mixture) if scale is None else scale
    if n < 10 or not scale > 0:
        raise UserError(f"n is {n} and scale {scale}; give at least 10 points, scale above 0.")

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
    """Points of the plane as "images" of two channels and one pixel.

    Arguments:
        draw: So many points, in about [-1, 1], of a seed, with their class numbers or None.
        source: What the data card calls them.
        n: Points to train on; a tenth of them each for validation and test.
        seed: Of the points.
        classes: Names of the classes.
    """
    splits = []
    for part, count in (("train", n), ("validation", n // 10), ("test", n // 10)):
        points, labels = draw(count, derive_seed(part, seed))
        splits.append(Split(points[:, :, None, None], labels))
    card = DataCard(
        source=source,
        fingerprint=fingerprint(*splits),
        image_shape=(2, 1, 1),
        classes=classes,
    )
    return Data(card, *splits)


def to_points(images: Images, mixture: Mixture2D, scale: float | None = None) -> Points:
    """Brings "images" back into the plane: the inverse of what `toy_data` did."""
    return images.flatten(1) * (toy_scale(mixture) if scale is None else scale)
