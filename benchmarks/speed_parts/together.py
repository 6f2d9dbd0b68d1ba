"""Compare two trainings at the same time with one training on one thread."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from speed_parts.common import (
    ENVIRONMENT,
    LATENTARIUM,
    Results,
    by_turns,
    call,
    ratios,
    seconds,
    spread,
)

PRESET, STEPS = "ae_mnist", 1500
BENCH = "ring"


def measure(rounds: int, quick: bool) -> Results:
    """Time a bench with two seeds, and two commands that train, as the studio starts them; and
    the same with one seed or command on one thread."""
    steps = 50 if quick else STEPS
    budget = "50" if quick else "small"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sides: dict[str, Callable[[int], float]] = {
            "one training": lambda number: _train(root / f"one-{number}", 1, steps, threads=1),
            "two trainings": lambda number: _train(root / f"two-{number}", 2, steps),
            "bench, one seed": lambda number: _bench(root / f"bench-one-{number}", 1, budget),
            "bench, two seeds": lambda number: _bench(root / f"bench-two-{number}", 2, budget),
        }
        times = by_turns(sides, rounds)
    return {
        "preset": PRESET,
        "steps": steps,
        "bench": BENCH,
        "bench_budget": budget,
        "seconds": {side: spread(values) for side, values in times.items()},
        "ratio": {
            "two trainings": ratios(times["two trainings"], times["one training"]),
            "bench, two seeds": ratios(times["bench, two seeds"], times["bench, one seed"]),
        },
    }


def _train(root: Path, count: int, steps: int, threads: int = 0) -> float:
    """Return how long commands take that train at the same time."""
    commands = [
        [*LATENTARIUM, "train", PRESET, "--run", str(root / str(seed)),
         "--train.steps", str(steps), "--train.seed", str(seed), "--train.threads", str(threads)]
        for seed in range(count)
    ]  # fmt: skip

    def run() -> None:
        processes = [
            subprocess.Popen(
                command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for command in commands
        ]
        codes = [process.wait() for process in processes]
        if any(codes):
            sys.exit(f"{' '.join(commands[0])} failed.")

    return seconds(run)


def _bench(root: Path, seeds: int, budget: str) -> float:
    """Return how long a bench takes. With one seed, its trainings run one after the other on one
    thread each."""
    command = [*LATENTARIUM, "bench", BENCH, "--seeds", str(seeds), "--budget", budget]
    command += ["--out", str(root)]
    environment = {"LATENTARIUM_WORKERS": "1", "OMP_NUM_THREADS": "1"} if seeds == 1 else {}
    return seconds(lambda: call(command, environment))
