"""Keep freed memory in the process, so that the next training step can reuse it.

glibc returns large freed blocks to the system at once. Each step would then request the memory of
its activations again, and the system must clear every page of it first.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_MMAP_THRESHOLD = 32 << 20
"""The largest value that glibc accepts on 64-bit systems, in bytes."""


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory; return whether it does. Other systems are unaffected."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    accepted = mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD)
    return bool(accepted and mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))
