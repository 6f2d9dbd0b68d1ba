"""Atomic writes, JSON and the cache folder.

A file is written under a temporary name, flushed and renamed, so a reader sees either the old or
the new content, never a part of it.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from latentarium.errors import UserError
from latentarium.texts import Text, text_of

MAX_DEPTH = 64
"""Largest depth of nested values in a JSON file."""
_numbers = itertools.count()
"""Numbers of the temporary files of this process, whose threads may write the same file."""


def write_atomic(path: Path, content: bytes, *, fsync: bool = True) -> None:
    """Write a file so that readers see either the old or the new content, never a part of it.

    Missing parent folders are created.

    Arguments:
        path: The file to create or replace.
        content: Its new content.
        fsync: Wait until the content survives a power failure. Pass False for files that are
            written often.

    Raises:
        UserError: The disk is full or the folder is not writable. The old content is intact.
    """
    with atomic_file(path, fsync=fsync) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, *, fsync: bool = True) -> Iterator[BinaryIO]:
    """Open a file to write; it replaces the file of that name when the block ends without error.

    Missing parent folders are created. A link keeps its place: the file that it points to is
    replaced. What is not a file, such as /dev/stdout or a pipe, is written to directly.

    Arguments:
        path: The file to create or replace.
        fsync: As for `write_atomic`.

    Returns:
        A context manager that gives the file.

    Raises:
        UserError: A write in the block, or a step before or after it, has failed (code
            "cannot-write"). The old content is intact.
    """
    temporary = None
    try:
        if _is_stream(path):
            with path.open("wb") as file:
                yield cast(BinaryIO, file)
            return
        target = _prepared_target(path)
        # short, since the name of a file may have 255 bytes
        name = f".{target.name[:40]}.{os.getpid()}-{next(_numbers)}.tmp"
        temporary = target.with_name(name)
        with temporary.open("wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            if fsync:
                os.fsync(file.fileno())
        temporary.replace(target)
        if fsync:
            _fsync_folder(target.parent)
    except (Exception, KeyboardInterrupt) as error:
        if temporary is not None:
            with contextlib.suppress(OSError):  # the folder may not exist or not be writable
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_failure(path, error) from None
        raise


def require_writable(path: Path) -> None:
    """Refuse a file that `atomic_file` can't write, before time is spent on its content.

    Raises:
        UserError: The path is a folder, or its folder is not writable (code "cannot-write").
    """
    try:
        if _is_stream(path):
            return
        with tempfile.TemporaryFile(dir=_prepared_target(path).parent):
            pass
    except OSError as error:
        raise write_failure(path, error) from None


def _prepared_target(path: Path) -> Path:
    """Return the file to replace, which a link points to, and create its folder.

    Raises:
        OSError: The path is a folder, or its folder can't be created.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _is_stream(path: Path) -> bool:
    """Return whether a path leads to a device, a pipe, or an open file of a process."""
    if path.as_posix().startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_temporary(path: Path) -> bool:
    """Return whether a file was left over by a process killed during `write_atomic`."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def write_failure(path: Path, error: OSError) -> UserError:
    """Return the error for a failed write (code `cannot-write`), with its reason and its fix."""
    reason = {
        errno.ENOSPC: Text("the disk is full; free some space"),
        errno.EDQUOT: Text("your disk quota is exceeded; free some space"),
        errno.EFBIG: Text("the file exceeds the allowed size; raise the limit"),
        errno.EROFS: Text("the disk is read-only; choose another folder"),
        errno.EACCES: Text("you may not write there; choose another folder"),
        errno.EPERM: Text("you may not write there; choose another folder"),
        errno.ENOTDIR: Text("a part of the path is a file, not a folder; choose another folder"),
        errno.EEXIST: Text("a part of the path is a file, not a folder; choose another folder"),
        errno.ENOENT: Text("the folder can't be created; choose another folder"),
        errno.EISDIR: Text("it is a folder; choose another name"),
        errno.ENAMETOOLONG: Text("the name is too long; choose a shorter name"),
    }.get(
        error.errno or 0,
        Text("{problem}; solve this problem", problem=Text(error.strerror or str(error))),
    )
    return UserError(
        Text(
            "Can't write {path}: {reason} and run the same command again. Everything saved before "
            "is intact.",
            path=path,
            reason=reason,
        ),
        code="cannot-write",
    )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _fsync_folder(folder: Path) -> None:
    """Make a rename survive a power failure; Windows can't open a folder."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and rename it when the block ends without an error.

    Arguments:
        folder: The final name. A folder of this name is replaced.

    Returns:
        A context manager that gives the temporary folder to fill.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as parent:
        temporary = Path(parent) / "folder"
        temporary.mkdir()
        yield temporary
        if folder.is_dir():
            shutil.rmtree(folder)
        temporary.replace(folder)


