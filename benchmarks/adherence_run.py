"""Train `cgan_mnist` and write samples on request: `adherence_run.py SEED SAMPLES.npy`.

It runs with the latentarium of any commit since d9243c1, given by PYTHONPATH. For each line of
stdin, a number of steps, it trains for these steps, writes 1,000 samples of the EMA model to the
file as floats in [-1, 1], and prints the seconds of training so far. Sample k has the label k
modulo 10.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from training_run import clock

from latentarium import presets
from latentarium.data.sources import load_data

NUM_SAMPLES = 1000


def current_training(seed: int) -> tuple[Callable[[], None], Callable[[], Any]]:
    """Return functions that make a step and that return the EMA model, of this commit."""
    from speed_parts.common import with_settings
    from speed_parts.steps import TrainingSteps

    config = with_settings(presets.cgan_mnist(), seed=seed)
    training = TrainingSteps(config, load_data("mnist"))
    return training.step, training.state.ema_model


def former_training(seed: int) -> tuple[Callable[[], None], Callable[[], Any]]:
    """Return the same functions of d9243c1, whose modules have other names."""
    from latentarium.training.world import World  # pyright: ignore[reportMissingImports]

    from latentarium.training.loop import (
        Trainer,  # pyright: ignore[reportAttributeAccessIssue]
    )

    config = presets.cgan_mnist()
    settings = dataclasses.replace(config.train, seed=seed, log_every=10**9)
    config = dataclasses.replace(config, train=settings)
    training = Trainer(config, load_data("mnist"), World(0, 1, torch.device("cpu")))
    return training.step, training.state.use


def main() -> None:
    """Serve requests until stdin ends."""
    try:
        import latentarium.training.world  # noqa: F401  # pyright: ignore
    except ImportError:
        begin = current_training
    else:
        begin = former_training
    step, ema_model = begin(int(sys.argv[1]))
    labels = torch.arange(NUM_SAMPLES) % 10
    duration = 0.0
    print("ready", flush=True)
    for line in sys.stdin:
        started = clock()
        for _ in range(int(line)):
            step()
        duration += clock() - started
        np.save(sys.argv[2], ema_model().sample(NUM_SAMPLES, labels, seed=0).numpy())
        print(duration, flush=True)


if __name__ == "__main__":
    main()
