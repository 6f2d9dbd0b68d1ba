"""Intervals of the comparison of 2-D points with a known mixture."""

import numpy as np
import torch
from torch import Tensor

from latentarium.data.toy import Mixture2D, grid, ring
from latentarium.metrics.coverage import mode_masses
from latentarium.metrics.density_distance import density_distance
from latentarium.stats.measurement import Interval
from support.interval_simulations.registry import (
    Setting,
    Simulation,
    Trial,
    add,
    expectation,
    mean_of_trials,
)
from support.interval_simulations.samplers import normal

INVALID = 0.0111


def masses(shares: np.ndarray, n: int) -> Setting:
    """Shares of the modes and, last, of invalid samples; the true masses are equal."""
    modes = len(shares) - 1
    target = np.append(np.full(modes, (1 - INVALID) / modes), INVALID)

    def value(seed: int) -> float:
        counts = np.random.default_rng(seed).multinomial(n, shares)
        return float(np.abs(counts / n - target).sum() / 2)

    def setting(draws: int) -> Trial:
        truth = expectation(value, draws)

        def trial(seed: int) -> tuple[Interval, float]:
            counts = np.random.default_rng(seed).multinomial(n, shares).tolist()
            found = torch.arange(modes).repeat_interleave(torch.tensor(counts[:-1]))
            equal = torch.full((modes,), 1 / modes)
            return mode_masses(found, counts[-1], equal, INVALID, seed=seed).interval, truth

        return trial

    return setting


def uneven(modes: int, invalid: float) -> np.ndarray:
    weights = np.exp(-0.3 * np.arange(modes))
    return np.append((1 - invalid) * weights / weights.sum(), invalid)


add(
    "mode masses",
    Simulation(
        title="total variation of mode masses",
        method="normal, spread of multinomial resamples",
        keys=("mode_masses",),
        fields=("ModeMasses.interval",),
        settings={
            "8 equal modes, n = 2,500": masses(np.append([(1 - INVALID) / 8] * 8, INVALID), 2500),
            "8 uneven modes, 10 % invalid, n = 200": masses(uneven(8, 0.1), 200),
            "25 uneven modes, 60 % invalid, n = 2,500": masses(uneven(25, 0.6), 2500),
        },
    ),
)


def density(mixture: Mixture2D, n: int, *, spread: float = 1.0, missing: int = 0) -> Setting:
    """Samples of the mixture with another standard deviation, and without the first modes."""
    means = mixture.means[missing:]

    def points(seed: int) -> Tensor:
        modes = np.random.default_rng(seed).integers(len(means), size=n)
        return means[torch.from_numpy(modes)] + spread * mixture.std * normal(seed, n, 2).float()

    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda s: density_distance(points(s), mixture).value, draws // 10)
        return lambda seed: (density_distance(points(seed), mixture).interval, truth)

    return setting


add(
    "density distance",
    Simulation(
        title="squared kernel distance from a known density",
        conservative=True,
        method="normal, variance of first and second order",
        keys=("density_distance",),
        fields=("DensityDistance.interval",),
        settings={
            "ring, true density, n = 200": density(ring(), 200),
            "ring, one mode missing, n = 200": density(ring(), 200, missing=1),
            "grid, spread 20 % too large, n = 400": density(grid(), 400, spread=1.2),
        },
        trials=400,
        quick_trials=30,
    ),
)
