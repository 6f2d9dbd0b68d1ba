"""Timing, child processes and medians, which the parts of `make speed` share."""

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from latentarium.config import Config

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LATENTARIUM = [sys.executable, "-m", "latentarium"]
"""The command line."""
PEERS = ROOT / ".venv-peers" / "bin" / "python"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
"""For the processes of all sides. latentarium sets that variable when it is imported, and other
libraries must run as they do without it."""
Results = dict[str, Any]
T = TypeVar("T")


def with_settings(config: Config, **settings: Any) -> Config:
    """Return a configuration with other training settings."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **settings))


def seconds(function: Callable[[], object]) -> float:
    """Return the duration of a call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def call(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output; exit with its errors if it fails.

    Arguments:
        command: The program and its arguments.
        environment: Variables that are set in addition.
    """
    variables = {**ENVIRONMENT, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{done.stderr}")
    return done.stdout


def by_turns(sides: Mapping[str, Callable[[int], T]], rounds: int) -> dict[str, list[T]]:
    """Run all sides once in each round, and return the results of each side by round.

    Arguments:
        sides: What to run, given the number of the round.
        rounds: Number of rounds.
    """
    results: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, run in sides.items():
            results[name].append(run(number))
    return results


def spread(values: list[float]) -> Results:
    """Return the median and all values, rounded to four digits."""
    rounded = sorted(float(f"{v:.4g}") for v in values)
    return {"median": float(f"{statistics.median(values):.4g}"), "all": rounded}


def ratios(numerators: list[float], denominators: list[float]) -> Results:
    """Return the spread of the ratios of paired values."""
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


def load_of_others(duration: float = 2.0) -> float:
    """Return the share of the processors that is in use while this process sleeps."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0

    def read() -> list[int]:
        return [int(word) for word in path.read_text().split("\n")[0].split()[1:]]

    before = read()
    time.sleep(duration)
    spent = [b - a for a, b in zip(before, read(), strict=True)]
    idle = spent[3] + spent[4]  # idle, and waiting for a disk
    return 1 - idle / max(1, sum(spent))
