"""The memory of this process: keep what is freed, and refuse what does not fit.

By default, glibc immediately returns large freed blocks to the operating system. Each training
step then requests memory for its activations again, and the system clears every page of it.
Therefore freed memory is kept during a training, and returned when it ends.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from latentarium.errors import UserError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_MMAP_THRESHOLD, MAX_TRIM_THRESHOLD = 32 << 20, (1 << 31) - 1
"""The largest values that glibc accepts on 64-bit systems, in bytes."""
DEFAULT_THRESHOLD = 128 << 10
"""The default of both thresholds, in bytes."""
CHECKED_SIZE = 256 << 20
"""Smaller sizes, in bytes, are not checked."""
CGROUP = Path("/sys/fs/cgroup")
"""Limits of a container's memory, on Linux."""


class _State:
    lock = threading.Lock()
    users = 0
    """Number of blocks during which freed memory is kept."""


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Tell glibc to keep freed memory until the block ends; without glibc, do nothing.

    As a decorator, it also returns what the function's variables occupied.
    """
    with _State.lock:
        _State.users += 1
        if _State.users == 1:
            _set_thresholds(MAX_MMAP_THRESHOLD, MAX_TRIM_THRESHOLD)
    try:
        yield
    finally:
        with _State.lock:
            _State.users -= 1
            if not _State.users:
                _set_thresholds(DEFAULT_THRESHOLD, DEFAULT_THRESHOLD)
                _glibc("malloc_trim", 0)


def _set_thresholds(mmap: int, trim: int) -> None:
    _glibc("mallopt", M_MMAP_THRESHOLD, mmap)
    _glibc("mallopt", M_TRIM_THRESHOLD, trim)


def _glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc; with another C library, do nothing."""
    if sys.platform.startswith("linux"):
        function = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)


def require_memory(size: int, what: str, fix: str) -> None:
    """Check that a number of bytes can be allocated.

    Arguments:
        size: Number of bytes.
        what: What needs them, for the message.
        fix: What to do, as an imperative.

    Raises:
        UserError: They exceed the memory that is available (code "too-large").
    """
    if size > CHECKED_SIZE and size > (available := available_memory()):
        raise UserError(
            f"{what} need {size / 2**30:,.1f} GiB of memory, and {available / 2**30:,.1f} GiB "
            f"are available: {fix}.",
            code="too-large",
        )


def available_memory() -> int:
    """Return how many bytes can be allocated on this machine, or in this container."""
    available = psutil.virtual_memory().available
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        return min(available, max(0, int(limit) - used))
    except (OSError, ValueError):  # no container, or no limit
        return available
