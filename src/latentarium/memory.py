"""Keep freed memory in the process, so that the next training step can reuse it.

By default, glibc immediately returns large freed blocks to the operating system. Each training
step then requests memory for its activations again, and the system clears every page of it.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_MMAP_THRESHOLD = 32 << 20
"""The largest value that glibc accepts on 64-bit systems, in bytes."""


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory; return False if this fails or there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    accepted = mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD)
    return bool(accepted and mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))
