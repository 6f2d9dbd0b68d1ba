"""The number of threads of a training.

After each operation, the threads of a training wait for each other. For a small model this costs
as much as it gains, and far more as soon as another program needs a processor core. A model
therefore trains on one thread, unless its steps are so large that the work of an operation exceeds
the waiting by far. Even then it uses only cores that other programs leave idle at the start: a
thread that has to share its core with another program makes all others wait.

The number is chosen before the first step, stored with the run and used again when the training
is resumed, because sums differ in their last bits with the number of threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from latentarium.machine import idle_cores

WORK_PER_THREAD = 1_000_000_000
"""Multiply-adds, in the forward passes of a step, that each thread must have."""


class Work:
    """The multiply-adds of the linear and convolutional layers in the forward passes so far."""

    def __init__(self) -> None:
        self.count: int = 0

    def add(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Add those of a layer; a forward hook."""
        weight = layer.weight
        assert isinstance(weight, Tensor)
        transposed = isinstance(layer, nn.modules.conv._ConvTransposeNd)
        elements = inputs[0].numel() if transposed else output.numel()
        self.count += elements * weight[0].numel()


@contextmanager
def counting_work(model: nn.Module) -> Iterator[Work]:
    """Count the multiply-adds of a model's forward passes until the block ends."""
    work = Work()
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    hooks = [layer.register_forward_hook(work.add) for layer in layers]
    try:
        yield work
    finally:
        for hook in hooks:
            hook.remove()


def suitable_threads(work: int) -> int:
    """Return the number of threads for steps of some size.

    For large steps, the use of the processor is measured for a moment.

    Arguments:
        work: Multiply-adds in the forward passes of a step.
    """
    count = max(1, min(torch.get_num_threads(), work // WORK_PER_THREAD))
    return max(1, min(count, idle_cores())) if count > 1 else count
