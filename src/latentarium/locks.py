"""Lock files, which processes on all machines that share a disk can see."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentarium.files import read_regular_file

LOCK_TIMEOUT = 0.3
"""Seconds to wait for a lock. A process that only tests whether the file is locked takes the lock
briefly; this time is long enough to wait until such a test ends."""


@contextmanager
def file_lock(path: Path) -> Iterator[bool]:
    """Lock a file against other processes until the block ends.

    The process id is written to a .pid file next to it; see `lock_owner`.

    Arguments:
        path: The lock file; it is created if it is missing.

    Returns:
        A context manager that gives True, or False if another process has the lock.
    """
    lock, pid_file = FileLock(path, timeout=LOCK_TIMEOUT), path.with_suffix(".pid")
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    with lock:
        pid_file.write_text(f"{os.getpid()} {platform.node()}", "utf-8", "replace")
        try:
            yield True
        finally:
            pid_file.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Return whether a process, on any machine that shares the disk, has locked a file."""
    if not path.is_file():
        return False
    try:
        _try_lock(path)
    except (BlockingIOError, Timeout):
        return True
    except OSError:  # not readable
        return False
    return False


def _try_lock(path: Path) -> None:
    """Take and release a lock; raise an error if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows: two concurrent tests may see each other's lock
        with FileLock(path, timeout=LOCK_TIMEOUT / 10):
            return
    with path.open("rb") as file:  # a shared lock, so that concurrent tests don't see each other
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def lock_owner(path: Path) -> int | None:
    """Return the id of the process on this machine that has locked a file.

    None if the file is not locked, or a process on another machine has locked it.
    """
    try:
        content = read_regular_file(path.with_suffix(".pid"))
        pid, _, node = content.decode("utf-8", "replace").partition(" ")
        return int(pid) if node == platform.node() else None
    except (OSError, ValueError):
        return None
