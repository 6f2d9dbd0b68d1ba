"""Measure training steps next to other processes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from speed_parts.common import ENVIRONMENT, HERE, Results, ratios, spread
from speed_parts.limits import BUSY

PRESETS = ("ae_mnist", "vae_mnist", "cgan_mnist", "gan_grid", "gan_images")
CONDITIONS = ("alone", "one busy process", "two busy processes", "another training")
SECONDS = 4.0
"""Duration of a measurement."""
SLOW_SECONDS = 8.0
"""The same for `gan_images`, whose steps take longer."""
BUSY_LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
"""It ends with the process that started it, even if that is killed."""


def measure(rounds: int, quick: bool) -> Results:
    """Time the steps of presets alone, next to one and two busy processes, and next to another
    training of the same kind; with the number of threads that `train` chooses, and with one."""
    results: Results = {}
    for preset in PRESETS[-2:] if quick else PRESETS:
        runs = [measure_round(preset, quick=quick) for _ in range(rounds)]
        results[preset] = {}
        for side in runs[0]:
            times = {c: [run[side]["ms"][c] for run in runs] for c in CONDITIONS}
            results[preset][side] = {
                "threads": runs[0][side]["threads"],
                "ms": {c: spread(values) for c, values in times.items()},
                "ratio": {c: ratios(times[c], times["alone"]) for c in BUSY},
            }
    return results


def measure_round(
    preset: str, *, quick: bool = False, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the number of threads and the milliseconds of a step under all conditions, for
    the number of threads that `train` chooses and, if that is another one, for one thread.

    Arguments:
        preset: The name of the preset.
        quick: Whether to measure for a moment only.
        environment: Variables of the processes that train.
    """
    duration = SLOW_SECONDS if preset.endswith("_images") else SECONDS
    duration = 0.5 if quick else duration
    chosen = _measure_conditions(preset, 0, duration, environment)
    sides = {"chosen": chosen}
    if chosen["threads"] > 1:
        sides["one thread"] = _measure_conditions(preset, 1, duration, environment)
    return sides


def _measure_conditions(
    preset: str, threads: int, duration: float, environment: Mapping[str, str] | None
) -> dict[str, Any]:
    with (
        _Stepper(preset, threads, environment) as training,
        _Stepper(preset, threads, environment) as other,
    ):
        times = {}
        for count, condition in enumerate(CONDITIONS[:3]):
            with busy_processes(count):
                training.begin(duration)
                times[condition] = training.end()
        training.begin(duration)
        other.begin(duration)
        times["another training"] = max(training.end(), other.end())
    return {"threads": training.threads, "ms": times}


class _Stepper:
    """A process that trains on request; see step_run.py.

    Arguments:
        preset: The name of the preset.
        threads: Number of threads; 0 for the one that `train` chooses.
        environment: Further variables of the process.
    """

    def __init__(
        self, preset: str, threads: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE.parent / "step_run.py"), preset, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **(environment or {})},
        )
        self.threads: int = self._read()["threads"]

    def begin(self, duration: float) -> None:
        """Let it train for some seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{duration}\n")
        self._process.stdin.flush()

    def end(self) -> float:
        """Wait until it has trained, and return the milliseconds of a step."""
        return self._read()["ms"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("step_run.py failed.")
        return json.loads(line)

    def __enter__(self) -> "_Stepper":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def next_to_a_busy_process(
    measure: Callable[[int, bool], Results], most_rounds: int = 3
) -> Callable[[int, bool], Results]:
    """Return a part of `make speed` that measures the same next to one busy process, in at most so
    many rounds."""

    def measure_busy(rounds: int, quick: bool) -> Results:
        with busy_processes(1):
            return measure(min(rounds, most_rounds), quick)

    return measure_busy


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Run processes that do nothing but use a processor core until the block ends."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", BUSY_LOOP])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield
