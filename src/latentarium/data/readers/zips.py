"""List and read the image files in a .zip, without unpacking it to the disk.

Archive headers are untrusted: limits apply to the bytes that are actually read.
"""

import io
import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

from latentarium.data.image_decoding import short_reason
from latentarium.data.readers.listing import (
    IMAGE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_FILES,
    Listing,
    SourceFile,
)
from latentarium.errors import UserError

MAX_ZIP_BYTES = 1 << 36
"""Largest total size of the unpacked files of a .zip, in bytes."""
MAX_RATIO = 200
"""Largest ratio of unpacked to packed size; checked for files above `RATIO_CHECKED_ABOVE`."""
RATIO_CHECKED_ABOVE = 1 << 22
BYTES_PER_ENTRY = 256
"""Largest size of the central directory, in bytes per allowed file."""
CHUNK_BYTES = 1 << 17
"""Number of bytes to unpack at a time."""
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Compression methods whose output can be read in chunks, unlike that of bzip2 and LZMA."""
MALFORMED = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    struct.error,
)  # fmt: skip
"""Exceptions that `zipfile` raises for a damaged or malicious central directory."""


class _BoundedFile(io.FileIO):
    """A file that refuses large reads.

    `zipfile` reads the whole central directory and creates an object for each entry, before the
    number of files can be checked.
    """

    def __init__(self, path: Path, max_read: int) -> None:
        super().__init__(path)
        self._max_read = max_read

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._max_read:
            raise _DirectoryTooLargeError
        return super().read(size) or b""

    def __del__(self) -> None:
        self.close()  # the file stays open as long as one of its images may be read


class _DirectoryTooLargeError(Exception):
    """The central directory is larger than the allowed number of files needs."""


def list_zip(path: Path, max_files: int = MAX_FILES, max_bytes: int = MAX_ZIP_BYTES) -> Listing:
    """List all image files in a .zip; skip hidden files and links.

    Arguments:
        path: The .zip file.
        max_files: Largest number of files in the .zip, images or not.
        max_bytes: Largest total size of the unpacked files, in bytes.

    Raises:
        UserError: The .zip is damaged, encrypted, too large or malicious.
    """
    too_large = UserError(
        f"{path} would unpack to more than {max_bytes >> 30} GiB or {max_files:,} files: "
        "if you trust it, unpack it yourself and give the folder.",
        code="archive-too-large",
    )
    try:
        file = _BoundedFile(path, max(BYTES_PER_ENTRY * max_files, CHUNK_BYTES))
        archive = zipfile.ZipFile(file)
    except _DirectoryTooLargeError:
        raise too_large from None
    except MALFORMED as error:
        raise UserError(
            f"{path} is damaged or not a .zip file ({short_reason(error)}): download or copy it "
            "again.",
            code="damaged-file",
        ) from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > max_files or sum(entry.file_size for entry in entries) > max_bytes:
        raise too_large
    files = [_image_file(archive, entry, path) for entry in entries]
    images = sorted((file for file in files if file is not None), key=lambda file: file.name)
    return Listing(images=tuple(images))


def _image_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> SourceFile | None:
    """Return an entry as an image file; None if it is not one."""
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    if ".." in parts or entry.filename.startswith("/"):
        raise UserError(
            f"{path} contains the path {entry.filename!r}, which is outside the archive: don't "
            "trust this file.",
            code="unsafe-path",
        )
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    is_image = PurePosixPath(entry.filename).suffix.lower() in IMAGE_SUFFIXES
    if hidden or is_link or not is_image:
        return None
    too_dense = (
        entry.file_size > RATIO_CHECKED_ABOVE and entry.file_size > MAX_RATIO * entry.compress_size
    )
    if entry.file_size > MAX_FILE_BYTES or too_dense:
        raise UserError(
            f"{path} contains {entry.filename!r}, which would unpack from "
            f"{entry.compress_size:,} to {entry.file_size:,} bytes: don't trust this file.",
            code="file-too-large",
        )
    if entry.flag_bits & 1:
        raise UserError(
            f"{path} is encrypted: unpack it and give the folder.", code="encrypted-archive"
        )
    if entry.compress_type not in METHODS:
        raise UserError(
            f"{path} uses a compression method other than deflate: pack it again with deflate, or "
            "unpack it and give the folder.",
            code="unknown-compression",
        )
    return SourceFile(
        name="/".join(parts),
        version=f"{entry.file_size} {entry.CRC:08x}",
        size=entry.file_size,
        read=lambda: _unpack(archive, entry),
    )


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the content of an entry, at most as many bytes as its header states.

    The entry is read in chunks: a single large `read` would unpack the whole entry before it cuts
    the result off at the stated size.
    """
    with archive.open(entry) as file:
        return b"".join(iter(lambda: file.read(CHUNK_BYTES), b""))
