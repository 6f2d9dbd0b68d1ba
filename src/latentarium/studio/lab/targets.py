"""What the lab's models learn: distributions in the plane, known ones, or drawn by hand."""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import make_moons

from latentarium.data.dataset import Data
from latentarium.data.toy import Mixture2D, grid, points_data, ring, toy_data
from latentarium.errors import UserError, did_you_mean
from latentarium.rng import Noise
from latentarium.shapes import Points

CELLS = 24
"""Of each side of a drawing, over the square from -1 to 1."""
DRAWN = "drawn"

MIXTURES: dict[str, Mixture2D] = {
    "ring": ring(8, radius=0.8, std=0.03),
    "grid": grid(5, spacing=0.4, std=0.02),
    "gaussian": Mixture2D(torch.tensor([[0.25, 0.1]]), 0.25, "gaussian"),
}


def _moons(n: int, noise: Noise) -> Points:
    state = int(noise.integers(2**31, 1))
    points, _ = make_moons(n, noise=0.05, random_state=state)
    return (torch.from_numpy(points).float() - torch.tensor([0.5, 0.25])) * 0.6


def _spiral(n: int, noise: Noise) -> Points:
    turn = noise.uniform(n).sqrt()  # evenly along the arm
    angle = 3.5 * math.pi * turn
    arm = torch.stack([angle.cos(), angle.sin()], 1) * (0.1 + 0.75 * turn[:, None])
    return arm + 0.02 * noise.normal(n, 2)


def _smile(n: int, noise: Noise) -> Points:
    part, along = noise.uniform(n), noise.uniform(n)
    mouth = math.pi * (1.15 + 0.7 * along)
    face = 2 * math.pi * along
    angle = torch.where(part < 0.55, face, mouth)
    radius = torch.where(part < 0.55, 0.85, 0.5)
    points = torch.stack([angle.cos(), angle.sin()], 1) * radius[:, None]
    eye = torch.stack([torch.where(along < 0.5, -0.3, 0.3), torch.full((n,), 0.3)], 1)
    points = torch.where((part > 0.8)[:, None], eye, points)
    return points + 0.03 * noise.normal(n, 2)


CURVES: dict[str, Callable[[int, Noise], Points]] = {
    "moons": _moons,
    "spiral": _spiral,
    "smile": _smile,
}
NAMES = (*MIXTURES, *CURVES, DRAWN)


@dataclass(frozen=True)
class Drawing:
    """A distribution that is even over the painted cells of a square.

    Arguments:
        cells: bool (`CELLS`, `CELLS`), the topmost row first, over the square from -1 to 1.

    Raises:
        UserError: Another shape, or nothing is painted.
    """

    cells: np.ndarray

    def __post_init__(self) -> None:
        if self.cells.shape != (CELLS, CELLS) or self.cells.dtype != bool:
            raise UserError(f"A drawing has {CELLS} x {CELLS} cells that are painted or not.")
        if not self.cells.any():
            raise UserError("Nothing is drawn: paint at least one cell of the square.")

    @classmethod
    def read(cls, text: str) -> "Drawing":
        """From base64url of its cells as bits, row by row, without padding.

        Raises:
            UserError: It is none.
        """
        try:
            content = base64.b64decode(
                text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            content = b""
        if len(content) != CELLS * CELLS // 8:
            raise UserError("This drawing can't be read: draw anew.")
        bits = np.unpackbits(np.frombuffer(content, np.uint8)).astype(bool)
        return cls(bits.reshape(CELLS, CELLS))

    def write(self) -> str:
        """What `read` reads."""
        return base64.urlsafe_b64encode(np.packbits(self.cells).tobytes()).decode().rstrip("=")

    def sample(self, n: int, noise: Noise) -> Points:
        """Draws n points."""
        row, column = (torch.from_numpy(found) for found in np.nonzero(self.cells))
        chosen = noise.integers(len(row), n)
        corner = torch.stack([column[chosen], CELLS - 1 - row[chosen]], 1)
        return (corner + noise.uniform(n, 2)) * (2 / CELLS) - 1


def target(name: str, drawing: str, n: int, seed: int) -> Data:
    """Points of a distribution, in about [-1, 1].

    Arguments:
        name: One of `NAMES`.
        drawing: For "drawn": the cells, as `Drawing.read` reads them.
        n: Points to train on; a tenth of them each for validation and test.
        seed: Of the points.

    Raises:
        UserError: No such distribution, or an empty drawing.
    """
    if name in MIXTURES:
        return toy_data(MIXTURES[name], n, seed, scale=1.0)
    if name == DRAWN:
        curve = Drawing.read(drawing).sample
    elif name in CURVES:
        curve = CURVES[name]
    else:
        raise UserError(f"The lab has no distribution '{name}'.{did_you_mean(name, NAMES)}")
    return points_data(lambda n, seed: (curve(n, Noise("lab", seed)), None), name, n, seed)
