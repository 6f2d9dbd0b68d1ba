"""List and read the image files in a .zip, without unpacking it to the disk.

Archive headers are untrusted: limits apply to the bytes that are actually read.
"""

import io
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath

from latentarium.data.image_decoding import short_reason
from latentarium.data.readers.encodings import decode_texts
from latentarium.data.readers.file_names import printable, printable_paths
from latentarium.data.readers.left_out import LeftOut
from latentarium.data.readers.listing import (
    IMAGE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TABLE_BYTES,
    TABLE_SUFFIXES,
    Listing,
    SourceFile,
    is_hidden,
    is_label_file,
    parent_folders,
    type_of,
)
from latentarium.errors import UserError
from latentarium.texts import Text

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
UTF8_FLAG = 0x800
"""Bit of an entry's flags that states that its name is UTF-8."""
UNICODE_PATH = 0x7075
"""Kind of the extra field in which Info-ZIP stores a name as UTF-8."""
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
    """List all image files in a .zip, and count all other files.

    Arguments:
        path: The .zip file.
        max_files: Largest number of files in the .zip, images or not.
        max_bytes: Largest total size of the unpacked files, in bytes.

    Raises:
        UserError: The .zip is damaged, encrypted, too large or malicious.
    """
    too_large = UserError(
        Text(
            "{path} would unpack to more than {gibibytes} GiB or {max_files:,} files: "
            "if you trust it, unpack it yourself and give the folder.",
            path=path,
            gibibytes=max_bytes >> 30,
            max_files=max_files,
        ),
        code="archive-too-large",
    )
    try:
        file = _BoundedFile(path, max(BYTES_PER_ENTRY * max_files, CHUNK_BYTES))
        archive = zipfile.ZipFile(file)
    except _DirectoryTooLargeError:
        raise too_large from None
    except MALFORMED as error:
        raise UserError(
            Text(
                "{path} is damaged or not a .zip file ({reason}): download or copy it again.",
                path=path,
                reason=short_reason(error),
            ),
            code="damaged-file",
        ) from None
    entries = archive.infolist()
    files = [entry for entry in entries if not entry.filename.endswith("/")]
    if len(files) > max_files or sum(entry.file_size for entry in files) > max_bytes:
        raise too_large
    return _list_entries(archive, entries, path)


def _list_entries(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], path: Path) -> Listing:
    """List the images and the tables of labels among the entries, and count all others."""
    names, encoding = _decoded_names(entries)
    for name in names:
        is_outside = ".." in PurePosixPath(name).parts or name.startswith("/")
        if is_outside and not name.endswith("/"):  # folders are not used
            raise UserError(
                Text(
                    "{path} contains the path {name!r}, which is outside the archive: don't "
                    "trust this file.",
                    path=path,
                    name=printable(name),
                ),
                code="unsafe-path",
            )
    names, notes = printable_paths(names)
    if encoding:
        notes.insert(
            0, Text("the names in the .zip are not UTF-8; read as {encoding}", encoding=encoding)
        )
    left_out, other_tables, folders = LeftOut(), [], []
    images: dict[str, SourceFile] = {}
    label_files: dict[str, SourceFile] = {}
    for name, entry in zip(names, entries, strict=True):
        parts = PurePosixPath(name).parts
        suffix = PurePosixPath(name).suffix.lower()
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if name.endswith("/"):
            folders.append("/".join(parts))
        elif not parts:
            left_out.add(Text("files without a name"), name)
        elif any(is_hidden(part) for part in parts):
            left_out.add(Text("hidden files"), name)
        elif kind == stat.S_IFLNK:
            left_out.add(Text("symbolic links"), name)
        elif kind not in (0, stat.S_IFREG):
            left_out.add(Text("special files"), name)
        elif suffix in IMAGE_SUFFIXES:
            _require_harmless(entry, path, name)
            _add(images, "/".join(parts), archive, entry, left_out)
        elif is_label_file(parts[-1]) and entry.file_size <= MAX_TABLE_BYTES:
            _require_harmless(entry, path, name)
            _add(label_files, "/".join(parts), archive, entry, left_out)
        else:
            left_out.add(type_of(parts[-1]), name)
            if suffix in TABLE_SUFFIXES:
                other_tables.append(name)
    with_images = {parent for name in images for parent in parent_folders(name)}
    empty = {f for f in folders if not any(is_hidden(p) for p in f.split("/"))} - with_images
    return Listing(
        images=tuple(images[name] for name in sorted(images)),
        label_files=tuple(label_files[name] for name in sorted(label_files)),
        other_tables=tuple(sorted(other_tables)),
        empty_folders=tuple(sorted(empty)),
        left_out=left_out,
        notes=tuple(notes),
    )


