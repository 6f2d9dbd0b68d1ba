"""Estimate the time and memory of a training from a few steps, without writing files."""

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
from latentarium.data.sources import load_training_data
from latentarium.memory import keeping_freed_memory
from latentarium.progress import format_duration
from latentarium.training.device import pick_device
from latentarium.training.distributed import join_processes
from latentarium.training.game import play_round
from latentarium.training.loop import is_log_step, prepare
from latentarium.training.precision import at_precision
from latentarium.training.rehearsal import fit_to_machine
from latentarium.training.schedule import learning_rate
from latentarium.workers import threads


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """The time and memory that a training needs on this machine."""

    parameters: dict[str, int]
    """Number of parameters of each player."""
    step_seconds: float
    """Median time of a step."""
    slowest: float
    """Time of the slowest timed step, in seconds."""
    timed: int
    """Number of timed steps."""
    steps: int
    """Number of steps of the whole training."""
    total_seconds: float
    """`steps` times `step_seconds`; logging and saving add a few percent."""
    peak_bytes: int
    """Peak memory of this process (on a GPU: of its tensors), including the data."""
    data_bytes: int
    """Size of the images of all splits."""
    images: int
    """Number of images in the train split."""
    images_seen: int
    """Number of images that all players together see during the training."""
    device: str

    @property
    def passes(self) -> float:
        """Average number of times that each training image is used."""
        return self.images_seen / self.images

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON values."""
        return asdict(self) | {"passes": self.passes}

    def lines(self) -> list[str]:
        """Return a summary in sentences."""
        passes = f"{self.passes:,.1f}" if self.passes >= 1 else f"{self.passes:.2g}"
        parameters = ", ".join(f"{name} {n:,}" for name, n in self.parameters.items())
        return [
            f"Parameters: {parameters}.",
            f"Data: {self.images:,} training images, {self.data_bytes / 2**20:,.0f} MiB including "
            f"the held-out splits; each image is seen {passes} times on average.",
            f"Memory: at most {self.peak_bytes / 2**20:,.0f} MiB in total.",
            f"Time per step: {1000 * self.step_seconds:.3g} ms on {self.device} (median of "
            f"{self.timed}, slowest {1000 * self.slowest:.3g} ms).",
            f"Total: {self.steps:,} steps, about {format_duration(self.total_seconds)}; logging "
            "and saving add a few percent.",
        ]


@keeping_freed_memory()
def estimate(
    config: Config,
    data: Data | None = None,
    *,
    progress: Callable[[float], object] | None = None,
    warmup_steps: int = 3,
    timed_steps: int = 10,
    min_seconds: float = 2.0,
    max_seconds: float = 5.0,
) -> CostEstimate:
    """Run a few training steps and measure their time and memory; no file is written.

    Arguments:
        config: The configuration of the training.
        data: The training data; None loads `config.train.data`.
        progress: Function that is called with the finished fraction of the estimate.
        warmup_steps: Number of steps before the timed steps.
        timed_steps: Smallest number of timed steps.
        min_seconds: Smallest total duration of the timed steps.
        max_seconds: Duration after which no further step begins, however few steps are timed. At
            least one step is.

    Raises:
        UserError: The settings or the data are invalid, as for `train`.
    """
    settings = config.train
    data = load_training_data(settings) if data is None else data
    with join_processes(pick_device(settings.device)) as distributed:
        state, batches = prepare(config, data, distributed)

        def take_step() -> float:
            started = time.perf_counter()
            play_round(
                state.model,
                players,
                state.optimizers,
                batches,
                step=state.step,
                seed=settings.seed,
                learning_rate=learning_rate(config.optimizer, state.step, settings.steps),
                distributed=distributed,
                measure=is_log_step(state.step + 1, settings),
            )
            state.update_ema()
            state.step += 1
            _synchronize(distributed.device)
            return time.perf_counter() - started

        begun = time.perf_counter()
        chosen = fit_to_machine(config, state, batches, distributed.size).train
        players = at_precision(state.players, chosen.precision)
        with threads(chosen.threads):
            for _ in range(min(warmup_steps, settings.steps)):
                if take_step() > max_seconds / (warmup_steps + timed_steps):
                    break  # steps are slow, so the first one is not much slower than others
            times: list[float] = []
            while len(times) < timed_steps or sum(times) < min_seconds:
                times.append(take_step())
                spent = (time.perf_counter() - begun) / max_seconds
                if progress:
                    done = min(len(times) / timed_steps, sum(times) / min_seconds)
                    progress(min(1.0, max(done, spent)))
                if spent >= 1:
                    break
        median = statistics.median(times)
        splits = data.splits().values()
        return CostEstimate(
            parameters={
                p.name: sum(t.numel() for t in p.part.parameters()) for p in state.players
            },
            step_seconds=median,
            slowest=max(times),
            timed=len(times),
            steps=settings.steps,
            total_seconds=median * settings.steps,
            peak_bytes=_peak_bytes(distributed.device),
            data_bytes=sum(s.images.numel() * s.images.element_size() for s in splits),
            images=len(data.train),
            images_seen=settings.steps * settings.batch_size * len(state.players),
            device=str(distributed.device),
        )


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include memory of the parent process
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak) * 1024
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
