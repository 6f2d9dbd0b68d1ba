"""Image grids, and the bytes of image and array files."""

import io
import math
import os
import shutil
import stat
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from latentarium.data.dataset import to_float, to_uint8
from latentarium.errors import UserError
from latentarium.files import atomic_file, write_atomic
from latentarium.shapes import Images

ImageArray = TypeVar("ImageArray", Tensor, np.ndarray)
RESAMPLING = Image.Resampling.LANCZOS
ENLARGED_SIDE = 112
"""`grid_png` enlarges images by a whole factor to at most this width in pixels."""


GAP = 2
"""Number of pixels between the images of a grid."""
MAX_GRID_BYTES = 1 << 27
"""Largest size of a grid before compression: 10,000 digits of MNIST, enlarged four times."""


def grid(images: Images, columns: int | None = None, gap: int = GAP, scale: int = 1) -> np.ndarray:
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
    row_step, column_step = height * scale + gap, width * scale + gap
    size = (rows * row_step - gap, columns * column_step - gap, pixels.shape[3])
    sheet = np.full(size, 255, np.uint8)
    for i, picture in enumerate(pixels):
        top, left = i // columns * row_step, i % columns * column_step
        enlarged = picture.repeat(scale, 0).repeat(scale, 1)
        sheet[top : top + height * scale, left : left + width * scale] = enlarged
    return sheet[:, :, 0] if sheet.shape[2] == 1 else sheet


def visible_channels(images: ImageArray) -> ImageArray:
    """Return the channels of images (N, C, H, W) that pictures show: the first one or three."""
    return images[:, : num_visible(images.shape[1])]


def num_visible(channels: int) -> int:
    """Return how many channels pictures show. The page has the same rule, in `paint`.

    Of one or two channels, the first is shown in grey; of three or more, the first three are shown
    as red, green and blue.
    """
    return 3 if channels >= 3 else 1


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
    # np.savez_compressed refuses an array named file
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def grid_png(images: Tensor, scale: int | None = None) -> bytes:
    """Encode a grid of images in [-1, 1] as PNG.

    Arguments and errors are those of `grid_scale`.
    """
    return png_bytes(grid(images, scale=grid_scale(len(images), images.shape[1:], scale)))


def save_images(
    images: Tensor | np.ndarray,
    path: str | Path,
    *,
    columns: int | None = None,
    scale: int | None = None,
) -> None:
    """Save images as a PNG, row by row in a grid that is as square as possible.

        >>> la.save_images(model.sample(16), "samples.png")

    Of one or two channels, the first is shown in grey; of three or more, the first three are shown
    as red, green and blue.

    Arguments:
        images: Images (N, C, H, W), or one image (C, H, W): uint8, or floats in [-1, 1].
        path: The file to create or replace.
        columns: Images per row.
        scale: Whole factor by which images are enlarged without smoothing; None: as far as to
            112 pixels.

    Raises:
        UserError: These are not images (code "shape-mismatch"), the grid is too large (code
            "grid-too-large"), or the file can't be written (code "cannot-write").
    """
    values = torch.as_tensor(images).detach().cpu()
    values = values[None] if values.ndim == 3 else values
    if values.ndim != 4 or not values.numel():
        raise UserError(
            f"The images have the shape {tuple(values.shape)}; it must be (N, C, H, W) or "
            "(C, H, W).",
            code="shape-mismatch",
        )
    factor = grid_scale(len(values), values.shape[1:], scale)
    write_atomic(Path(path), png_bytes(grid(to_float(values), columns, scale=factor)))


