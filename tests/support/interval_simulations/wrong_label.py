"""Intervals of the AUC of right against wrong labels."""

from collections.abc import Callable
from functools import cache
from math import sqrt
from statistics import NormalDist

import torch
from torch import Tensor

from latentarium.metrics.wrong_label import wrong_label_auc
from latentarium.stats.measurement import Interval
from support.interval_simulations.registry import Setting, Simulation, add
from support.interval_simulations.samplers import gamma, normal

Sizes = tuple[int, ...]
"""Images of each class."""
Scores = Callable[[int, Tensor], Tensor]
"""Maps a seed and the images' classes to a score of each image under each label, (n, K)."""


def own_labels(labels: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(labels).double()


def independent(shift: float) -> Scores:
    """N(shift, 1) under the right label and N(0, 1) under a wrong one, independently."""
    return lambda seed, labels: (
        normal(seed, len(labels), int(labels.max()) + 1) + shift * own_labels(labels)
    )


def shared(shift: float) -> Scores:
    """The same noise under all labels: a bad image is bad in all of its comparisons."""
    return lambda seed, labels: normal(seed, len(labels), 1) + shift * own_labels(labels)


def skewed(shift: float) -> Scores:
    """Minus exponential noise, the same under all labels."""
    return lambda seed, labels: shift * own_labels(labels) - gamma(seed, 1.0, len(labels), 1)


def tied(shift: int) -> Scores:
    """Uniform integers from 0 to 3, the same under all labels."""
    return lambda seed, labels: (
        (torch.special.ndtr(normal(seed, len(labels), 1)) * 4).floor() + shift * own_labels(labels)
    )


def failing(share: float, only: int | None = None) -> Scores:
    """A share of the images, of all classes or of one, loses all of its comparisons."""

    def scores(seed: int, labels: Tensor) -> Tensor:
        fails = torch.special.ndtr(normal(seed, len(labels))) < share
        if only is not None:
            fails &= labels == only
        own = own_labels(labels)
        return torch.where(fails[:, None], 2 - 3 * own, own)

    return scores


@cache
def measured(sizes: Sizes, scores: Scores, seed: int) -> tuple[Interval, Interval]:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    images = scores(seed, labels).float()[:, None, None]

    def score(x: Tensor, y: Tensor) -> Tensor:
        return x[torch.arange(len(x)), 0, 0, y]

    result = wrong_label_auc(score, images, labels, len(sizes))
    return result.mean_interval, result.minimum_interval


def auc(sizes: Sizes, scores: Scores, truth: float, which: int = 0) -> Setting:
    return lambda draws: lambda seed: (measured(sizes, scores, seed)[which], truth)


def of_normal(shift: float) -> float:
    """The AUC of two normal distributions with variance 1."""
    return NormalDist().cdf(shift / sqrt(2))


FEW, MANY = independent(2.0), independent(3.0)


def of_both(which: int) -> dict[str, Setting]:
    return {
        "3 classes, n = 40 each, AUC 92 %": auc((40,) * 3, FEW, of_normal(2), which),
        "10 classes, n = 100 each, AUC 98.3 %": auc((100,) * 10, MANY, of_normal(3), which),
    }


add(
    "wrong label",
    Simulation(
        title="wrong label refused, mean AUC of all pairs", conservative=True,
        method="beta, variance of DeLong, one more image that fails", keys=("wrong_label",),
        fields=("WrongLabelAUC.mean_interval", "weighted_share"), trials=300, quick_trials=20,
        settings={
            "2 classes, n = 10 each, AUC 99.8 %": auc((10,) * 2, shared(4), of_normal(4)),
            "2 classes, n = 10 each, AUC 98.3 %": auc((10,) * 2, shared(3), of_normal(3)),
            "2 classes, n = 100 each, AUC 99.98 %": auc((100,) * 2, shared(5), of_normal(5)),
            "3 classes, n = 20 each, AUC 99.8 %": auc((20,) * 3, shared(4), of_normal(4)),
            "10 classes, n = 20 each, AUC 99.98 %": auc((20,) * 10, shared(5), of_normal(5)),
            "10 classes, n = 10 each, AUC 99.8 %": auc((10,) * 10, shared(4), of_normal(4)),
            **of_both(0),
            "2 classes, n = 10 each, AUC 76 %": auc((10,) * 2, independent(1), of_normal(1)),
            "10 classes, n = 1,000 each, AUC 95 %": auc(
                (1000,) * 10, shared(2.33), of_normal(2.33)
            ),
            "2 classes, n = 5 and 200, AUC 92 %": auc((5, 200), shared(2), of_normal(2)),
            # P(x + 3 > y) with exponential x and y is 1 - exp(-3) / 2
            "3 classes, n = 10, 20 and 80, skewed, AUC 97.5 %": auc(
                (10, 20, 80), skewed(3), 0.975106
            ),
            "3 classes, n = 20 each, ties, AUC 87.5 %": auc((20,) * 3, tied(2), 0.875),
            "2 classes, n = 20 each, 5 % of the images fail": auc(
                (20,) * 2, failing(0.05), 0.95**2
            ),
            "10 classes, n = 20 each, 1 % of the images fail": auc(
                (20,) * 10, failing(0.01), 0.99**2
            ),
            "3 classes, n = 50 each, 5 % of one class fail": auc(
                (50,) * 3, failing(0.05, only=0), 1 - 2 * 0.05 / 3
            ),
        },
    ),
)  # fmt: skip
add(
    "worst wrong label",
    Simulation(
        title="wrong label refused, AUC of the hardest pair",
        method="Hoeffding, Bonferroni over pairs", keys=("wrong_label.worst",),
        fields=("WrongLabelAUC.minimum_interval", "mean_over_pairs"), settings=of_both(1),
        trials=300, quick_trials=20, conservative=True,
    ),
)  # fmt: skip
