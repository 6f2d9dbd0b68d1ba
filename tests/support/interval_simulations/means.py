"""Intervals of means, of differences and ratios of means, and of the number of active units."""

from functools import partial

import torch

from latentarium.bench.bench import Summary
from latentarium.evaluation.active_units import RESAMPLES, count_active
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Measurement
from latentarium.tour.claims.ae_compresses import ratio_interval
from latentarium.tour.realism_probe import FAR, NEAR, RealismProbe
from support.interval_simulations.registry import Setting, Simulation, add
from support.interval_simulations.samplers import gamma, normal


def bootstrapped(n: int, shape: float) -> Setting:
    """The mean of skewed values, like squared errors: a gamma distribution of mean 1."""
    return lambda draws: lambda seed: (bootstrap(gamma(seed, shape, n) / shape, seed=seed), 1.0)


add(
    "mean",
    Simulation(
        title="mean over images or latents",
        method="bootstrap, expanded percentiles",
        keys=("elbo", "rate", "distortion", "nll", "bits", "mse", "psnr", "ssim", "reconstruction",
              "round_trip"),
        fields=("Elbo.elbo_interval", "Elbo.rate_interval", "Elbo.distortion_interval",
                "ImportanceNLL.interval", "AnnealedNLL.interval", "ImageMean.interval",
                "Bin.interval", "bootstrap", "expanded_percentiles"),
        settings={
            "n = 20, skewness 1": bootstrapped(20, 4.0),
            "n = 100, skewness 2": bootstrapped(100, 1.0),
            "n = 1,000, skewness 2": bootstrapped(1000, 1.0),
        },
        trials=2000,
    ),
)  # fmt: skip


def student(n: int) -> Setting:
    """The mean over trainings with different seeds."""

    def trial(seed: int) -> tuple[tuple[float, float], float]:
        values = normal(seed, n).tolist()
        rows = {i: {"x": Measurement(name="x", value=v)} for i, v in enumerate(values)}
        interval = Summary(name="x", steps=1, seeds=rows, seconds={}).interval("x")
        assert interval is not None
        return interval, 0.0

    return lambda draws: trial


add(
    "seeds",
    Simulation(
        title="mean over the seeds of a bench", method="Student's t",
        fields=("Summary.interval",),
        settings={"3 seeds": student(3), "5 seeds": student(5)}, trials=2000,
    ),
)  # fmt: skip


def ratio(n: int) -> Setting:
    def trial(seed: int) -> tuple[tuple[float, float], float]:
        both = gamma(seed, 2.0, n, 3)
        # two errors of the same image are correlated
        return ratio_interval(both[:, 0] + both[:, 1], 2 * (both[:, 0] + both[:, 2]), seed), 0.5

    return lambda draws: trial


add(
    "ratio",
    Simulation(
        title="ratio of two mean errors of the same images",
        method="bootstrap of pairs, expanded percentiles", fields=("ratio_interval",),
        settings={"n = 100": ratio(100), "n = 1,000": ratio(1000)}, quick_trials=40,
    ),
)  # fmt: skip


def drop(n: int) -> Setting:
    def trial(seed: int) -> tuple[tuple[float, float], float]:
        distance = torch.tensor([NEAR / 2] * n + [2 * FAR] * n, dtype=torch.float64)
        chance = torch.tensor([0.9] * n + [0.4] * n, dtype=torch.float64)
        realistic = (uniform(seed, 2 * n) < chance).double()
        probe = RealismProbe(
            z=torch.zeros(2 * n, 2), distance=distance, realistic=realistic, confident=realistic,
            seed=seed,
        )  # fmt: skip
        return probe.drop_interval(realistic), 0.5

    def uniform(seed: int, size: int) -> torch.Tensor:
        return torch.rand(size, generator=torch.Generator().manual_seed(seed)).double()

    return lambda draws: trial


add(
    "drop",
    Simulation(
        title="drop of realism with the distance to the data", conservative=True,
        method="sum of the ends of two bootstrap intervals",
        fields=("RealismProbe.drop_interval",),
        settings={"n = 100": drop(100), "n = 1,000": drop(1000)}, trials=400, quick_trials=40,
    ),
)  # fmt: skip


def active(n: int, borderline: float) -> Setting:
    """Four active units, four inactive ones, and one near the threshold of 0.01."""
    variances = torch.tensor([1.0] * 4 + [1e-4] * 4 + [borderline], dtype=torch.float64)
    truth = float((variances > 0.01).sum())
    count = partial(count_active, threshold=0.01)

    def trial(seed: int) -> tuple[tuple[float, float], float]:
        means = normal(seed, n, 9) * variances.sqrt()
        return bootstrap(means, count, resamples=RESAMPLES, seed=seed), truth

    return lambda draws: trial


add(
    "active units",
    Simulation(
        title="number of active units", method="bootstrap, expanded percentiles",
        keys=("active_units",), fields=("ActiveUnits.interval",), conservative=True,
        settings={
            "n = 500, a unit 10 % below the threshold": active(500, 0.009),
            "n = 500, a unit 10 % above the threshold": active(500, 0.011),
            "n = 500, a unit far above the threshold": active(500, 0.1),
        },
        trials=500, quick_trials=15,
    ),
)  # fmt: skip
