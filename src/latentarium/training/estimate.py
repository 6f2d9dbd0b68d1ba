"""What a training will cost, measured before it is spent: a few steps, and nothing written."""

import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.memory import keep_freed_memory
from latentarium.progress import format_duration
from latentarium.training.distributed import join
from latentarium.training.train import Trainer, pick_device

WARM, TIMED, LEAST_SECONDS = 3, 10, 2.0
"""Steps before the clock, and those timed: so many at least, and for so long."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a training needs on this machine."""

    parameters: dict[str, int]
    """By player."""
    step_seconds: float
    """The median of those timed."""
    slowest: float
    """The slowest of them, in seconds."""
    timed: int
    steps: int
    """That the training will take."""
    total_seconds: float
    """Steps times the median: logging and saving come on top, a few percent."""
    peak_bytes: int
    """The most memory this process (on a GPU: its tensors) has held, data included."""
    data_bytes: int
    images: int
    """In the train split."""
    images_seen: int
    """By all players together, over the training."""
    device: str

    @property
    def passes(self) -> float:
        """How often each training image will be seen, on average."""
        return self.images_seen / self.images

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"passes": self.passes}

    def lines(self) -> list[str]:
        """In words."""
        often = f"{self.passes:,.1f}" if self.passes >= 1 else f"{self.passes:.2g}"
        millions = ", ".join(f"{name} {n:,}" for name, n in self.parameters.items())
        return [
            f"Parameters: {millions}.",
            f"Data: {self.images:,} images to train on, {self.data_bytes / 2**20:,.0f} MiB with "
            f"what is held out; each is seen {often} times on average.",
            f"Memory: {self.peak_bytes / 2**20:,.0f} MiB at the most, all included.",
            f"A step: {1000 * self.step_seconds:.3g} ms on {self.device} (median of {self.timed}, "
            f"slowest {1000 * self.slowest:.3g}).",
            f"In all: {self.steps:,} steps, about {format_duration(self.total_seconds)}; logging and "
            "saving add a few percent.",
        ]


def rehearse(
    config: Config,
    data: Data | None = None,
    *,
    progress: Callable[[float], object] | None = None,
) -> Rehearsal:
    """Plays a few rounds of the game, which are lost, and measures them.

    Arguments:
        config: Of the training.
        data: What it says; None: it is loaded.
        progress: Told which share of the rounds is played.

    Raises:
        UserError: As `train`, for settings or data that can't work.
    """
    settings = config.train
    data = load_data(settings.data, size=settings.image_size) if data is None else data
    keep_freed_memory()
    with join(pick_device(settings.device)) as world:
        trainer = Trainer(config, data, world)
        for _ in range(min(WARM, settings.steps)):
            trainer.step()
        _wait(world.device)
        times: list[float] = []
        while len(times) < TIMED or sum(times) < LEAST_SECONDS:
            began = time.perf_counter()
            trainer.step()
            _wait(world.device)
            times.append(time.perf_counter() - began)
            if progress:
                progress(min(1.0, len(times) / TIMED, sum(times) / LEAST_SECONDS))
        median = statistics.median(times)
        splits = data.splits().values()
        return Rehearsal(
            parameters={
                p.name: sum(t.numel() for t in p.part.parameters()) for p in trainer.state.players
            },
            step_seconds=median,
            slowest=max(times),
            timed=len(times),
            steps=settings.steps,
            total_seconds=median * settings.steps,
            peak_bytes=_peak_bytes(world.device),
            data_bytes=sum(s.images.numel() * s.images.element_size() for s in splits),
            images=len(data.train),
            images_seen=settings.steps * settings.batch_size * len(trainer.state.players),
            device=str(world.device),
        )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent process held at its fork
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak) * 1024
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
