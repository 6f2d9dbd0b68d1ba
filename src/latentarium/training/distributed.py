"""Several processes that train one model together, started by `torchrun`.

Each process holds the model and takes its part of each batch; after the backward pass of a move,
the gradients of the player that moves are averaged over all processes in one call. Noise and
batches are functions of (seed, step), cut into parts, so N processes play the game that one would
play, up to rounding. The first process alone writes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from latentarium.errors import UserError

T = TypeVar("T")
AGREE_EVERY = 10
"""Steps between two looks at whether some process was told to stop, on a GPU."""


class World:
    """The processes that train together; one, unless `torchrun` started more.

    Arguments:
        rank: Which of them this is.
        size: How many there are.
        device: Where this one trains.
    """

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    @property
    def first(self) -> bool:
        """True for the process that writes."""
        return self.rank == 0

    @property
    def shard(self) -> tuple[int, int]:
        """Which part of each batch is this process's."""
        return self.rank, self.size

    def share(self, part: nn.Module) -> None:
        """Averages the gradients of a part over all processes, in one call."""
        if self.size == 1:
            return
        gradients = [p.grad for p in part.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The mean over all processes of each of some scalars."""
        if self.size == 1 or not values:
            return list(values)
        together = torch.stack([v.detach().float().to(self.device) for v in values])
        dist.all_reduce(together)
        return list((together / self.size).unbind())

    def any(self, told: bool, step: int) -> bool:
        """Whether some process is told so; all processes get one answer."""
        if self.size == 1:
            return told
        if self.device.type != "cpu" and step % AGREE_EVERY:
            return False
        flag = torch.tensor([float(told)], device=self.device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all of them; its `UserError` is raised in all."""
        if self.size == 1:
            return make()
        box: list[object] = [None, None]
        if self.first:
            try:
                box[0] = make()
            except UserError as error:
                box[1] = str(error)
        dist.broadcast_object_list(box, 0)
        if box[1] is not None:
            raise UserError(str(box[1]))
        return box[0]  # pyright: ignore[reportReturnType]  what make returned


@contextmanager
def join(device: torch.device) -> Iterator[World]:
    """Joins the processes that `torchrun` started, for the time of the block; a process started
    alone is a world of its own.

    Arguments:
        device: Where to train; of several GPUs of a machine, each process takes its own.
    """
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if dist.is_initialized():  # by a caller, who also ends it
        yield World(dist.get_rank(), dist.get_world_size(), device)
        return
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield World(0, 1, device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
