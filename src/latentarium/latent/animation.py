"""Animations of the images on a path, and of the snapshots of a run."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from latentarium.errors import UserError
from latentarium.image_files import animation_bytes, grid, visible_channels
from latentarium.latent.snapshots import Snapshots
from latentarium.models.inference import fixed_samples
from latentarium.shapes import Images, LabelSet, Points

FRAME_MS, LAST_FRAME_MS = 500, 2500
MAX_SAMPLES_SIDE, MIN_MAP_SIDE = 560, 280
"""Sides in pixels. The grid of samples is enlarged by the largest whole number that keeps its
longer side within `MAX_SAMPLES_SIDE`. The map is as high as the grid, but at least
`MIN_MAP_SIDE`."""
MARGIN, TITLE_HEIGHT = 10, 30
MAX_CLASS_NAMES = 12
"""Largest number of classes whose names are written on the map."""
TEXT_COLOUR = (28, 36, 46)
DOT = 3
"""Side of a point in pixels."""
DOT_OPACITY = 0.8
OUTLIER_PERCENT = 1.0
"""Percentage of the points that may be outside the map, at each of its four sides."""


def path_animation(
    pixels: np.ndarray,
    kind: Literal["GIF", "WEBP"] = "GIF",
    *,
    side: int = 256,
    milliseconds: int = 90,
) -> bytes:
    """Return images as an endless animation that plays forward, then backward.

    Pixels are enlarged without smoothing.

    Arguments:
        pixels: uint8 (n, channels, height, width).
        kind: The format.
        side: Frames are enlarged by the largest whole number that keeps their longer side within
            this number of pixels.
        milliseconds: Duration of a frame. The first and the last image are shown four times as
            long.
    """
    scale = max(1, side // max(pixels.shape[2:]))
    large = visible_channels(pixels).repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)
    frames = list(np.ascontiguousarray(large if large.shape[3] == 3 else large[..., 0]))
    times = [milliseconds] * len(frames)
    times[0] = times[-1] = 4 * milliseconds
    return animation_bytes(frames + frames[-2:0:-1], times + times[-2:0:-1], kind)


def snapshots_gif(snapshots: Snapshots) -> bytes:
    """Return all snapshots of a run as a GIF.

    A frame shows the map on the left, samples from fixed latents on the right, and the step above.
    For a model without an encoder there is no map.

    Raises:
        UserError: The run has no snapshots (code "no-snapshots").
    """
    if not snapshots.steps:
        raise UserError(
            "This run has no snapshots: train with --train.snapshots 24.", code="no-snapshots"
        )
    has_encoder = snapshots.run.config.model.has_encoder
    numbers = range(1, len(snapshots) + 1)
    maps = [snapshots.points(number) if has_encoder else None for number in numbers]
    window = Window.around([points for points in maps if points is not None])
    frames = []
    for step, points in zip(snapshots.steps, maps, strict=True):
        images, columns = fixed_samples(snapshots.run.load(step))
        sheet = _rgb(grid(images, columns, scale=_scale(images, columns)))
        parts = [sheet]
        if window is not None and points is not None:
            side = max(MIN_MAP_SIDE, len(sheet))
            labels, classes = snapshots.labels, snapshots.data.card.classes
            parts = [draw_map(points, labels, classes, window, side), sheet]
        frames.append(_side_by_side(parts, f"step {step:,}"))
    return animation_bytes(frames, [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS])


@dataclass(frozen=True)
class Window:
    """The square of the plane that every map of an animation shows."""

    left: float
    low: float
    size: float

    @classmethod
    def around(cls, maps: list[Points]) -> "Window | None":
        """Return the window that contains nearly all points of all maps; None for no maps."""
        if not maps:
            return None
        quantiles = (OUTLIER_PERCENT, 100 - OUTLIER_PERCENT)
        ends = np.stack([np.percentile(points.numpy(), quantiles, axis=0) for points in maps])
        low, high = ends[:, 0].min(0), ends[:, 1].max(0)
        size = 1.08 * max(float((high - low).max()), 1e-6)
        left, bottom = (low + high - size) / 2
        return cls(float(left), float(bottom), size)

    def pixels(self, points: np.ndarray, side: int) -> np.ndarray:
        """Return each point's column and row (N, 2) in a picture of `side` x `side` pixels."""
        x, y = ((points - (self.left, self.low)) * (side / self.size)).T
        return np.stack([x, side - y], 1)


def draw_map(
    points: Points, labels: LabelSet | None, classes: tuple[str, ...], window: Window, side: int
) -> np.ndarray:
    """Draw a map as the studio does, and return uint8 (side, side, 3).

    A pixel has the mean colour of its points, and its opacity grows with their number.
    """
    numbers = np.zeros(len(points), int) if labels is None else labels.numpy()
    corners = np.floor(window.pixels(points.numpy(), side)).astype(int)
    inside = ((corners >= 0) & (corners < side - DOT)).all(1)
    dots = np.stack(np.meshgrid(range(DOT), range(DOT)), -1).reshape(1, -1, 2)
    cells = (corners[inside, None] + dots) @ (1, side)
    colours = np.repeat(_colours(labels is not None)[numbers[inside] % 10], dots.shape[1], axis=0)
    counts = np.bincount(cells.ravel(), minlength=side * side)
    sums = [np.bincount(cells.ravel(), channel, side * side) for channel in colours.T]
    opacity = (1 - np.exp(-DOT_OPACITY * counts))[:, None]
    mean = np.stack(sums, 1) / np.maximum(counts, 1)[:, None]
    picture = Image.fromarray(
        (255 - opacity * (255 - mean)).astype(np.uint8).reshape(side, side, 3)
    )
    if labels is not None and len(classes) <= MAX_CLASS_NAMES:
        _write_class_names(picture, points.numpy(), numbers, classes, window)
    return np.asarray(picture)


def _write_class_names(
    picture: Image.Image, points: np.ndarray, numbers: np.ndarray, classes: tuple[str, ...],
    window: Window,
) -> None:  # fmt: skip
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    for number, name in enumerate(classes):
        if (numbers == number).any():
            mean = points[numbers == number].mean(0, keepdims=True)
            centre = tuple(window.pixels(mean, picture.width)[0])
            pen.text(centre, name, TEXT_COLOUR, font, "mm", stroke_width=2, stroke_fill="white")


def _scale(images: Images, columns: int) -> int:
    rows = math.ceil(len(images) / columns)
    return max(1, MAX_SAMPLES_SIDE // max(rows * images.shape[2], columns * images.shape[3]))


def _colours(labelled: bool) -> np.ndarray:
    from latentarium.charts import CLASS_COLOURS  # imports matplotlib, which is slow

    names = CLASS_COLOURS if labelled else ("#7f7f7f",) * 10
    return np.array([[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in names])


def _rgb(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else picture[:, :, None].repeat(3, 2)


def _side_by_side(parts: list[np.ndarray], title: str) -> np.ndarray:
    """Place pictures in a row on white, under a title."""
    height = max(len(part) for part in parts)
    width = sum(part.shape[1] + MARGIN for part in parts) + MARGIN
    sheet = Image.new("RGB", (width, TITLE_HEIGHT + height + MARGIN), "white")
    left = MARGIN
    for part in parts:
        sheet.paste(Image.fromarray(part), (left, TITLE_HEIGHT))
        left += part.shape[1] + MARGIN
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    pen.text((MARGIN, TITLE_HEIGHT // 2), title, TEXT_COLOUR, font, "lm")
    return np.asarray(sheet)
