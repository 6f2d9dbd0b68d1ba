"""Stop a training in the middle of a chosen step."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.errors import StoppedError
from latentarium.run import Run
from latentarium.training import Reporter, loop


@contextmanager
def signal_in_step(
    step: int, number: int = signal.SIGTERM, *, when: bool = True
) -> Iterator[None]:
    """Send a signal to this process during a step (from 1) of all trainings in the block."""
    play_round: Callable = loop.play_round

    def interrupted(*arguments: object, **options: object) -> object:
        if options["step"] == step - 1:
            os.kill(os.getpid(), number)
        return play_round(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "play_round", interrupted)
        yield


def train_until(step: int, config: Config, folder: Path, data: Data) -> Run:
    """Train until a SIGTERM during this step, which leaves a checkpoint of the step."""
    with signal_in_step(step), pytest.raises(StoppedError):
        loop.train(config, folder, data)
    return Run(folder)


class InterruptAt(Reporter):
    """Raises KeyboardInterrupt at the log row of a step, without a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def update(self, step: int, row: dict) -> None:
        if step == self.step:
            raise KeyboardInterrupt
