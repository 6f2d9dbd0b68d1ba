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
    seed: int,
) -> dict[str, Any]:
    """Measure n real points from N(0, I) in four dimensions, and n fakes of another scale."""
    real, fake = normal(seed, 2, n, 4)
    return vars(measure(real, fake * scale))


def balls(name: str, n: int, scale: float) -> Setting:
    measure = precision_recall if name in ("precision", "recall") else density_coverage

    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda seed: measured(measure, n, scale, seed)[name], draws // 13)
        return lambda seed: (measured(measure, n, scale, seed)[f"{name}_interval"], truth)

    return setting


for name in ("precision", "recall", "density", "coverage"):
    owner = "PrecisionRecall" if name in ("precision", "recall") else "DensityCoverage"
    add(
        name,
        Simulation(
            title=name,
            method="Student's t, variance from disjoint parts" if name == "density"
            else "Clopper-Pearson, effective n from disjoint parts",
            keys=(name,),
            fields=(f"{owner}.{name}_interval",),
            settings={
                "n = 60, equal distributions": balls(name, 60, 1.0),
                "n = 300, samples of 0.7 times the scale": balls(name, 300, 0.7),
                "n = 1,500, samples of 0.7 times the scale": balls(name, 1500, 0.7),
            },
            trials=300, quick_trials=6,
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
