"""The memory of this process: keep what is freed, and refuse what does not fit.

By default, glibc immediately returns large freed blocks to the operating system. Each training
step then requests memory for its activations again, and the system clears every page of it.
"""

import ctypes
import sys
from pathlib import Path

import psutil

from latentarium.errors import UserError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_MMAP_THRESHOLD = 32 << 20
"""The largest value that glibc accepts on 64-bit systems, in bytes."""
CHECKED_SIZE = 256 << 20
"""Smaller sizes, in bytes, are not checked."""
CGROUP = Path("/sys/fs/cgroup")
"""Limits of a container's memory, on Linux."""


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory; return False if this fails or there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    accepted = mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD)
    return bool(accepted and mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))


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
