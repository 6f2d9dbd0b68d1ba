"""What a folder or an archive contains, listed before any image is decoded."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

IMAGE_SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
}  # fmt: skip
MAX_FILE_BYTES = 1 << 28
"""Largest size of a file in a .zip or .tar, in bytes."""
MAX_FILES = 5_000_000
"""Largest number of files in a .zip or in shards."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file in a folder or an archive.

    Arguments:
        name: Path within the source, with slashes.
        version: A string that changes when the content does.
        size: Upper bound of the number of bytes that `read` returns.
        read: Function that returns the content.
        split: The split that the source states for the file; None if only the folders state it.
        label: The class that the source states for the file; None if only the folders or a label
            file state it.
        open_image: Function that returns a new copy of the image, if it is an object and not a
            file. Its result is used in place of the content.
    """

    name: str
    version: str
    size: int
    read: Callable[[], bytes]
    split: str | None = None
    label: str | None = None
    open_image: Callable[[], Image.Image] | None = None

    def content(self) -> bytes | Image.Image:
        """Return the image, or the bytes of its file."""
        return self.read() if self.open_image is None else self.open_image()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or an archive.

    Arguments:
        images: The files with the suffix of an image, ordered by name.
        label_files: Files that may contain labels, such as labels.csv, ordered by name.
        left_out: Number of files that are not used, by reason, such as ".heic files".
        notes: Short descriptions of what was changed, such as the encoding of file names.
    """

    images: tuple[SourceFile, ...]
    label_files: tuple[SourceFile, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts img2 before img10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in parts if p]
