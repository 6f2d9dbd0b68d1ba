"""List the image files in a folder."""

import errno
import os
import stat
from pathlib import Path

from latentarium.data.readers.file_names import printable_paths
from latentarium.data.readers.left_out import LeftOut, examples_text
from latentarium.data.readers.listing import (
    IMAGE_SUFFIXES,
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


def list_folder(folder: Path) -> Listing:
    """List all image files below a folder, and count all other files.

    Hidden files, pipes, devices, and links to files or folders are not used; the folder itself may
    be a link.

    Raises:
        UserError: The folder can't be opened.
    """
    left_out = LeftOut()
    found: list[tuple[str, os.stat_result]] = []
    tables: list[tuple[str, os.stat_result]] = []
    other_tables: list[str] = []
    parents: list[str] = []
    linked: list[str] = []
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        for entry in _scan(folder, parent, left_out):
            name = parent + entry.name
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.is_symlink():
                left_out.add(Text("symbolic links"), name)
                if entry.is_dir():
                    linked.append(name)
            elif entry.is_dir(follow_symlinks=False):
                if is_hidden(entry.name):
                    left_out.add(Text("hidden folders"), name)
                else:
                    parents.append(name)
                    waiting.append(name + "/")
            elif is_hidden(entry.name):
                left_out.add(Text("hidden files"), name)
            elif suffix not in IMAGE_SUFFIXES and suffix not in TABLE_SUFFIXES:
                left_out.add(
                    type_of(entry.name) if _is_regular(entry) else Text("special files"), name
                )
            else:
                status = _status(entry)
                if status is None:
                    left_out.add(Text("unreadable files"), name)
                elif not stat.S_ISREG(status.st_mode):
                    left_out.add(Text("special files"), name)
                elif suffix in IMAGE_SUFFIXES:
                    found.append((name, status))
                elif is_label_file(entry.name) and status.st_size <= MAX_TABLE_BYTES:
                    tables.append((name, status))
                else:
                    left_out.add(type_of(entry.name), name)
                    other_tables.append(name)
    images, notes = _source_files(folder, found)
    label_files, _ = _source_files(folder, tables)
    with_images = {parent for name, _ in found for parent in parent_folders(name)}
    empty, _ = printable_paths(sorted(name for name in parents if name not in with_images))
    return Listing(
        images=images,
        label_files=label_files,
        other_tables=tuple(sorted(printable_paths(other_tables)[0])),
        empty_folders=tuple(empty),
        left_out=left_out.printable(),
        notes=tuple(notes),
        problems=_link_problems(printable_paths(linked)[0]),
    )


def _link_problems(names: list[str]) -> tuple[str, ...]:
    """Return a problem if there are links to folders."""
    if not names:
        return ()
    return (
        Text(
            "1 folder is a symbolic link ({names}), so its images are left out: put a copy of the "
            "images there to use them."
            if len(names) == 1
            else "{count:,} folders are symbolic links ({names}), so their images are left out: "
            "put a copy of the images there to use them.",
            count=len(names),
            names=examples_text(names, len(names)),
        ),
    )


def _scan(folder: Path, parent: str, left_out: LeftOut) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, ordered by name; count it if it can't be opened."""
    path = os.path.join(folder, parent)
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if not parent:
            reason = (
                Text("you may not read it")
                if error.errno == errno.EACCES
                else Text(error.strerror or "unknown error")
            )
            raise UserError(
                Text(
                    "{folder} can't be opened ({reason}): check the path and its permissions.",
                    folder=folder,
                    reason=reason,
                ),
                code="unreadable-folder",
            ) from None
        left_out.add(Text("unreadable folders"), parent.rstrip("/"))
        return []


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def _source_files(
    folder: Path, found: list[tuple[str, os.stat_result]]
) -> tuple[tuple[SourceFile, ...], list[str]]:
    """Return files with printable names, ordered by name, and notes on the names."""
    names, notes = printable_paths([name for name, _ in found])
    files = [
        SourceFile(
            name=name,
            version=f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}",
            size=status.st_size,
            read=Path(folder, raw).read_bytes,
        )
        for name, (raw, status) in zip(names, found, strict=True)
    ]
    return tuple(sorted(files, key=lambda file: file.name)), notes
