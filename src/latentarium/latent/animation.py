"""The time machine as a film: the map on the left, samples of the same latents on the right, and
the step of the training over them."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from latentarium.errors import UserError
from latentarium.image_files import gif_bytes
from latentarium.latent.snapshots import Moments
from latentarium.models.inference import fixed_samples, grid
from latentarium.shapes import Images, LabelSet, Points

FRAME_MS = 500
LAST_MS = 2500
MOST_SIDE, LEAST_SIDE = 560, 280
"""Pixels of the samples at most, where one of an image's pixels may be a square of several; and of
the map at least, which is as high as the samples."""
GAP, HEAD = 10, 30
MOST_NAMES = 12
"""Classes that are named on the map."""
INK = (28, 36, 46)
DOT = 3
"""Pixels of a point's side."""
FILLED = 0.8
"""How much of the paper a point covers: many of them on one place, nearly all."""
OUTLIERS = 1.0
"""Percent of points at either side that the map need not show."""


def film(moments: Moments) -> bytes:
    """All moments as a GIF that stays longest at its end; of a model without encoder, the samples
    alone.

    Raises:
        UserError: There is no moment.
    """
    if not moments.steps:
        raise UserError("This run kept no moments: train with --train.snapshots 24.")
    mapped = moments.run.config.model.has_encoder
    maps = [moments.points(at) if mapped else None for at in range(1, len(moments) + 1)]
    window = Window.around([points for points in maps if points is not None])
    frames = []
    for step, points in zip(moments.steps, maps, strict=True):
        images, columns = fixed_samples(moments.run.load(step))
        sheet = _rgb(grid(images, columns, scale=_scale(images, columns)))
        parts = [sheet]
        if window is not None and points is not None:
            side = max(LEAST_SIDE, len(sheet))
            labels, classes = moments.labels, moments.data.card.classes
            parts = [draw_map(points, labels, classes, window, side), sheet]
        frames.append(_side_by_side(parts, f"step {step:,}"))
    return gif_bytes(frames, [FRAME_MS] * (len(frames) - 1) + [LAST_MS])


@dataclass(frozen=True)
class Window:
    """The part of the plane that all maps of a film show."""

    left: float
    low: float
    size: float

    @classmethod
    def around(cls, maps: list[Points]) -> "Window | None":
        """That which holds nearly all points of all maps; None where there is no map."""
        if not maps:
            return None
        ends = np.stack([
            np.percentile(points.numpy(), (OUTLIERS, 100 - OUTLIERS), axis=0) for points in maps
        ])  # fmt: skip
        low, high = ends[:, 0].min(0), ends[:, 1].max(0)
        size = 1.08 * max(float((high - low).max()), 1e-6)
        left, bottom = (low + high - size) / 2
        return cls(float(left), float(bottom), size)

    def pixels(self, places: np.ndarray, side: int) -> np.ndarray:
        """Columns and rows (N, 2) of places, on a picture of so many pixels."""
        x, y = ((places - (self.left, self.low)) * (side / self.size)).T
        return np.stack([x, side - y], 1)


def draw_map(
    points: Points, labels: LabelSet | None, classes: tuple[str, ...], window: Window, side: int
) -> np.ndarray:
    """The map as a uint8 picture (side, side, 3), drawn as the page draws it: a pixel has the mean
    colour of its points, the stronger the more there are."""
    numbers = np.zeros(len(points), int) if labels is None else labels.numpy()
    at = np.floor(window.pixels(points.numpy(), side)).astype(int)
    inside = ((at >= 0) & (at < side - DOT)).all(1)
    dots = np.stack(np.meshgrid(range(DOT), range(DOT)), -1).reshape(1, -1, 2)
    cells = (at[inside, None] + dots) @ (1, side)
    hues = np.repeat(_colours(labels is not None)[numbers[inside] % 10], dots.shape[1], axis=0)
    counts = np.bincount(cells.ravel(), minlength=side * side)
    sums = [np.bincount(cells.ravel(), hue, side * side) for hue in hues.T]
    strength = (1 - np.exp(-FILLED * counts))[:, None]
    mean = np.stack(sums, 1) / np.maximum(counts, 1)[:, None]
    picture = Image.fromarray(
        (255 - strength * (255 - mean)).astype(np.uint8).reshape(side, side, 3)
    )
    if labels is not None and len(classes) <= MOST_NAMES:
        pen, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
        for number, name in enumerate(classes):
            if (numbers == number).any():
                middle = window.pixels(
                    points.numpy()[numbers == number].mean(0, keepdims=True), side
                )
                pen.text(
                    tuple(middle[0]), name, INK, font, "mm", stroke_width=2, stroke_fill="white"
                )
    return np.asarray(picture)


def _scale(images: Images, columns: int) -> int:
    rows = math.ceil(len(images) / columns)
    return max(1, MOST_SIDE // max(rows * images.shape[2], columns * images.shape[3]))


def _colours(classed: bool) -> np.ndarray:
    from latentarium.charts import CLASSES  # which takes its time to load

    named = CLASSES if classed else ("#7f7f7f",) * 10
    return np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in named])


def _rgb(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else picture[:, :, None].repeat(3, 2)


def _side_by_side(parts: list[np.ndarray], title: str) -> np.ndarray:
    """Pictures in a row on white, under a title."""
    high = max(len(part) for part in parts)
    wide = sum(part.shape[1] + GAP for part in parts) + GAP
    sheet = Image.new("RGB", (wide, HEAD + high + GAP), "white")
    left = GAP
    for part in parts:
        sheet.paste(Image.fromarray(part), (left, HEAD))
        left += part.shape[1] + GAP
    ImageDraw.Draw(sheet).text((GAP, HEAD // 2), title, INK, ImageFont.load_default(16), "lm")
    return np.asarray(sheet)
