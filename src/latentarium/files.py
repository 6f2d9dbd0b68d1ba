"""Files that are whole or not there: written to a temporary name, flushed, renamed."""

import contextlib
import errno
import hashlib
import json
import math
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from latentarium.errors import UserError

PATIENCE = 0.3
"""Seconds that a holder waits: who only looks whether a file is held has it for an instant."""


def write_atomic(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Writes a file so that a reader sees the old content or the new, and never a part.

    Arguments:
        path: Of the file.
        content: Of the file.
        lasting: Waits until a power cut can't undo it; False for what is written often.

    Raises:
        UserError: The disk is full or the folder can't be written; what was there is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.replace(path)
        if lasting:
            _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # where nothing could be written nothing is left
            temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from None


def is_temporary(path: Path) -> bool:
    """Whether this was left by a kill in the middle of `write_atomic`."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a write that failed."""
    reason = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "your quota is used up; free some space",
        errno.EFBIG: "the file would pass the allowed size; raise the limit",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.EACCES: "you may not write there; choose another folder",
        errno.EPERM: "you may not write there; choose another folder",
        errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
        errno.EEXIST: "a part of the path is a file, not a folder; choose another folder",
        errno.ENOENT: "nothing can be made there; choose another folder",
        errno.EISDIR: "it is a folder; choose another name",
    }.get(error.errno or 0, f"{error.strerror or error}; mend that")
    return UserError(
        f"Can't write {path}: {reason} and run the same command again. Everything saved before "
        "is intact."
    )


def sha256(content: bytes) -> str:
    """The checksum that travels with a file."""
    return hashlib.sha256(content).hexdigest()


def _flush_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def folder_atomic(folder: Path) -> Iterator[Path]:
    """A place to fill, which takes the folder's name by one rename at the end of the block, so
    that no reader sees half of it; what was there before is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as work:
        made = Path(work) / "folder"
        made.mkdir()
        yield made
        if folder.is_dir():
            shutil.rmtree(folder)
        made.replace(folder)


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Holds a lock file against other processes for the time of the block, and says beside it
    which process that is; False where another one holds it."""
    lock, beside = FileLock(path, timeout=PATIENCE), path.with_suffix(".pid")
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    with lock:
        beside.write_text(f"{os.getpid()} {platform.node()}")
        try:
            yield True
        finally:
            beside.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a process, of any machine that shares the disk, holds a lock file."""
    if not path.is_file():
        return False
    try:
        _touch_lock(path)
    except (BlockingIOError, Timeout):
        return True
    except OSError:  # it may not be looked at
        return False
    return False


def _touch_lock(path: Path) -> None:
    """Takes a lock for an instant, which fails where it is held."""
    try:
        import fcntl
    except ImportError:  # Windows, where two who look at once may see each other
        with FileLock(path, timeout=PATIENCE / 10):
            return
    with path.open("rb") as file:  # a shared lock, so that who only looks sees no other
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def holder(path: Path) -> int | None:
    """The process of this machine that holds a lock file, as it said itself."""
    try:
        pid, _, machine = read_plain(path.with_suffix(".pid")).decode().partition(" ")
        return int(pid) if machine == platform.node() else None
    except (OSError, ValueError):
        return None


def cache_folder(name: str) -> Path:
    """Where what can be made again is kept: LATENTARIUM_CACHE, or latentarium in XDG_CACHE_HOME
    or ~/.cache."""
    own, shared = os.environ.get("LATENTARIUM_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own) / name
    return (Path(shared) if shared else Path("~/.cache").expanduser()) / "latentarium" / name


def to_json(content: object) -> bytes:
    """Values as JSON for people to read; numbers are finite."""
    return json.dumps(content, indent=2, allow_nan=False).encode() + b"\n"


def from_json(content: bytes) -> dict[str, Any]:
    """A dict as JSON, of whoever wrote it; numbers are finite.

    Raises:
        ValueError: It is none, holds other numbers, or is as deep as nobody writes it.
    """
    try:
        found = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is too deep") from None
    if not isinstance(found, dict):
        raise ValueError("it is not what latentarium writes")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no number")
    return float(text)


def read_plain(path: Path) -> bytes:
    """The content of a file. A pipe has none: who reads it may wait for ever.

    Raises:
        OSError: It can't be read.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "It is no plain file", str(path))
    return path.read_bytes()


def numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """The files of a folder that are named by a number of nine digits and this suffix, in order;
    what else lies there is of another hand."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return {}
    pattern = re.compile(rf"[0-9]{{9,}}{re.escape(suffix)}")
    return {int(Path(n).stem): folder / n for n in names if pattern.fullmatch(n)}


def read_json(path: Path, missing: str) -> dict[str, Any]:
    """What `to_json` wrote of a dict.

    Raises:
        UserError: There is no such file, as `missing` says, or it is damaged.
    """
    try:
        return from_json(read_plain(path))
    except FileNotFoundError:
        raise UserError(f"{missing} Give the folder of a run.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read ({error}): restore it or train again.") from None
