"""Compare the metrics with those of other libraries on given features: values and time."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import latentarium as la
from latentarium.classifier.classifier import load_classifier
from latentarium.data.sources import load_data
from speed_parts.common import HERE, Results, by_turns, call, spread

NUM_IMAGES = 10_000
SIDES = ("latentarium", "torch-fidelity", "prdc", "scikit-learn")


def measure(rounds: int, quick: bool) -> Results:
    """Compute all metrics of test images and samples of the GAN of the package, with each
    library."""
    n = 2500 if quick else NUM_IMAGES
    classifier = load_classifier()
    samples = la.load("shipped:gan").sample(n, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npz"
        real = classifier.features(load_data("mnist").test.images[:n])
        np.savez(path, real=real.numpy(), fake=classifier.features(samples).numpy())
        script = str(HERE.parent / "metrics_run.py")

        def compute(side: str) -> Callable[[int], Any]:
            return lambda _: json.loads(
                call([sys.executable, script, side, str(path)]).splitlines()[-1]
            )

        runs = by_turns({side: compute(side) for side in SIDES}, rounds)
    results: Results = {"n": n, "features": real.shape[1], "sides": {}}
    for side, by_round in runs.items():
        results["sides"][side] = {
            metric: {
                "seconds": spread([run[metric]["seconds"] for run in by_round]),
                "values": by_round[0][metric]["values"],
            }
            for metric in by_round[0]
        }
    return results