def _decoded_names(entries: list[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """Return the names of the entries with slashes, and their encoding if that is not UTF-8.

    A name is UTF-8 if its entry says so, or has it as Info-ZIP's extra field. `zipfile` decodes
    all other names as cp437, although archivers write names in the encoding of their system. A
    byte of such a name can be equal to a backslash, so names are decoded before backslashes are
    replaced.
    """
    names: list[str | None] = []
    legacy: list[bytes] = []
    for entry in entries:
        name = entry.orig_filename.partition("\0")[0]
        stated = name if name.isascii() or entry.flag_bits & UTF8_FLAG else _unicode_path(entry)
        names.append(stated)
        if stated is None:
            legacy.append(name.encode("cp437"))
    decoded, encoding = decode_texts(legacy)
    rest = iter(decoded)
    complete = [next(rest) if name is None else name for name in names]
    return [name.replace("\\", "/") for name in complete], encoding


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """Return the name in Info-ZIP's Unicode path extra field; None without a valid field."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(content) > 5 and content[0] == 1:
            raw = entry.orig_filename.encode("cp437")
            with suppress(UnicodeDecodeError):
                if struct.unpack("<L", content[1:5])[0] == zlib.crc32(raw):
                    return content[5:].decode().partition("\0")[0]
    return None


def _add(
    files: dict[str, SourceFile],
    name: str,
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    left_out: LeftOut,
) -> None:
    """Add a file; of entries with the same name, the last is used, as when a .zip is unpacked."""
    if name in files:
        left_out.add(Text("replaced files of the same name"), name)
    files[name] = SourceFile(
        name=name,
        version=f"{entry.file_size} {entry.CRC:08x}",
        size=entry.file_size,
        read=lambda: _unpack(archive, entry),
    )


def _require_harmless(entry: zipfile.ZipInfo, path: Path, name: str) -> None:
    """Check that an entry can be unpacked within the limits.

    Raises:
        UserError: It is too large, encrypted, or packed by an unknown method.
    """
    too_dense = (
        entry.file_size > RATIO_CHECKED_ABOVE and entry.file_size > MAX_RATIO * entry.compress_size
    )
    if entry.file_size > MAX_FILE_BYTES or too_dense:
        raise UserError(
            Text(
                "{path} contains {name!r}, which would unpack from {compress_size:,} to "
                "{file_size:,} bytes: don't trust this file.",
                path=path,
                name=name,
                compress_size=entry.compress_size,
                file_size=entry.file_size,
            ),
            code="file-too-large",
        )
    if entry.flag_bits & 1:
        raise UserError(
            Text("{path} is encrypted: unpack it and give the folder.", path=path),
            code="encrypted-archive",
        )
    if entry.compress_type not in METHODS:
        raise UserError(
            Text(
                "{path} uses a compression method other than deflate: pack it again with "
                "deflate, or unpack it and give the folder.",
                path=path,
            ),
            code="unknown-compression",
        )


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the content of an entry, at most as many bytes as its header states.

    The entry is read in chunks: a single large `read` would unpack the whole entry before it cuts
    the result off at the stated size.
    """
    with archive.open(entry) as file:
        return b"".join(iter(lambda: file.read(CHUNK_BYTES), b""))
