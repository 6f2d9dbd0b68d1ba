"""Randomness as a function of (seed, step).

Nothing here keeps a state between steps: a `Noise` is made anew for each move of each player, so
a resumed run draws what an uninterrupted one would have drawn.
"""

import hashlib

import torch
from torch import Tensor


def derive_seed(*parts: object) -> int:
    """Mixes any parts (a seed, a step, a name) into one 63-bit seed; order matters."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Noise:
    """The random numbers of one move, the same for the same parts.

    Arguments:
        parts: What the numbers are a function of, such as (seed, step, player).
        device: Where the numbers are needed. They are drawn on the CPU, so that every device
            sees the same ones.
        shard: (rank, size) of a process that works on one of `size` equal parts of a batch: it
            draws what the whole batch needs and keeps its own rows, so that all parts together
            have the numbers that one process would have.
    """

    def __init__(
        self,
        *parts: object,
        device: torch.device | str = "cpu",
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self.device = torch.device(device)
        self._generator = torch.Generator().manual_seed(derive_seed(*parts))
        self._rank, self._size = shard

    def normal(self, *shape: int) -> Tensor:
        """Draws from N(0, 1)."""
        return self._own(torch.randn(self._whole(shape), generator=self._generator))

    def uniform(self, *shape: int) -> Tensor:
        """Draws from U(0, 1)."""
        return self._own(torch.rand(self._whole(shape), generator=self._generator))

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draws whole numbers from 0 to `high` - 1."""
        return self._own(torch.randint(high, self._whole(shape), generator=self._generator))

    @property
    def generator(self) -> torch.Generator:
        """The CPU generator itself, for functions that take one."""
        return self._generator

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] * self._size, *shape[1:]) if self._size > 1 else shape

    def _own(self, drawn: Tensor) -> Tensor:
        if self._size > 1:
            rows = len(drawn) // self._size
            drawn = drawn[self._rank * rows : (self._rank + 1) * rows]
        return drawn.to(self.device)
