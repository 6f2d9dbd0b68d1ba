"""Zips of pictures, read where they lie. Who made one may mean harm: sizes and counts in it are
claims, so all is bounded by what is really read."""

import io
import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

from latentarium.data.folders import LARGEST_FILE, MOST_FILES, SUFFIXES, Item
from latentarium.errors import UserError

LARGEST_ZIP, HIGHEST_RATIO = 1 << 36, 200
"""Bytes that all files in a zip may unpack to; and how much denser than the zip a large one may
be."""
ENTRY = 256
"""Bytes that the directory of a zip may have for each file that it may hold."""
PIECE = 1 << 17
"""Bytes that are unpacked at once."""
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Those that unpack piece by piece: bzip2 and LZMA make what they will of a piece."""
UNREADABLE = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    struct.error,
)  # fmt: skip
"""What `zipfile` raises of a directory that is damaged, or made to do harm."""


class _Bounded(io.FileIO):
    """A file that is not read in larger parts than these: `zipfile` reads a directory whole, and
    makes an object of each entry."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise _TooMany
        return super().read(size) or b""

    def __del__(self) -> None:
        self.close()  # nobody knows when the last picture is read


class _TooMany(Exception):
    """Files, to be listed."""


def list_zip(path: Path, most_files: int = MOST_FILES, largest: int = LARGEST_ZIP) -> list[Item]:
    """All picture files in a zip. Nothing is unpacked to the disk, and what would unpack to far
    more than it is, is refused.

    Arguments:
        path: Of the zip.
        most_files: Files that it may hold, pictures or not.
        largest: Bytes that they may unpack to.

    Raises:
        UserError: It is damaged, encrypted, or made to do harm.
    """
    too_much = UserError(
        f"{path} would unpack to more than {largest >> 30} GiB or {most_files:,} files: "
        "unpack it yourself if you trust it, and give the folder."
    )
    try:
        archive = zipfile.ZipFile(_Bounded(path, max(ENTRY * most_files, PIECE)))
    except _TooMany:
        raise too_much from None
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:80]
        raise UserError(f"{path} is no zip or damaged ({reason}): fetch it again.") from None
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > most_files or sum(info.file_size for info in infos) > largest:
        raise too_much
    items = [_item(archive, info, path) for info in infos]
    return sorted((item for item in items if item is not None), key=lambda item: item.name)


def _item(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Item | None:
    """An entry as a picture file; None for one that is none."""
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if ".." in parts or info.filename.startswith("/"):
        raise UserError(
            f"{path} holds {info.filename!r}, which leads out of it: don't trust this file."
        )
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    picture = PurePosixPath(info.filename).suffix.lower() in SUFFIXES
    if hidden or is_link or not picture:
        return None
    dense = info.file_size > 1 << 22 and info.file_size > HIGHEST_RATIO * info.compress_size
    if info.file_size > LARGEST_FILE or dense:
        raise UserError(
            f"{path} holds {info.filename!r}, which would unpack from {info.compress_size:,} "
            f"to {info.file_size:,} bytes: don't trust this file."
        )
    if info.flag_bits & 1:
        raise UserError(f"{path} is encrypted: unpack it and give the folder.")
    if info.compress_type not in METHODS:
        raise UserError(
            f"{path} is packed by another method than deflate: pack it anew, or unpack it and "
            "give the folder."
        )
    return Item(
        name="/".join(parts),
        version=f"{info.file_size} {info.CRC:08x}",
        size=info.file_size,
        read=lambda: _unpack(archive, info),
    )


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What an entry holds, and no more than it says: unpacked at once, it would be whole in the
    memory before its end is cut off."""
    with archive.open(info) as file:
        return b"".join(iter(lambda: file.read(PIECE), b""))
