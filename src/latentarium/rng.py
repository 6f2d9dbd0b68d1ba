"""Randomness as a function of (seed, step).

No state is kept between steps: each move of each player gets a new `Noise`, so a resumed run draws
the same numbers as an uninterrupted run.
"""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from latentarium.arguments import to_index

BLOCK_ROWS = 256
"""Rows of a block of samples. Changing it changes the samples of a seed."""


def derive_seed(*parts: object) -> int:
    """Hash a sequence of values, such as a seed, a step and a name, to a 63-bit seed.

    Equal integers give equal seeds, whether they are Python's or NumPy's.
    """
    digest = hashlib.blake2b(repr(tuple(map(_plain, parts))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _plain(part: object) -> object:
    number = to_index(part)
    return part if number is None else number


def blocks(n: int) -> Iterator[tuple[int, int]]:
    """Yield the number of each block of `BLOCK_ROWS` rows, and how many of its rows are needed.

    Samples are drawn in whole blocks, each from its own noise, and the rows that are not needed
    are dropped. Row k is then the same number, bit for bit, for every n.
    """
    for block in range(-(-n // BLOCK_ROWS)):
        yield block, min(BLOCK_ROWS, n - block * BLOCK_ROWS)


class Noise:
    """A source of random numbers, for instance for one move; equal parts give equal numbers.

    Arguments:
        parts: The values that determine the numbers, such as (seed, step, player).
        device: The device to which the numbers are moved. They are drawn on the CPU, so that they
            are the same for every device.
        shard: (rank, size): the process works on part `rank` of the `size` equal parts of a batch.
            It draws the numbers of the whole batch and keeps only the rows of its part, so that N
            processes together use the numbers that a single process would use.
    """

    def __init__(
        self,
        *parts: object,
        device: torch.device | str = "cpu",
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self.device: torch.device = torch.device(device)
        self._generator = torch.Generator().manual_seed(derive_seed(*parts))
        self._rank, self._size = shard

    @classmethod
    def from_generator(
        cls, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> "Noise":
        """Return noise that draws from the caller's random number generator on the CPU."""
        noise = cls(device=device)
        noise._generator = generator
        return noise

    def normal(self, *shape: int) -> Tensor:
        """Draw from N(0, 1)."""
        return self._own(torch.randn(self._all(shape), generator=self._generator))

    def uniform(self, *shape: int) -> Tensor:
        """Draw from U(0, 1)."""
        return self._own(torch.rand(self._all(shape), generator=self._generator))

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draw integers from 0 to `high` - 1."""
        return self._own(torch.randint(high, self._all(shape), generator=self._generator))

    @property
    def generator(self) -> torch.Generator:
        """The random number generator on the CPU, for functions that take one."""
        return self._generator

    def _all(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the numbers of all processes together."""
        return (shape[0] * self._size, *shape[1:]) if self._size > 1 else shape

    def _own(self, numbers: Tensor) -> Tensor:
        """Return the rows of this process, on its device."""
        if self._size > 1:
            rows = len(numbers) // self._size
            numbers = numbers[self._rank * rows : (self._rank + 1) * rows]
        return numbers.to(self.device)
