"""Data-parallel training in several processes, started by `torchrun`.

Each process has a copy of the model and computes on its shard of each batch. After the backward
pass of a move, the gradients of the moving player are averaged over all processes in one call.
Batches and noise are functions of (seed, step) that are cut into shards, so N processes compute
what one process would, up to rounding. Only the main process (rank 0) writes files.
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
STOP_CHECK_STEPS = 10
"""Steps between two exchanges of stop requests on a GPU; an exchange waits for the GPU."""


class Distributed:
    """The processes that train together: one process, unless `torchrun` started more.

    Arguments:
        device: The device on which this process trains.
        rank: The number of this process, from 0.
        size: The number of processes.
    """

    def __init__(self, device: torch.device, rank: int = 0, size: int = 1) -> None:
        self.device = device
        self.rank = rank
        self.size = size

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and reports progress."""
        return self.rank == 0

    @property
    def shard(self) -> tuple[int, int]:
        """(rank, size), which selects this process's part of each batch."""
        return self.rank, self.size

    def all_reduce_gradients(self, module: nn.Module) -> None:
        """Replace the gradients of a module by their mean over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return the mean of each tensor over all processes."""
        if self.size == 1 or not values:
            return list(values)
        flat = torch.cat([v.detach().float().to(self.device).flatten() for v in values])
        dist.all_reduce(flat)
        parts = (flat / self.size).split([v.numel() for v in values])
        return [part.view(v.shape) for part, v in zip(parts, values, strict=True)]

    def any_rank(self, flag: bool, step: int) -> bool:
        """Return whether the flag is true in any process; all processes get the same answer.

        Arguments:
            flag: The flag of this process.
            step: The current step. On a GPU the flags are exchanged every `STOP_CHECK_STEPS`
                steps only, and the answer is False in between.
        """
        if self.size == 1:
            return flag
        if self.device.type != "cpu" and step % STOP_CHECK_STEPS:
            return False
        reduced = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(reduced, dist.ReduceOp.MAX)
        return bool(reduced.item())

    def broadcast_from_main(self, make: Callable[[], T]) -> T:
        """Call a function in the main process and return its result in all processes.

        Raises:
            UserError: The function raised this error, which is then raised in all processes.
        """
        if self.size == 1:
            return make()
        box: list[object] = [None, None]
        if self.is_main:
            try:
                box[0] = make()
            except UserError as error:
                box[1] = (str(error), error.code)
        dist.broadcast_object_list(box, 0)
        if box[1] is not None:
            message, code = box[1]  # pyright: ignore[reportGeneralTypeIssues]  two strings
            raise UserError(message, code=code)
        return box[0]  # pyright: ignore[reportReturnType]  the result of make


@contextmanager
def join_processes(device: torch.device) -> Iterator[Distributed]:
    """Join the processes that `torchrun` started, until the block ends.

    Arguments:
        device: The device to train on. On a machine with several GPUs, each process uses a
            different GPU.

    Raises:
        UserError: Another process has ended before this one (code "other-process-ended").
    """
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if dist.is_initialized():  # the caller joined, and will also leave
        yield Distributed(device, dist.get_rank(), dist.get_world_size())
        return
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield Distributed(device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Distributed(device, dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if not _lost_connection(error):
            raise
        raise UserError(
            "Another process of this training has ended. Its message says why.",
            code="other-process-ended",
        ) from None
    finally:
        dist.destroy_process_group()


def _lost_connection(error: RuntimeError) -> bool:
    """Return whether an error means that another process is gone."""
    text = str(error).lower()
    return isinstance(error, dist.DistError) or "gloo" in text or "closed by peer" in text
