"""Storage for images that may not fit in memory.

Small arrays are kept in memory. Large arrays are memory-mapped to an unnamed file in the cache
folder: the operating system keeps only the parts in use in memory, and frees the disk space when
the array is deleted.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from latentarium.files import cache_folder, write_failure

MAX_MEMORY_SHARE = 0.25
"""Arrays larger than this share of the machine's memory are memory-mapped."""


class MemoryBudget:
    """A limit for the memory that several threads use together.

    Arguments:
        size: Number of bytes that all threads together may reserve.
    """

    def __init__(self, size: int) -> None:
        self._size = self._available = size
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are available and reserve them until the block ends.

        A request for more than the whole budget waits until nothing else is reserved.
        """
        size = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._available >= size)
            self._available -= size
        try:
            yield
        finally:
            with self._changed:
                self._available += size
                self._changed.notify_all()


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Allocates uint8 arrays: small ones in memory, large ones memory-mapped to a file."""

    max_in_memory: int = field(default_factory=lambda: int(MAX_MEMORY_SHARE * _memory_size()))
    """Size in bytes above which an array is memory-mapped."""
    block_size: int = 1 << 26
    """Number of bytes to copy at a time."""

    def is_mapped(self, size: int) -> bool:
        """Return whether an array of `size` bytes is memory-mapped."""
        return size > self.max_in_memory

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an uninitialized uint8 array.

        Raises:
            UserError: The cache folder can't be written.
        """
        size = int(np.prod(shape))
        if not self.is_mapped(size):
            return np.empty(shape, np.uint8)
        folder = cache_folder("data")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                # writing to the map on a full disk would kill the process: reserve space now
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
                return np.memmap(file, np.uint8, "r+", shape=shape)
        except OSError as error:
            raise write_failure(folder, error) from None

    def take(self, array: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Copy the rows at `index`."""
        copy = self.empty((len(index), *array.shape[1:]))
        for rows in self._blocks(array, len(index)):
            copy[rows] = array[index[rows]]
        return copy

    def first_channel(self, array: np.ndarray) -> np.ndarray:
        """Copy the first channel of images (N, C, H, W)."""
        copy = self.empty((len(array), 1, *array.shape[2:]))
        for rows in self._blocks(array, len(array)):
            copy[rows] = array[rows, :1]
        return copy

    def is_grey(self, array: np.ndarray) -> bool:
        """Return whether all channels of each image (N, C, H, W) are equal."""
        parts = (array[rows] for rows in self._blocks(array, len(array)))
        return all(bool((part == part[:, :1]).all()) for part in parts)

    def _blocks(self, array: np.ndarray, count: int) -> Iterator[slice]:
        """Divide `count` rows, each like those of `array`, into blocks of `block_size` bytes."""
        step = max(1, self.block_size // max(1, int(np.prod(array.shape[1:]))))
        for start in range(0, count, step):
            yield slice(start, start + step)


def _memory_size() -> int:
    """Return the machine's memory in bytes; 4 GiB if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 << 30
