"""Compare presets with the examples of PyTorch: the time until the same quality."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from latentarium.data.sources import load_data
from speed_parts.common import HERE, Results, call, spread

VAE_PASSES = 10
"""Epochs of the published VAE example."""
GAN_PASSES = 1
"""Of the 25 epochs of the published DCGAN, which would take an hour on a CPU."""
GAN_SHARES = (0.5, 1.0)
"""Parts of the DCGAN's passes whose best Fréchet distances are the goals."""
INTERVAL = 100
"""Steps between two measurements."""
QUICK_INTERVAL = 10

Rows = list[tuple[float, int, float]]
"""Seconds of training, step and quality, for each measurement of a training."""


def measure(rounds: int, quick: bool) -> Results:
    """Train the examples, and latentarium's presets until they are as good."""
    data = load_data("mnist")
    train, held_out = (split.images[:, 0].numpy() for split in (data.train, data.validation))
    if quick:
        train, held_out = train[:6400], held_out[:1000]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, train=train, held_out=held_out)
        vae_runs, gan_runs = [], []
        for seed in range(rounds):
            vae_runs.append(_vae_round(path, seed, quick=quick))
            gan_runs.append(_gan_round(path, seed, quick=quick))
    return {
        "VAE, ELBO of held-out images, nats": _compare(
            vae_runs, "vae", ("vae", "vae-in-memory", "vae_mnist"), (1.0,), sign=1
        ),
        "DCGAN, Fréchet distance": _compare(
            gan_runs, "dcgan", ("dcgan", "gan_mnist"), GAN_SHARES, sign=-1
        ),
    }


def _vae_round(path: Path, seed: int, *, quick: bool) -> dict[str, Rows]:
    passes = 1 if quick else VAE_PASSES
    rows = {"vae": _train("vae", path, seed, passes, quick=quick)}
    goal = max(value for _, _, value in rows["vae"])
    for side in ("vae-in-memory", "vae_mnist"):
        rows[side] = _train(side, path, seed, 2 * passes, goal, quick=quick)
    return rows


def _gan_round(path: Path, seed: int, *, quick: bool) -> dict[str, Rows]:
    passes = 1 if quick else GAN_PASSES
    rows = {"dcgan": _train("dcgan", path, seed, passes, quick=quick)}
    goal = max(value for _, _, value in rows["dcgan"])
    rows["gan_mnist"] = _train("gan_mnist", path, seed, passes, goal, quick=quick)
    return rows


def _train(
    side: str, path: Path, seed: int, passes: int, goal: float | None = None, *, quick: bool
) -> Rows:
    """Train one side in a process of its own; see example_run.py."""
    interval = QUICK_INTERVAL if quick else INTERVAL
    command = [sys.executable, str(HERE.parent / "example_run.py"), side, str(path)]
    command += ["--seed", str(seed), "--passes", str(passes), "--interval", str(interval)]
    if goal is not None:
        command += [f"--goal={goal}"]
    return json.loads(call(command).splitlines()[-1])


def _compare(
    runs: list[dict[str, Rows]],
    example: str,
    sides: tuple[str, ...],
    shares: tuple[float, ...],
    *,
    sign: int,
) -> Results:
    """Return the time of each side until the qualities that the example reaches within shares of
    its steps.

    A side that doesn't reach a quality in all rounds has no time.

    Arguments:
        runs: The measurements of each side, by round.
        example: The side whose best qualities are the goals.
        sides: The sides to compare.
        shares: Parts of the example's steps.
        sign: -1 if the quality is the negative of what is reported, 1 otherwise.
    """
    results: Results = {}
    for share in shares:
        goals = []
        for run in runs:
            end = share * run[example][-1][1]
            goals.append(max(value for _, step, value in run[example] if step <= end))
        reached = {
            side: [first_at(run[side], goal) for run, goal in zip(runs, goals, strict=True)]
            for side in sides
        }
        shown = f"{share:.0%} of the example's steps"
        results[shown] = {
            "goal": spread([sign * goal for goal in goals]),
            "sides": {
                side: {
                    "seconds": spread([row[0] for row in rows if row]),
                    "steps": spread([row[1] for row in rows if row]),
                }
                for side, rows in reached.items()
                if all(rows)
            },
        }
    return results


def first_at(rows: Rows, goal: float) -> tuple[float, int, float] | None:
    """Return the first row whose quality is at least a goal."""
    return next((row for row in rows if row[2] >= goal), None)
