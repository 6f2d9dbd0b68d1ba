"""Compare with d9243c1, an earlier commit: the time until a CGAN makes what is asked for."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from latentarium import presets
from latentarium.classifier.classifier import Classifier, load_classifier
from speed_parts.common import ENVIRONMENT, HERE, ROOT, Results, by_turns, ratios, spread
from speed_parts.earlier import COMMIT, earlier_commit

GOAL = 0.98
"""Share of 1,000 samples that are classified as the requested digit."""
INTERVAL = 25
"""Steps between two measurements."""

Reached = tuple[float, int]
"""Seconds of training, and steps."""


def measure(rounds: int, quick: bool) -> Results:
    """Train the CGAN of both commits by turns until 98 % of the samples are as requested, with
    another seed in each round. The classifier of this commit judges both."""
    classifier = load_classifier()
    goal = 0.3 if quick else GOAL
    with earlier_commit() as source:
        sides: dict[str, Callable[[int], Reached]] = {
            COMMIT: lambda seed: _train_to_goal(source, seed, goal, classifier),
            "now": lambda seed: _train_to_goal(ROOT / "src", seed, goal, classifier),
        }
        runs = by_turns(sides, rounds)
    seconds = {side: [run[0] for run in reached] for side, reached in runs.items()}
    return {
        "commit": COMMIT,
        "goal": goal,
        "seconds": {side: spread(values) for side, values in seconds.items()},
        "steps": {side: spread([run[1] for run in reached]) for side, reached in runs.items()},
        "ratio": ratios(seconds["now"], seconds[COMMIT]),
    }


def _train_to_goal(source: Path, seed: int, goal: float, classifier: Classifier) -> Reached:
    """Return the seconds of training and the steps until the goal, with the package in a
    folder."""
    requested = torch.arange(1000) % 10
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npy"
        process = subprocess.Popen(
            [sys.executable, str(HERE.parent / "adherence_run.py"), str(seed), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, "PYTHONPATH": str(source)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdout.readline()
            for step in range(INTERVAL, presets.cgan_mnist().train.steps + 1, INTERVAL):
                process.stdin.write(f"{INTERVAL}\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    sys.exit(f"adherence_run.py failed with {source}.")
                samples = torch.from_numpy(np.load(path))
                if float((classifier.predict(samples) == requested).float().mean()) >= goal:
                    return float(line), step
        finally:
            process.kill()
            process.communicate()
    sys.exit(f"The CGAN of {source} did not reach {goal:.0%}.")
