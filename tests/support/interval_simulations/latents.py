"""Intervals of the latent space, of copies of training images, and of the game."""

import math
from functools import cache

import torch
from torch import Tensor

from latentarium.latent.gaps import gap_share
from latentarium.metrics.aggregate_posterior import (
    AggregateKL,
    aggregate_kl,
    prior_sliced_distance,
)
from latentarium.metrics.memorization import Memorization, measure_memorization
from latentarium.metrics.parzen import parzen_log_likelihood
from latentarium.stats.measurement import Interval
from support.interval_simulations.registry import (
    Setting,
    Simulation,
    Trial,
    add,
    expectation,
    mean_of_trials,
)
from support.interval_simulations.samplers import gamma, normal


def gaps(n: int, held_out: int, scale: float, far: float = 0.0, decimals: int = 9) -> Setting:
    """Exponential distances: beyond the 99 % quantile of distances of scale 1 are .01^(1 / s).

    Arguments:
        n: Latents of the prior.
        held_out: Held-out latents.
        scale: Scale of the distances of the prior's latents.
        far: Share of these latents that are far away.
        decimals: Decimals to which distances are rounded; with few there are ties.
    """

    def distances(seed: int) -> tuple[Tensor, Tensor]:
        both = gamma(seed, 1.0, n + held_out)
        prior = scale * both[:n]
        prior[: round(far * n)] += 1000
        return prior.round(decimals=decimals), both[n:].round(decimals=decimals)

    def share(seed: int) -> float:
        prior, near = distances(seed)
        return float((prior > near.quantile(0.99)).double().mean())

    def setting(draws: int) -> Trial:
        truth = expectation(share, draws)
        return lambda seed: (gap_share(*distances(seed), seed=seed).interval, truth)

    return setting


add(
    "gaps",
    Simulation(
        title="prior mass in gaps", conservative=True,
        method="Bayesian bootstrap of the threshold, Jeffreys posterior of the share",
        keys=("gaps",),
        fields=("GapShare.interval", "share_beyond"),
        settings={
            "n = 10,000, 100 held-out latents, prior matches": gaps(10_000, 100, 1.0),
            "n = 10,000, 100 held-out latents, 10 % in gaps": gaps(10_000, 100, 2.0),
            "n = 1,000, 100 held-out latents, prior matches": gaps(1000, 100, 1.0),
            "n = 10,000, 200 held-out latents, one decimal": gaps(10_000, 200, 1.5, decimals=1),
            "n = 10,000, 150 held-out latents, 3 % far away": gaps(10_000, 150, 1.0, far=0.03),
            "n = 500, 500 held-out latents, prior matches": gaps(500, 500, 1.0),
            "n = 1,000, 1,000 held-out latents, prior matches": gaps(1000, 1000, 1.0),
            "n = 1,000, 1,000 held-out latents, 10 % in gaps": gaps(1000, 1000, 2.0),
        },
        trials=400, quick_trials=40,
    ),
)  # fmt: skip


def sliced(
    n: int, size: int, shift: float, which: str = "interval", *, skewed: bool = False
) -> Setting:
    @cache
    def measured(seed: int):
        z = gamma(seed, 1.0, n, size) if skewed else normal(seed, n, size)
        return prior_sliced_distance(z + shift, seed=seed)

    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda seed: measured(seed).value, draws // 13)
        return lambda seed: (getattr(measured(seed), which), truth)

    return setting


add(
    "prior distance",
    Simulation(
        title="distance of encoded data from the prior", conservative=True,
        method="Student's t, spread of 20 resamples of latents and directions",
        keys=("prior_distance",),
        fields=("SlicedDistance.interval",),
        settings={
            "n = 200, 4 dimensions, means 2 apart": sliced(200, 4, 2.0),
            "n = 20, 4 dimensions, means 2 apart": sliced(20, 4, 2.0),
            "n = 200, 4 dimensions, equal distributions": sliced(200, 4, 0.0),
            "n = 200, 4 dimensions, means 0.3 apart": sliced(200, 4, 0.3),
            "n = 20, 2 dimensions, skewed": sliced(20, 2, 0.0, skewed=True),
            "n = 20, 1 dimension, means 1 apart": sliced(20, 1, 1.0),
            "n = 20, 1 dimension, equal distributions": sliced(20, 1, 0.0),
        },
        trials=300, quick_trials=12,
    ),
)  # fmt: skip


