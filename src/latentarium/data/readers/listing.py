"""What a folder or an archive contains, listed before any image is decoded."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from PIL import Image

from latentarium.data.readers.left_out import LeftOut
from latentarium.texts import Text

IMAGE_SUFFIXES = {
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".bmp", ".dib", ".gif",
    ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm",
}  # fmt: skip
TABLE_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".json"}
TABLE_NAMES = ("metadata", "labels", "label", "dataset")
"""Names, without the suffix, of the tables that are searched for labels, in order of priority."""
MAX_FILE_BYTES = 1 << 28
"""Largest size of a file in a .zip or .tar, in bytes."""
MAX_TABLE_BYTES = 1 << 28
"""Largest size of a table of labels, in bytes."""
MAX_FILES = 5_000_000
"""Largest number of files in a .zip or in shards."""
MAX_SUFFIX_LENGTH = 12
"""Files with longer suffixes are counted as files of other types."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file in a folder or an archive.

    Arguments:
        name: Path within the source, with slashes, printable and in Unicode's normal form C.
        version: A string that changes when the content does.
        size: Upper bound of the number of bytes that `read` returns.
        read: Function that returns the content.
        split: The split that the source states for the file; None if only the folders state it.
        label: The class that the source states for the file; None if only the folders or a label
            file state it.
        reference: Path by which label files refer to the file, if that is not its name.
        open_image: Function that returns the image, if it is an object and not a file. Its result
            is used in place of the content.
    """

    name: str
    version: str
    size: int
    read: Callable[[], bytes]
    split: str | None = None
    label: str | None = None
    reference: str = ""
    open_image: Callable[[], Image.Image] | None = None

    def content(self) -> bytes | Image.Image:
        """Return the image, or the bytes of its file."""
        return self.read() if self.open_image is None else self.open_image()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or an archive.

    Arguments:
        images: The files with the suffix of an image, ordered by name.
        label_files: Tables that may contain labels, such as labels.csv, ordered by name.
        other_tables: Tables of other names, which are not read.
        empty_folders: Folders without images, ordered by name.
        left_out: Files that are not used.
        notes: Short descriptions of what was changed, such as the encoding of file names.
        problems: Sentences on what is doubtful.
    """

    images: tuple[SourceFile, ...]
    label_files: tuple[SourceFile, ...] = ()
    other_tables: tuple[str, ...] = ()
    empty_folders: tuple[str, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def natural_key(name: str) -> list[tuple[int, int, str, str]]:
    """Return a sort key that puts img2 before img10. Only 0 to 9 are digits."""
    key: list[tuple[int, int, str, str]] = []
    for part in re.split(r"([0-9]+)", name):
        if part and part[0] in "0123456789":
            number = part.lstrip("0")  # numbers of any length are compared by length and digits
            key.append((0, len(number), number, part))
        elif part:
            key.append((1, 0, part, ""))
    return key


def parent_folders(name: str) -> Iterator[str]:
    """Yield all folders on the path of a file."""
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden or belongs to the system."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_label_file(name: str) -> bool:
    """Return whether a file of this name is searched for labels without being asked to."""
    path = PurePosixPath(name.lower())
    return path.suffix in TABLE_SUFFIXES and path.stem in TABLE_NAMES


def type_of(name: str) -> str:
    """Return the kind of a file that is not an image, as a reason for `LeftOut`."""
    _, dot, suffix = name.rpartition(".")
    if not dot or not suffix:
        return Text("files without a suffix")
    if len(suffix) > MAX_SUFFIX_LENGTH or not suffix.isalnum():
        return Text("files of other types")
    return Text(".{suffix} files", suffix=suffix.lower())
