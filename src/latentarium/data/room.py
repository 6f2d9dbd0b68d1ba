"""Pixels that may be more than the memory holds.

Small arrays lie in memory. Larger ones lie in a file of the cache folder that has no name: the
system keeps in memory what is used of it, and frees the disk when nobody holds the array.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from latentarium.files import cache_folder, cannot_write

MAPPED_SHARE = 0.25
"""Arrays above this share of the machine's memory are mapped."""
BLOCK = 1 << 26
"""Bytes copied at once."""


class Allowance:
    """Bytes that threads may use together; who needs more than all of them works alone."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Waits until so many are free, and holds them for the time of the block."""
        size = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._changed:
                self._left += size
                self._changed.notify_all()


def is_large(size: int) -> bool:
    """Whether so many bytes should be mapped, not held."""
    return size > MAPPED_SHARE * _memory()


def room(shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array to fill.

    Raises:
        UserError: The cache folder can't be written.
    """
    size = int(np.prod(shape))
    if not is_large(size):
        return np.empty(shape, np.uint8)
    folder = cache_folder("data")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            # a full disk is a sentence here; in the mapping it would end the process
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise cannot_write(folder, error) from None


def rows_of(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The chosen rows, in a room of their own."""
    made = room((len(index), *array.shape[1:]))
    step = _rows(array)
    for start in range(0, len(index), step):
        part = slice(start, start + step)
        made[part] = array[index[part]]
    return made


def first_channel(array: np.ndarray) -> np.ndarray:
    """The first channel alone, in a room of its own."""
    made = room((len(array), 1, *array.shape[2:]))
    step = _rows(array)
    for start in range(0, len(array), step):
        part = slice(start, start + step)
        made[part] = array[part, :1]
    return made


def is_grey(array: np.ndarray) -> bool:
    """Whether all channels are equal in every picture."""
    step = _rows(array)
    parts = (array[start : start + step] for start in range(0, len(array), step))
    return all(bool((part == part[:, :1]).all()) for part in parts)


def _rows(array: np.ndarray) -> int:
    return max(1, BLOCK // max(1, int(np.prod(array.shape[1:]))))


def _memory() -> int:
    """Bytes of memory of this machine; where it can't be told, 4 GiB."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 << 30
