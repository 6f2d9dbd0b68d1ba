"""Memory that a step frees and the next one needs again is kept, not given back to the system.

glibc hands large blocks back as soon as they are free, so each step would fetch its activations
anew, page by page, each of which the system must clear first.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_THRESHOLD = 32 << 20
"""The most that glibc takes on 64 bits."""


def keep_freed_memory() -> bool:
    """Asks glibc to keep what is freed; returns whether it does. Elsewhere nothing happens."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    kept = mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)
    return bool(kept and mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))
