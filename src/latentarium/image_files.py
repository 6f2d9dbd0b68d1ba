"""Pictures and arrays as the bytes of files."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from latentarium.data.dataset import to_float, to_uint8
from latentarium.models.inference import grid

RESAMPLED = Image.Resampling.LANCZOS


def png_bytes(picture: np.ndarray) -> bytes:
    """A uint8 picture (H, W) or (H, W, C) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnails(images: Tensor, count: int, side: int) -> list[bytes]:
    """A few of many images (N, C, H, W), from all over them, as squares, as PNG."""
    count = min(count, len(images))
    few = to_uint8(to_float(images[[i * len(images) // count for i in range(count)]]))
    pixels = few[:, :3].permute(0, 2, 3, 1).squeeze(-1).numpy()
    return [
        png_bytes(np.asarray(ImageOps.fit(Image.fromarray(one), (side, side), RESAMPLED)))
        for one in pixels
    ]


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Arrays as a compressed .npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]  only arrays
    return buffer.getvalue()


def grid_png(images: Tensor, scale: int | None = None) -> bytes:
    """Images in [-1, 1] side by side as PNG; small ones are enlarged unless a scale is given."""
    return png_bytes(grid(images, scale=scale or max(1, 112 // images.shape[-1])))


def grid_npz(images: Tensor) -> bytes:
    """Images in [-1, 1] as a .npz with `images` in uint8 (N, C, H, W)."""
    return npz_bytes(images=to_uint8(images).numpy())


def gif_bytes(frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> bytes:
    """uint8 pictures (H, W) or (H, W, 3) as an endless GIF, with how long each one stays."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer, "GIF", save_all=True, append_images=others, duration=list(milliseconds), loop=0
    )
    return buffer.getvalue()
