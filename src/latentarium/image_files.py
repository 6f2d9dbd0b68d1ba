"""Image grids, and the bytes of image and array files."""

import io
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from latentarium.data.dataset import to_float, to_uint8
from latentarium.shapes import Images

ImageArray = TypeVar("ImageArray", Tensor, np.ndarray)
RESAMPLING = Image.Resampling.LANCZOS
ENLARGED_SIDE = 112
"""`grid_png` enlarges images by a whole factor to at most this width in pixels."""


def grid(images: Images, columns: int | None = None, gap: int = 2, scale: int = 1) -> np.ndarray:
    """Arrange images row by row on white, as a uint8 picture (H, W) or (H, W, 3).

    Arguments:
        images: Images in [-1, 1]; values outside are clamped. Of more than three channels, the
            first three are shown as red, green and blue; of two, the first.
        columns: Images per row; None makes the grid as square as possible.
        gap: Number of pixels between images.
        scale: Whole factor by which images are enlarged, without smoothing.
    """
    count, _, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    pixels = to_uint8(visible_channels(images)).permute(0, 2, 3, 1).cpu().numpy()
    pixels = pixels.repeat(scale, 1).repeat(scale, 2)
    row_step, column_step = height * scale + gap, width * scale + gap
    size = (rows * row_step - gap, columns * column_step - gap, pixels.shape[3])
    sheet = np.full(size, 255, np.uint8)
    for i, picture in enumerate(pixels):
        top, left = i // columns * row_step, i % columns * column_step
        sheet[top : top + height * scale, left : left + width * scale] = picture
    return sheet[:, :, 0] if sheet.shape[2] == 1 else sheet


def visible_channels(images: ImageArray) -> ImageArray:
    """Return the channels of images (N, C, H, W) that pictures show: the first one or three."""
    return images[:, : 3 if images.shape[1] >= 3 else 1]


def png_bytes(picture: np.ndarray) -> bytes:
    """Encode a uint8 picture (H, W) or (H, W, C) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnails(images: Tensor, count: int, side: int) -> list[bytes]:
    """Return evenly spaced images of a set (N, C, H, W) as square PNGs.

    Arguments:
        images: Images, uint8 or floats in [-1, 1].
        count: Number of thumbnails, reduced to N if it is larger.
        side: Pixels per side.
    """
    count = min(count, len(images))
    chosen = to_uint8(to_float(images[[i * len(images) // count for i in range(count)]]))
    pictures = visible_channels(chosen).permute(0, 2, 3, 1).squeeze(-1).numpy()
    return [
        png_bytes(np.asarray(ImageOps.fit(Image.fromarray(picture), (side, side), RESAMPLING)))
        for picture in pictures
    ]


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Encode arrays as a compressed .npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]  only arrays
    return buffer.getvalue()


def grid_png(images: Tensor, scale: int | None = None) -> bytes:
    """Encode a grid of images in [-1, 1] as PNG; if `scale` is None, small images are enlarged."""
    scale = scale or max(1, ENLARGED_SIDE // images.shape[-1])
    return png_bytes(grid(images, scale=scale))


def grid_npz(images: Tensor) -> bytes:
    """Encode images in [-1, 1] as a .npz with the array `images`, uint8 (N, C, H, W)."""
    return npz_bytes(images=to_uint8(images).numpy())


def gif_bytes(frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> bytes:
    """Encode an endlessly looping GIF.

    Arguments:
        frames: uint8 pictures (H, W) or (H, W, 3), at least one.
        milliseconds: Display time of each frame.
    """
    first, *others = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer, "GIF", save_all=True, append_images=others, duration=list(milliseconds), loop=0
    )
    return buffer.getvalue()
