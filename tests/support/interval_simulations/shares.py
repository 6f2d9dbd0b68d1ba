"""Intervals of shares, of the worst class, and of the distribution over modes."""

import math

import numpy as np
import torch

from latentarium.metrics.conditional import confusion, label_histogram
from latentarium.metrics.coverage import mode_coverage
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson
from support.interval_simulations.registry import Setting, Simulation, add, expectation


def binomial(n: int, p: float) -> Setting:
    def trial(seed: int) -> tuple[Interval, float]:
        return clopper_pearson(int(np.random.default_rng(seed).binomial(n, p)) / n, n), p

    return lambda draws: trial


add(
    "share",
    Simulation(
        title="share of independent images",
        method="Clopper-Pearson",
        keys=("gan_test", "gan_train", "neighbours", "high_quality"),
        fields=("Confusion.adherence_interval", "Confusion.intervals", "GANTrain.interval",
                "GANTrain.ceiling_interval", "LabelHistogram.intervals",
                "MixtureQuality.high_quality_interval", "clopper_pearson"),
        settings={
            "n = 20, p = 90 %": binomial(20, 0.9),
            "n = 100, p = 50 %": binomial(100, 0.5),
            "n = 1,000, p = 99.7 %": binomial(1000, 0.997),
            "n = 10,000, p = 99.5 %": binomial(10_000, 0.995),
        },
        trials=2000,
    ),
)  # fmt: skip


def worst_class(n: int, shares: list[float]) -> Setting:
    """GAN-test of the worst class; the true value is the share of the class that is selected."""
    classes = len(shares)
    requested = torch.arange(classes).repeat_interleave(n)

    def trial(seed: int) -> tuple[Interval, float]:
        hits = np.random.default_rng(seed).binomial(n, shares)
        wrong = (requested + 1) % classes
        within = torch.arange(n).repeat(classes) < torch.from_numpy(hits).repeat_interleave(n)
        result = confusion(requested, torch.where(within, requested, wrong), classes)
        return result.worst_interval, shares[result.worst_class]

    return lambda draws: trial


add(
    "worst class",
    Simulation(
        title="GAN-test of the worst class",
        method="Clopper-Pearson, Bonferroni over classes",
        keys=("gan_test.worst",),
        fields=("Confusion.worst_interval", "clopper_pearson"),
        conservative=True,
        settings={
            "10 equal classes, n = 100 each": worst_class(100, [0.95] * 10),
            "10 equal classes, n = 1,000 each": worst_class(1000, [0.99] * 10),
            "100 equal classes, n = 100 each": worst_class(100, [0.9] * 100),
            "one class of 10 worse, n = 1,000 each": worst_class(1000, [0.9, *[0.99] * 9]),
        },
        trials=1000,
        quick_trials=60,
    ),
)


def rarest(n: int, classes: int, *, commonest: bool = False) -> Setting:
    def trial(seed: int) -> tuple[Interval, float]:
        predicted = torch.from_numpy(np.random.default_rng(seed).integers(classes, size=n))
        result = label_histogram(predicted, classes)
        order = sorted(range(classes), key=lambda c: result.shares[c])
        return result.simultaneous_intervals[order[-1 if commonest else 0]], 1 / classes

    return lambda draws: trial


add(
    "rarest class",
    Simulation(
        title="share of the rarest and of the commonest class",
        method="Clopper-Pearson, Bonferroni over classes",
        keys=("classes.rarest", "classes.commonest"),
        fields=("LabelHistogram.simultaneous_intervals",),
        conservative=True,
        settings={
            "rarest of 10 equal classes, n = 1,000": rarest(1000, 10),
            "commonest of 10 equal classes, n = 1,000": rarest(1000, 10, commonest=True),
            "rarest of 100 equal classes, n = 5,000": rarest(5000, 100),
        },
        trials=500,
        quick_trials=30,
    ),
)


def modes_of(shares: np.ndarray, n: int, seed: int) -> torch.Tensor:
    counts = np.random.default_rng(seed).multinomial(n, shares)
    return torch.arange(len(shares)).repeat_interleave(torch.from_numpy(counts))


def modes(shares: np.ndarray, n: int) -> Setting:
    truth = float((1 - (1 - shares) ** n).sum())

    def trial(seed: int) -> tuple[Interval, float]:
        result = mode_coverage(modes_of(shares, n, seed), len(shares))
        low, high = result.modes_interval
        # modes with hundreds of samples are missed with a chance below any rounding
        return (low - 1e-3, high + 1e-3), truth

    return lambda draws: trial


def reverse_kl(shares: np.ndarray, n: int) -> Setting:
    def value(seed: int) -> float:
        counts = np.random.default_rng(seed).multinomial(n, shares)
        found = counts[counts > 0] / n
        return float((found * np.log(found * len(shares))).sum())

    def setting(draws: int):
        truth = expectation(value, draws)

        def trial(seed: int) -> tuple[Interval, float]:
            return mode_coverage(modes_of(shares, n, seed), len(shares)).interval, truth

        return trial

    return setting


EQUAL = np.full(25, 1 / 25)
RARE = np.array([0.2] * 4 + [0.19] + [0.002] * 5)
UNEVEN = np.exp(-0.3 * np.arange(25)) / np.exp(-0.3 * np.arange(25)).sum()
COLLAPSED = np.array([0.5, 0.3, 0.2] + [1e-12] * 5) / math.fsum([1.0] + [1e-12] * 5)

add(
    "modes",
    Simulation(
        title="number of modes found",
        method="Clopper-Pearson over modes with few samples",
        keys=("modes",),
        fields=("ModeCoverage.modes_interval",),
        conservative=True,
        settings={
            "25 equal modes, n = 2,500": modes(EQUAL, 2500),
            "5 of 10 modes rare, n = 500": modes(RARE, 500),
            "25 uneven modes, n = 500": modes(UNEVEN, 500),
            "3 of 8 modes, n = 2,500": modes(COLLAPSED, 2500),
        },
        trials=500,
        quick_trials=30,
    ),
)

add(
    "reverse KL",
    Simulation(
        title="reverse KL over modes",
        method="normal, variance of first and second order",
        keys=("reverse_kl",),
        fields=("ModeCoverage.interval",),
        settings={
            "25 equal modes, n = 2,500": reverse_kl(EQUAL, 2500),
            "25 uneven modes, n = 500": reverse_kl(UNEVEN, 500),
            "3 of 8 modes, n = 2,500": reverse_kl(COLLAPSED, 2500),
        },
        quick_trials=60,
    ),
)
