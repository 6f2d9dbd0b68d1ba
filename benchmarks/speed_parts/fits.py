"""Compare whole trainings by latentarium, a bare loop, and pythae."""

import json
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from latentarium.data.sources import load_data
from speed_parts.common import HERE, PEERS, Results, by_turns, call, ratios, spread

CURVE_PASSES = 10
"""Epochs of a learning curve; a timed training has five."""


def measure(rounds: int, quick: bool) -> Results:
    """Time a whole training by latentarium, a bare loop, and pythae if it is installed."""
    size = ["--images", "2560", "--held-out", "1000", "--epochs", "1"] if quick else []
    runs = _training_runs(rounds, lambda _: size)
    speeds = {side: [run["images_per_second"] for run in runs[side]] for side in runs}
    results: Results = {side: spread(values) for side, values in speeds.items()}
    for other in ("bare", "pythae"):
        if other in speeds:
            results[f"ours over {other}"] = ratios(speeds["ours"], speeds[other])
    if "pythae" in speeds:
        factors = [r["seconds"] / (r["seconds"] + r["evaluation"]) for r in runs["ours"]]
        evaluated = [ours * factor for ours, factor in zip(speeds["ours"], factors, strict=True)]
        results["ours over pythae, all held-out images evaluated"] = ratios(
            evaluated, speeds["pythae"]
        )
        results["time to pythae's ELBO"] = _time_to_elbo(runs["tuned"], runs["pythae"])
    results["elbo"] = {side: spread([run["elbo"] for run in runs[side]]) for side in runs}
    results["clock"] = runs["ours"][0]["clock"]
    return results


def _time_to_elbo(tuned: list[Results], pythae: list[Results]) -> Results:
    """Compare the seconds of a tuned training with those of pythae, and say whether its ELBO is at
    least as high, in each round."""
    seconds = {
        "tuned": [run["seconds"] for run in tuned],
        "pythae": [run["seconds"] for run in pythae],
    }
    return {
        "seconds": {side: spread(values) for side, values in seconds.items()},
        "elbo": {
            "tuned": spread([run["elbo"] for run in tuned]),
            "pythae": spread([run["elbo"] for run in pythae]),
        },
        "reached": all(a["elbo"] >= b["elbo"] for a, b in zip(tuned, pythae, strict=True)),
        "pythae's time over tuned": ratios(seconds["pythae"], seconds["tuned"]),
    }


def measure_curves(rounds: int, quick: bool) -> Results:
    """Measure the ELBO of the same trainings after each pass, with another seed in each round.

    With the seconds that a pass takes, this gives the time until a quality is reached.
    """
    size = ["--images", "2560", "--held-out", "1000"] if quick else []
    epochs = "2" if quick else str(CURVE_PASSES)
    runs = _training_runs(
        rounds,
        lambda seed: [*size, "--epochs", epochs, "--seed", str(seed), "--curve"],
        tuned=False,
    )
    return {
        side: [[round(elbo, 2) for elbo in run["elbos"]] for run in runs[side]] for side in runs
    }


def _training_runs(
    rounds: int, options: Callable[[int], list[str]], *, tuned: bool = True
) -> dict[str, list[dict[str, Any]]]:
    """Run training_run.py for all sides by turns; pythae's only if it is installed.

    Arguments:
        rounds: The number of trainings of each side.
        options: Returns the options of the script, given the number of the round.
        tuned: Whether the side "tuned" is included.

    Returns:
        The results of each side, by round.
    """
    pythons = {"ours": sys.executable, "bare": sys.executable}
    if tuned:
        pythons["tuned"] = sys.executable
    if PEERS.exists():
        pythons["pythae"] = str(PEERS)
    data = load_data("mnist")
    pixels = torch.cat([data.train.images, data.validation.images]).numpy()
    script = str(HERE.parent / "training_run.py")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/pixels.npy"
        np.save(path, pixels)

        def train(side: str, python: str) -> Callable[[int], dict[str, Any]]:
            return lambda number: json.loads(
                call([python, script, side, path, *options(number)]).splitlines()[-1]
            )

        sides = {side: train(side, python) for side, python in pythons.items()}
        return by_turns(sides, rounds)
