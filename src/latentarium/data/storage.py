"""Storage for images that may not fit in memory.

Small arrays are kept in memory. Large arrays are memory-mapped to an unnamed file in the cache
folder: the operating system keeps only the parts in use in memory, and frees the disk space when
the array is deleted.
"""

import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

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
    """Allocates arrays: small ones in memory, large ones memory-mapped to a file."""

    max_in_memory: int = field(default_factory=lambda: int(MAX_MEMORY_SHARE * _memory_size()))
    """Size in bytes above which an array is memory-mapped."""
    block_size: int = 1 << 26
    """Number of bytes to copy at a time."""
    convert_size: int = 1 << 22
    """Number of bytes to convert at a time, which makes copies as 64-bit floats."""

    def is_mapped(self, size: int) -> bool:
        """Return whether an array of `size` bytes is memory-mapped."""
        return size > self.max_in_memory

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> np.ndarray:
        """Return an uninitialized array.

        Raises:
            UserError: The cache folder can't be written.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if not self.is_mapped(size):
            return np.empty(shape, dtype)
        folder = cache_folder("data")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                # writing to the map on a full disk would kill the process: reserve space now
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
                return np.memmap(file, np.dtype(dtype), "r+", shape=shape)
        except OSError as error:
            raise write_failure(folder, error) from None

    def take(self, array: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Copy the rows at `index`."""
        copy = self.empty((len(index), *array.shape[1:]), array.dtype)
        for rows in self.blocks(array, len(index)):
            copy[rows] = array[index[rows]]
        return copy

    def convert(
        self,
        array: np.ndarray,
        index: np.ndarray,
        convert: Callable[[np.ndarray, np.ndarray], np.ndarray],
        shape: tuple[int, ...],
    ) -> np.ndarray:
        """Convert the rows at `index` to uint8, a block at a time.

        Arguments:
            array: Rows of any type.
            index: The rows to convert.
            convert: Function of a block of rows and of their index.
            shape: The shape of a converted row.
        """
        converted = self.empty((len(index), *shape))
        for rows in self.blocks(array, len(index), self.convert_size):
            converted[rows] = convert(array[index[rows]], index[rows])
        return converted

    def first_channel(self, array: np.ndarray) -> np.ndarray:
        """Copy the first channel of images (N, C, H, W)."""
        copy = self.empty((len(array), 1, *array.shape[2:]), array.dtype)
        for rows in self.blocks(array, len(array)):
            copy[rows] = array[rows, :1]
        return copy

    def is_grey(self, array: np.ndarray) -> bool:
        """Return whether all channels of each image (N, C, H, W) are equal."""
        parts = (array[rows] for rows in self.blocks(array, len(array)))
        return all(bool((part == part[:, :1]).all()) for part in parts)

    def blocks(self, array: np.ndarray, count: int, size: int | None = None) -> Iterator[slice]:
        """Divide `count` rows, each like those of `array`, into blocks.

        Arguments:
            array: An array with such rows.
            count: Number of rows.
            size: Largest number of bytes of a block; None for `block_size`.
        """
        row_bytes = math.prod(array.shape[1:]) * array.dtype.itemsize
        step = max(1, (size or self.block_size) // max(1, row_bytes))
        for start in range(0, count, step):
            yield slice(start, min(start + step, count))


def _memory_size() -> int:
    """Return the machine's memory in bytes; 4 GiB if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 << 30