def grid_scale(count: int, image_shape: Sequence[int], scale: int | None = None) -> int:
    """Return the factor by which the images of a grid are enlarged.

    Arguments:
        count: Number of images.
        image_shape: Their shape (C, H, W).
        scale: The factor, or None for one that enlarges small images as far as the largest grid
            allows.

    Raises:
        UserError: The grid would have more than `MAX_GRID_BYTES` (code "grid-too-large").
    """
    factors = [scale] if scale else range(max(1, ENLARGED_SIDE // image_shape[-1]), 0, -1)
    for factor in factors:
        if _grid_bytes(count, image_shape, factor) <= MAX_GRID_BYTES:
            return factor
    raise UserError(
        f"A grid of {count:,} images"
        + (f", enlarged by a factor of {scale:,}," if scale and scale > 1 else "")
        + " is too large for a PNG: write fewer images, or a .npz file"
        + (", or choose a smaller scale." if scale and scale > 1 else "."),
        code="grid-too-large",
    )


def _grid_bytes(count: int, image_shape: Sequence[int], scale: int) -> int:
    channels, height, width = image_shape
    columns = math.isqrt(count - 1) + 1
    rows = -(-count // columns)
    visible = num_visible(channels)
    return rows * (height * scale + GAP) * columns * (width * scale + GAP) * visible


def pairs_png(left: Tensor, right: Tensor, scale: int | None = None) -> bytes:
    """Encode pairs of images as PNG: a grid in which each image of `left` is followed by that of
    `right`.

    Arguments:
        left, right: Images (N, C, H, W), uint8 or floats in [-1, 1].
        scale: As for `grid_scale`, whose error is raised.
    """
    images = to_float(torch.stack([left, right], 1).flatten(0, 1))
    factor = grid_scale(len(images), images.shape[1:], scale)
    columns = 2 * math.ceil(math.sqrt(len(left) / 2))
    return png_bytes(grid(images, columns, scale=factor))


def grid_npz(images: Tensor) -> bytes:
    """Encode images in [-1, 1] as a .npz with the array `images`, uint8 (N, C, H, W)."""
    return npz_bytes(images=to_uint8(images).numpy())


def write_npz(path: Path, parts: Iterable[Tensor], count: int) -> None:
    """Write a .npz as `grid_npz` does, part by part, so that it may be larger than the memory.

    Arguments:
        path: The file to create or replace.
        parts: Images in [-1, 1], in parts (n, C, H, W) of at least one image.
        count: The number of all images.

    Raises:
        UserError: The file can't be written, or will not fit on the disk (code "cannot-write").
            The old content is intact.
    """
    written = 0
    entry = zipfile.ZipInfo("images.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with (
        atomic_file(path) as file,
        zipfile.ZipFile(file, "w") as archive,
        archive.open(entry, "w", force_zip64=True) as member,
    ):
        for part in parts:
            pixels = to_uint8(part).numpy()
            if not written:
                header = {"descr": "|u1", "fortran_order": False}
                header["shape"] = (count, *pixels.shape[1:])
                np.lib.format.write_array_header_1_0(member, header)
            member.write(np.ascontiguousarray(pixels).data)
            written += len(pixels)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _require_space(path, file.tell(), written / count)


def _require_space(path: Path, size: int, share: float) -> None:
    """Raise an error if the rest of a file will not fit on the disk.

    Arguments:
        path: The file.
        size: Its size so far.
        share: The share of the content that has been written.
    """
    missing = size / share - size
    free = shutil.disk_usage(path.parent).free
    if missing > free:
        raise UserError(
            f"{path} would have {size / share / 1e9:,.1f} GB, but only "
            f"{(size + free) / 1e9:,.1f} GB are free: free some space, or write fewer images.",
            code="cannot-write",
        )


def animation_bytes(
    frames: Sequence[np.ndarray],
    milliseconds: Sequence[int],
    kind: Literal["GIF", "WEBP"] = "GIF",
) -> bytes:
    """Encode an endlessly looping animation.

    Arguments:
        frames: uint8 pictures (H, W) or (H, W, 3), at least one.
        milliseconds: Display time of each frame.
        kind: The format: GIF, with at most 256 colours in a frame; or WebP, which is lossless.
    """
    first, *others = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer, kind, save_all=True, append_images=others, duration=list(milliseconds), loop=0,
        **({"lossless": True} if kind == "WEBP" else {}),
    )  # fmt: skip
    return buffer.getvalue()
