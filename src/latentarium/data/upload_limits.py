"""Limits for untrusted uploads, checked before any image is decoded."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from latentarium.data.image_decoding import read_header
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.image_files import UNREADABLE, fit_size
from latentarium.data.readers.zips import list_zip
from latentarium.errors import UserError
from latentarium.texts import Text


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Limits for the images in a folder or .zip, far above the needs of common data sets."""

    max_files: int = 100_000
    """Largest number of files in a .zip."""
    max_bytes: int = 1 << 32
    """Largest total size of the unpacked files of a .zip, in bytes."""
    max_pixels: int = 1 << 26
    """Largest number of pixels of an image."""
    max_table_bytes: int = 1 << 24
    """Largest size of a table of labels, in bytes."""
    max_decoded_bytes: int = 1 << 31
    """Largest total size of the decoded images with three channels, in bytes."""


def require_within_limits(path: Path, limits: UploadLimits | None = None) -> None:
    """Check that loading a folder or .zip of images stays within memory limits.

    Arguments:
        path: The folder or .zip.
        limits: The limits; None for the default limits.

    Raises:
        UserError: A limit is exceeded, or the .zip is damaged.
    """
    limits = limits or UploadLimits()
    if path.suffix.lower() == ".zip":
        listing = list_zip(path, limits.max_files, limits.max_bytes)
    else:
        listing = list_folder(path)
    for table in listing.label_files:
        if table.size > limits.max_table_bytes:
            raise UserError(
                Text(
                    "{name} has more than {mebibytes} MiB: keep only the file names and the "
                    "labels.",
                    name=table.name,
                    mebibytes=limits.max_table_bytes >> 20,
                ),
                code="file-too-large",
            )
    sizes: Counter[tuple[int, int]] = Counter()
    value_bytes = 1
    for file in listing.images:
        try:
            header = read_header(file.read())
        except UNREADABLE:
            continue  # loading skips or refuses this file
        height, width = header.size
        if height * width > limits.max_pixels:
            raise UserError(
                Text(
                    "{name} has {width} x {height} pixels; at most {max_pixels:,} are allowed. "
                    "Make the image smaller, or leave it out.",
                    name=file.name,
                    width=width,
                    height=height,
                    max_pixels=limits.max_pixels,
                ),
                code="image-too-large",
            )
        sizes[height, width] += 1
        value_bytes = max(value_bytes, header.dtype.itemsize)
    height, width = fit_size(sizes, 0) if sizes else (0, 0)
    if 3 * value_bytes * sizes.total() * height * width > limits.max_decoded_bytes:
        raise UserError(
            Text(
                "{total:,} images of {width} x {height} pixels need more than {gibibytes} "
                "GiB of memory: use smaller or fewer images.",
                total=sizes.total(),
                width=width,
                height=height,
                gibibytes=limits.max_decoded_bytes >> 30,
            ),
            code="data-too-large",
        )
