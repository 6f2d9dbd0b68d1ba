"""Intervals of references, which contain the measured value if the model is perfect."""

import numpy as np
import torch

from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.metrics.coverage import mode_coverage
from latentarium.stats.measurement import Interval
from support.interval_simulations.latents import copies
from support.interval_simulations.registry import Setting, Simulation, add
from support.interval_simulations.samplers import normal


def null_share(n: int, references: int) -> Setting:
    def trial(seed: int) -> tuple[Interval, float]:
        result = copies(n, references, 0.0, seed)
        return result.null_interval, result.nearer_to_training

    return lambda draws: trial


add(
    "nearer to training, reference",
    Simulation(
        title="samples nearer to a training image, without memorization",
        method="normal, exact variance over splits", fields=("NearerToTraining.null_interval",),
        settings={
            "n = 300, 200 references": null_share(300, 200),
            "n = 1,000, 200 references": null_share(1000, 200),
        },
        trials=300, quick_trials=25,
    ),
)  # fmt: skip


def reference_kl(n: int, modes: int) -> Setting:
    def trial(seed: int) -> tuple[Interval, float]:
        found = torch.from_numpy(np.random.default_rng(seed).integers(modes, size=n))
        result = mode_coverage(found, modes, seed=seed)
        return result.reference_interval, result.reverse_kl

    return lambda draws: trial


add(
    "reverse KL, reference",
    Simulation(
        title="reverse KL over modes, of the true distribution", method="simulated percentiles",
        fields=("ModeCoverage.reference_interval",),
        settings={"8 modes, n = 2,500": reference_kl(2500, 8),
                  "1,000 modes, n = 26,000": reference_kl(26_000, 1000)},
        trials=300, quick_trials=15,
    ),
)  # fmt: skip


def reference_sliced(n: int, size: int) -> Setting:
    def trial(seed: int) -> tuple[Interval, float]:
        result = prior_sliced_distance(normal(seed, n, size), seed=seed)
        return result.reference_interval, result.value

    return lambda draws: trial


add(
    "prior distance, reference",
    Simulation(
        title="distance of encoded data from the prior, of latents from the prior",
        method="Student's t, spread of 20 pairs of consecutive sets",
        fields=("SlicedDistance.reference_interval",),
        settings={"n = 200, 4 dimensions": reference_sliced(200, 4)},
        trials=300, quick_trials=8,
    ),
)  # fmt: skip
