"""Intervals of distances between sets of features."""

import torch
from torch import Tensor

from latentarium.metrics.distances import frechet, frechet_interval, kernel_distance
from latentarium.stats.measurement import Interval
from support.interval_simulations.registry import Setting, Simulation, Trial, add, expectation
from support.interval_simulations.samplers import normal

RESAMPLES = 20
"""Resamples in reports."""


def features(seed: int, n: int, size: int, shift: float, scale: float) -> tuple[Tensor, Tensor]:
    """Draw real and generated features, which are skewed like those after a ReLU."""
    real, fake = normal(seed, 2, n, size)
    return real.clamp_min(-0.5), (scale * fake + shift).clamp_min(-0.5)


def frechet_setting(n: int, size: int, shift: float, scale: float) -> Setting:
    def setting(draws: int) -> Trial:
        truth = expectation(lambda seed: frechet(*features(seed, n, size, shift, scale)), draws)

        def trial(seed: int) -> tuple[Interval, float]:
            sets = features(seed, n, size, shift, scale)
            return frechet_interval(*sets, resamples=RESAMPLES, seed=seed), truth

        return trial

    return setting


add(
    "Fréchet distance",
    Simulation(
        title="Fréchet distance",
        method="normal, variance of first and second order",
        keys=("frechet",),
        conservative=True,
        fields=("frechet_interval",),
        settings={
            "n = 100, 4 features, equal distributions": frechet_setting(100, 4, 0.0, 1.0),
            "n = 100, 4 features, means 0.2 apart": frechet_setting(100, 4, 0.2, 1.0),
            "n = 300, 8 features, equal distributions": frechet_setting(300, 8, 0.0, 1.0),
            "n = 300, 8 features, means 0.1 apart": frechet_setting(300, 8, 0.1, 1.0),
            "n = 300, 8 features, scale 0.5": frechet_setting(300, 8, 0.0, 0.5),
        },
        trials=400,
        quick_trials=25,
    ),
)


def kernel(n: int, subset: int, shift: float) -> Setting:
    def setting(draws: int) -> Trial:
        # the estimate is unbiased at every n; for equal distributions the distance is 0
        truth = 0.0
        if shift:
            large = features(10**6, 20 * draws, 4, shift, 1.0)
            truth = float(population_mmd(*large))

        def trial(seed: int) -> tuple[Interval, float]:
            sets = features(seed, n, 4, shift, 1.0)
            return kernel_distance(*sets, subset_size=subset, seed=seed).interval, truth

        return trial

    return setting


def population_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return MMD^2 of two large sets with the cubic kernel, by the moments up to the third:
    E (x.y / F + 1)^3 = sum over r of binom(3, r) / F^r |E x^(tensor r)|^2."""
    size = x.shape[1]
    first = x.mean(0) - y.mean(0)
    second = x.T @ x / len(x) - y.T @ y / len(y)
    third = torch.einsum("ni,nj,nk->ijk", x, x, x) / len(x)
    third -= torch.einsum("ni,nj,nk->ijk", y, y, y) / len(y)
    weights = (3 / size, 3 / size**2, 1 / size**3)
    norms = [moment.square().sum() for moment in (first, second, third)]
    return (torch.tensor(weights, dtype=torch.float64) * torch.stack(norms)).sum()


add(
    "kernel distance",
    Simulation(
        title="kernel distance",
        method="normal, variance over overlapping subsets",
        keys=("kernel",),
        fields=("KernelDistance.interval",),
        conservative=True,
        settings={
            "n = 200, subsets of 100, means 0.5 apart": kernel(200, 100, 0.5),
            "n = 500, subsets of 50, means 0.5 apart": kernel(500, 50, 0.5),
            "n = 500, subsets of 50, equal distributions": kernel(500, 50, 0.0),
        },
        trials=400,
        quick_trials=8,
    ),
)
