"""The distributions that the lab's models learn: mixtures, curves, and drawings by the user."""

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
from latentarium.texts import Text

CELLS = 24
"""Cells per side of a drawing of the square [-1, 1]^2."""
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
    turn = noise.uniform(n).sqrt()  # uniform along the arm
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
    """The uniform distribution over the painted cells of a square.

    Arguments:
        cells: bool (`CELLS`, `CELLS`), the top row first, over [-1, 1]^2.

    Raises:
        UserError: The array has another shape or type (code "shape-mismatch"), or no cell is
            painted (code "empty-drawing").
    """

    cells: np.ndarray

    def __post_init__(self) -> None:
        if self.cells.shape != (CELLS, CELLS) or self.cells.dtype != bool:
            raise UserError(
                Text(
                    "The drawing has shape {shape} and type {dtype}; give a boolean array of "
                    "{cells} x {cells} cells.",
                    shape=self.cells.shape,
                    dtype=self.cells.dtype,
                    cells=CELLS,
                ),
                code="shape-mismatch",
            )
        if not self.cells.any():
            raise UserError(
                "The drawing is empty: paint at least one cell of the square.",
                code="empty-drawing",
            )

    @classmethod
    def from_text(cls, text: str) -> "Drawing":
        """Parse a drawing from its cells as bits, row by row, in base64url without padding.

        Raises:
            UserError: The text is not a drawing (code "invalid-drawing").
        """
        try:
            content = base64.b64decode(
                text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            content = b""
        if len(content) != CELLS * CELLS // 8:
            raise UserError("The drawing can't be read: draw a new one.", code="invalid-drawing")
        bits = np.unpackbits(np.frombuffer(content, np.uint8)).astype(bool)
        return cls(bits.reshape(CELLS, CELLS))

    def to_text(self) -> str:
        """Return the text that `from_text` parses."""
        return base64.urlsafe_b64encode(np.packbits(self.cells).tobytes()).decode().rstrip("=")

    def sample(self, n: int, noise: Noise) -> Points:
        """Draw n points."""
        row, column = (torch.from_numpy(index) for index in np.nonzero(self.cells))
        chosen = noise.integers(len(row), n)
        corner = torch.stack([column[chosen], CELLS - 1 - row[chosen]], 1)
        return (corner + noise.uniform(n, 2)) * (2 / CELLS) - 1


def target(name: str, drawing: str, n: int, seed: int) -> Data:
    """Return a data set of points drawn from a distribution, roughly in [-1, 1]^2.

    Arguments:
        name: One of `NAMES`.
        drawing: The cells of the distribution "drawn", as `Drawing.to_text` returns them.
        n: The number of training points. The validation split and the test split each contain a
            tenth of this number of points.
        seed: The seed of the points.

    Raises:
        UserError: There is no such distribution (code "unknown-distribution"), or the drawing is
            invalid or empty.
    """
    if name in MIXTURES:
        return toy_data(MIXTURES[name], n, seed, scale=1.0)
    if name == DRAWN:
        curve = Drawing.from_text(drawing).sample
    elif name in CURVES:
        curve = CURVES[name]
    else:
        raise UserError(
            Text(
                "The lab has no distribution named '{name}'.{hint}",
                name=name,
                hint=did_you_mean(name, NAMES),
            ),
            code="unknown-distribution",
        )
    return points_data(lambda n, seed: (curve(n, Noise("lab", seed)), None), name, n, seed)
