"""Intervals of precision, recall, density and coverage, and of the worst class's coverage."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from latentarium.metrics.conditional import expected_coverage, per_class_density_coverage
from latentarium.metrics.fidelity import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from latentarium.stats.measurement import Interval
from support.interval_simulations.registry import Setting, Simulation, Trial, add, mean_of_trials
from support.interval_simulations.samplers import normal


@cache
def measured(
    measure: Callable[[Tensor, Tensor], PrecisionRecall | DensityCoverage],
    n: int,
    scale: float,
    shift: float,
    seed: int,
) -> dict[str, Any]:
    """Measure n real points from N(0, I) in four dimensions, and n fakes of another scale that are
    displaced in each dimension."""
    real, fake = normal(seed, 2, n, 4)
    return vars(measure(real, fake * scale + shift))


def balls(name: str, n: int, *, scale: float = 1.0, shift: float = 0.0) -> Setting:
    measure = precision_recall if name in ("precision", "recall") else density_coverage

    def measure_trial(seed: int) -> dict[str, Any]:
        return measured(measure, n, scale, shift, seed)

    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda seed: measure_trial(seed)[name], draws // 13)
        return lambda seed: (measure_trial(seed)[f"{name}_interval"], truth)

    return setting


for name in ("precision", "recall", "density", "coverage"):
    owner = "PrecisionRecall" if name in ("precision", "recall") else "DensityCoverage"
    shape = "log-normal" if name == "density" else "Clopper-Pearson, effective n"
    added = "" if name == "coverage" else " and dominant balls"
    add(
        name,
        Simulation(
            title=name,
            method=f"{shape}, variance from disjoint parts{added}",
            keys=(name,),
            fields=(f"{owner}.{name}_interval",),
            settings={
                "n = 60, equal distributions": balls(name, 60),
                "n = 300, samples of 0.7 times the scale": balls(name, 300, scale=0.7),
                "n = 1,500, samples of 0.7 times the scale": balls(name, 1500, scale=0.7),
                "n = 300, samples displaced by 1": balls(name, 300, shift=1.0),
                "n = 300, samples displaced by 2": balls(name, 300, shift=2.0),
                "n = 1,500, samples displaced by 2": balls(name, 1500, shift=2.0),
            },
            trials=300, quick_trials=6, conservative=name == "precision",
        ),
    )  # fmt: skip
    add(
        f"{name}, few images",
        Simulation(
            title=f"{name}, few images",
            method=f"{shape}, variance from balls",
            keys=(name,),
            settings={
                "n = 10, equal distributions": balls(name, 10),
                "n = 10, samples displaced by 1.5": balls(name, 10, shift=1.5),
                "n = 30, samples displaced by 1.5": balls(name, 30, shift=1.5),
                "n = 30, samples displaced by 2": balls(name, 30, shift=2.0),
                "n = 100, samples displaced by 2": balls(name, 100, shift=2.0),
            },
            trials=300, quick_trials=6, conservative=True,
        ),
    )  # fmt: skip


def worst_coverage(n: int, classes: int) -> Setting:
    """Classes whose samples have the distribution of the real images: all are equally good."""
    labels = torch.arange(classes).repeat_interleave(n)
    centres = 100.0 * labels[:, None]
    truth = expected_coverage(n, n, 5)

    def trial(seed: int) -> tuple[Interval, float]:
        real, fake = normal(seed, 2, len(labels), 4) + centres
        result = per_class_density_coverage(real, labels, fake, labels, classes)
        return result.worst_interval, truth

    return lambda draws: trial


add(
    "worst coverage",
    Simulation(
        title="coverage of the worst class",
        method="Clopper-Pearson, effective n, Bonferroni over classes",
        keys=("coverage.worst",),
        fields=("PerClassDensityCoverage.worst_interval",
                "PerClassDensityCoverage.coverage_intervals"),
        settings={
            "3 equal classes, n = 40 each": worst_coverage(40, 3),
            "6 equal classes, n = 100 each": worst_coverage(100, 6),
        },
        trials=150, quick_trials=6, conservative=True,
    ),
)  # fmt: skip
