"""How the images of a data set are laid out: their background, and the place of their subject."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from latentarium.data.dataset import Data

MAX_IMAGES = 500
TOLERANCE = 24
"""Largest difference from the background, in grey levels, that is taken for noise."""
BACKGROUND_SHARE = 0.9
"""Share of the pixels at the edges that must show the background."""
EXTREMES = (64, 191)
"""A background is darker than the first or brighter than the second."""
CENTRED = 0.03
"""Largest standard deviation of the centres of centred subjects, as a share of the side."""
SAME_SIZE = 0.1
"""Largest interquartile range of the sizes of scaled subjects, as a share of the median."""


@dataclass(frozen=True)
class Subject:
    """Where the pixels are that differ from the background, in pixels from the top left corner."""

    left: int
    top: int
    right: int
    bottom: int
    mass: tuple[float, float]
    """x and y of the centre of mass."""

    @property
    def box(self) -> tuple[float, float]:
        """x and y of the centre of the bounding box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def longer_side(self) -> int:
        """The longer side of the bounding box."""
        return max(self.right - self.left, self.bottom - self.top)


@dataclass(frozen=True)
class ImageLayout:
    """What the images of a data set have in common, as far as it can be measured."""

    background: tuple[int, ...] | None
    """Value of each channel; None if the images have no uniform dark or bright background."""
    centre: Literal["mass", "box"] | None
    """What is always at the same place: the subject's centre of mass, or the centre of its
    bounding box; None if neither is."""
    place: tuple[float, float]
    """x and y of that place, as shares of width and height."""
    size: float | None
    """The longer side of the subject's bounding box, as a share of the longer side of the image;
    None if subjects differ in size."""
    contrast: int
    """The difference between the brightest and the darkest value that 99 % of the images exceed; 0
    without a background."""


NO_LAYOUT = ImageLayout(background=None, centre=None, place=(0.5, 0.5), size=None, contrast=0)


def measure_layout(images: torch.Tensor) -> ImageLayout:
    """Measure the layout of images (N, C, H, W), uint8, on at most 500 of them."""
    if images.dtype != torch.uint8 or not len(images) or min(images.shape[2:]) < 3:
        return NO_LAYOUT
    step = -(-len(images) // MAX_IMAGES)
    pixels = images[::step].numpy().transpose(0, 2, 3, 1)
    edges = np.concatenate([edge_pixels(picture) for picture in pixels])
    background = np.median(edges, axis=0)
    if EXTREMES[0] < background.mean() < EXTREMES[1]:
        return NO_LAYOUT
    shows = np.abs(edges - background).max(axis=1) <= TOLERANCE
    if shows.mean() < BACKGROUND_SHARE:
        return NO_LAYOUT
    subjects = [subject for x in pixels if (subject := find_subject(x, background)) is not None]
    height, width = images.shape[2:]
    centre, place = _shared_centre(subjects, height, width)
    return ImageLayout(
        background=tuple(int(value) for value in background),
        centre=centre,
        place=place,
        size=_shared_size(subjects, max(height, width)) if centre else None,
        contrast=int(np.quantile(np.ptp(pixels.reshape(len(pixels), -1), axis=1), 0.01)),
    )


_LAYOUTS: dict[str, ImageLayout] = {}
"""Layouts by the fingerprint of the data. Two threads may compute the same value."""


def data_layout(data: Data) -> ImageLayout:
    """Return the layout of a data set's training images, which is measured once."""
    key = data.card.fingerprint
    if key not in _LAYOUTS:
        _LAYOUTS[key] = measure_layout(data.train.images)
    return _LAYOUTS[key]


def edge_pixels(picture: np.ndarray) -> np.ndarray:
    """Return the pixels at the edges of a picture (H, W, C), of shape (n, C)."""
    sides = (picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1])
    return np.concatenate(sides).astype(np.float64)


def find_subject(
    picture: np.ndarray, background: np.ndarray, tolerance: float = TOLERANCE
) -> Subject | None:
    """Find the pixels of a picture (H, W, C) that differ from the background; None without any."""
    weights = np.abs(picture.astype(np.float64) - background).mean(axis=2)
    differs = weights > tolerance
    if not differs.any():
        return None
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    weights = np.where(differs, weights, 0.0)
    total = weights.sum()
    x = float((weights.sum(axis=0) * (np.arange(weights.shape[1]) + 0.5)).sum() / total)
    y = float((weights.sum(axis=1) * (np.arange(weights.shape[0]) + 0.5)).sum() / total)
    return Subject(
        left=int(columns[0]),
        top=int(rows[0]),
        right=int(columns[-1]) + 1,
        bottom=int(rows[-1]) + 1,
        mass=(x, y),
    )


def _shared_centre(
    subjects: list[Subject], height: int, width: int
) -> tuple[Literal["mass", "box"] | None, tuple[float, float]]:
    for kind in ("mass", "box") if subjects else ():
        centres = np.array([getattr(subject, kind) for subject in subjects]) / (width, height)
        if centres.std(axis=0).max() <= CENTRED:
            x, y = centres.mean(axis=0)
            return kind, (float(x), float(y))
    return None, NO_LAYOUT.place


def _shared_size(subjects: list[Subject], side: int) -> float | None:
    low, median, high = np.quantile(
        [subject.longer_side for subject in subjects], [0.25, 0.5, 0.75]
    )
    return float(median / side) if high - low <= SAME_SIZE * median else None