@cache
def copies(n: int, references: int, share: float, seed: int) -> Memorization:
    """Samples of which a share are copies of training images; all other images are N(0, I)."""
    images = normal(seed, n + 6 * references, 1, 2, 2).float() / 3
    samples, train, held_out = images.split([n, 5 * references, references])
    samples[: round(share * n)] = train[: round(share * n)]
    # which samples are copies is fixed, and which training images they copy is random
    return measure_memorization(samples, train, held_out, seed=seed)


def nearer(n: int, references: int, share: float) -> Setting:
    def setting(draws: int) -> Trial:
        truth = 0.5
        if share:
            truth = mean_of_trials(
                lambda seed: copies(n, references, share, seed).nearer_to_training, draws // 13
            )
        return lambda seed: (copies(n, references, share, seed).nearer_interval, truth)

    return setting


def near_copies(n: int, references: int, share: float) -> Setting:
    def setting(draws: int) -> Trial:
        truth = mean_of_trials(
            lambda seed: copies(n, references, share, seed).near_copies, draws // 13
        )
        return lambda seed: (copies(n, references, share, seed).near_copies_interval, truth)

    return setting


add(
    "nearer to training",
    Simulation(
        title="samples nearer to a training image", conservative=True,
        method="Clopper-Pearson, effective n from shared neighbours",
        keys=("memorization",),
        fields=("NearerToTraining.nearer_interval",),
        settings={
            "n = 300, 200 references, no copies": nearer(300, 200, 0.0),
            "n = 1,000, 200 references, no copies": nearer(1000, 200, 0.0),
            "n = 300, 200 references, 20 % copies": nearer(300, 200, 0.2),
        },
        trials=300, quick_trials=25,
    ),
)  # fmt: skip
add(
    "near-copies",
    Simulation(
        title="near-copies of training images", conservative=True,
        method="Bayesian bootstrap of the threshold, Jeffreys posterior of the share",
        keys=("near_copies",),
        fields=("Memorization.near_copies_interval",),
        settings={
            "n = 1,000, 100 held-out images, no copies": near_copies(1000, 100, 0.0),
            "n = 100, 100 held-out images, no copies": near_copies(100, 100, 0.0),
            "n = 1,000, 100 held-out images, 10 % copies": near_copies(1000, 100, 0.1),
            "n = 300, 200 held-out images, no copies": near_copies(300, 200, 0.0),
            "n = 1,000, 1,000 held-out images, no copies": near_copies(1000, 1000, 0.0),
            "n = 300, 200 held-out images, 20 % copies": near_copies(300, 200, 0.2),
        },
        trials=300, quick_trials=25,
    ),
)  # fmt: skip


@cache
def aggregate_of(seed: int) -> AggregateKL:
    """Posteriors with means N(0, .75 I) and variance 1/4."""
    mean = math.sqrt(0.75) * normal(seed, 300, 2)
    return aggregate_kl(mean, torch.full_like(mean, math.log(0.25)), seed=seed)


def aggregate(which: str) -> Setting:
    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda seed: getattr(aggregate_of(seed), which), draws // 13)
        return lambda seed: (getattr(aggregate_of(seed), f"{which}_interval"), truth)

    return setting


for which in ("upper", "lower"):
    add(
        f"aggregate KL, {which}",
        Simulation(
            title=f"KL of the aggregate posterior, {which} estimate",
            method="bootstrap, expanded percentiles",
            fields=(f"AggregateKL.{which}_interval",),
            settings={"n = 300, 2 dimensions": aggregate(which)},
            trials=300, quick_trials=8,
        ),
    )  # fmt: skip


def parzen(n: int) -> Setting:
    """Centres and validation images are fixed; the interval is over test images."""
    centres, validation = normal(0, 2, 200, 1, 2, 2).float() / 2

    def value(seed: int) -> float:
        test = normal(seed, 2000, 1, 2, 2).float() / 2
        return parzen_log_likelihood(centres, validation, test).log_likelihood

    def setting(draws: int) -> Trial:
        truth = expectation(value, draws // 13)

        def trial(seed: int) -> tuple[Interval, float]:
            test = normal(seed, n, 1, 2, 2).float() / 2
            return parzen_log_likelihood(centres, validation, test).interval, truth

        return trial

    return setting


add(
    "Parzen",
    Simulation(
        title="Parzen-window log-likelihood", method="Student's t",
        fields=("ParzenEstimate.interval",),
        settings={"n = 100": parzen(100), "n = 1,000": parzen(1000)}, trials=300, quick_trials=10,
    ),
)  # fmt: skip
