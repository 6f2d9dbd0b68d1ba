"""Limits for untrusted uploads, checked before any image is decoded."""

from dataclasses import dataclass
from pathlib import Path

from latentarium.data.image_decoding import read_header
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.image_files import UNREADABLE, fit_size
from latentarium.data.readers.zips import list_zip
from latentarium.errors import UserError


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Bounds on the images in a folder or .zip, far above those of usual data sets."""

    max_files: int = 100_000
    """Files in a .zip."""
    max_bytes: int = 1 << 32
    """Bytes that a .zip may unpack to."""
    max_pixels: int = 1 << 26
    """Pixels of one image."""
    max_decoded_bytes: int = 1 << 31
    """Bytes of all images after decoding, with three channels."""


def require_within_limits(path: Path, limits: UploadLimits | None = None) -> None:
    """Check that loading a folder or .zip of images stays within memory limits.

    Arguments:
        path: The folder or .zip.
        limits: The bounds; None: the default.

    Raises:
        UserError: A limit is exceeded, or the .zip is damaged.
    """
    limits = limits or UploadLimits()
    if path.suffix.lower() == ".zip":
        files = list_zip(path, limits.max_files, limits.max_bytes)
    else:
        files = list_folder(path)
    sizes: set[tuple[int, int]] = set()
    count = 0
    for file in files:
        try:
            height, width = read_header(file.read()).size
        except UNREADABLE:
            continue  # loading skips or refuses it
        if height * width > limits.max_pixels:
            raise UserError(
                f"{file.name} has {width} x {height} pixels, more than {limits.max_pixels:,}: "
                "make it smaller, or leave it out.",
                code="image-too-large",
            )
        sizes.add((height, width))
        count += 1
    height, width = fit_size(sizes, 0) if sizes else (0, 0)
    if 3 * count * height * width > limits.max_decoded_bytes:
        raise UserError(
            f"{count:,} images of {width} x {height} pixels take more than "
            f"{limits.max_decoded_bytes >> 30} GiB: make them smaller, or use fewer of them.",
            code="data-too-large",
        )