def cache_folder(name: str) -> Path:
    """Return the cache folder for a kind of files that can be created again.

    It is in the folder that the environment variable `LATENTARIUM_CACHE` names. If that is not
    set, it is in the folder `latentarium` in `XDG_CACHE_HOME` or `~/.cache`.
    """
    own, shared = os.environ.get("LATENTARIUM_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own) / name
    return (Path(shared) if shared else Path("~/.cache").expanduser()) / "latentarium" / name


def to_json(content: object) -> bytes:
    """Encode values as indented JSON.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(content, indent=2, allow_nan=False).encode() + b"\n"


def from_json(content: bytes) -> dict[str, Any]:
    """Decode a JSON object from an untrusted file.

    Raises:
        ValueError: The content is not a JSON object, is nested too deeply, or has a number that is
            not finite.
    """
    try:
        decoded = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(decoded, dict):
        raise ValueError("it is not a JSON object")
    if _depth(decoded) > MAX_DEPTH:  # later code recurses into the values
        raise ValueError("it is nested too deeply")
    return decoded


def _depth(decoded: object) -> int:
    """Return the number of levels of lists and objects, up to `MAX_DEPTH` + 1."""
    level, depth = [decoded], 0
    while depth <= MAX_DEPTH:
        nested = [value for value in level if isinstance(value, dict | list)]
        if not nested:
            break
        parts = [value.values() if isinstance(value, dict) else value for value in nested]
        level = [item for part in parts for item in part]
        depth += 1
    return depth


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not a finite number")
    return float(text)


def read_regular_file(path: Path) -> bytes:
    """Read a regular file; refuse pipes and devices, where reading may never end.

    Raises:
        OSError: The file can't be read or is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "It is not a regular file", str(path))
    return path.read_bytes()


def require_regular(path: Path) -> None:
    """Check that a path is a file or a folder that can be read.

    Raises:
        UserError: There is nothing at the path (code `file-not-found`), it is a device, a pipe or
            a socket, where reading may never end (`not-a-file`), or it may not be read
            (`unreadable-file`).
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character
        raise UserError(
            Text("There is no file or folder {path!r}: check the path.", path=str(path)),
            code="file-not-found",
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): make it readable, or give another path.",
            code="unreadable-file",
        ) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {
            stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a block device",
            stat.S_IFCHR: "a character device",
        }  # fmt: skip
        raise UserError(
            f"{path} is {kinds.get(stat.S_IFMT(mode), 'not a file')}, which is never read: give a "
            "file or a folder.",
            code="not-a-file",
        )
    needed = os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)
    if not os.access(path, needed):
        raise UserError(
            f"You may not read {path}: change its permissions, or give another path.",
            code="unreadable-file",
        )


def numbered_files(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files of a folder that are named by a number of at least nine digits, in order.

    Arguments:
        folder: The folder, which may be missing.
        suffix: The suffix of the files, with the dot. Files with other names are ignored.

    Returns:
        Paths by number.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return {}
    pattern = re.compile(rf"[0-9]{{9,}}{re.escape(suffix)}")
    return {int(Path(n).stem): folder / n for n in names if pattern.fullmatch(n)}


def read_json(path: Path, missing: str) -> dict[str, Any]:
    """Read a JSON object that `to_json` wrote.

    Arguments:
        path: A file in a run folder.
        missing: The first sentence of the error message if the file is missing.

    Raises:
        UserError: The file is missing (code `not-a-run`) or damaged.
    """
    try:
        return from_json(read_regular_file(path))
    except FileNotFoundError:
        message = Text("{missing} Give the folder of a run.", missing=missing)
        raise UserError(message, code="not-a-run") from None
    except (OSError, ValueError) as error:
        message = Text(
            "{path} can't be read ({problem}): restore it or train again.",
            path=path,
            problem=text_of(error),
        )
        raise UserError(message, code="damaged-file") from None
