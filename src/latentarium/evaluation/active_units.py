"""The latent dimensions that carry information about the image.

References:
    Importance weighted autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
"""

from dataclasses import dataclass
from functools import partial

import torch

from latentarium.distributions import DiagonalGaussian
from latentarium.evaluation.joint_density import (
    image_groups,
    require_finite,
    require_likelihood,
)
from latentarium.models.base import LatentModel
from latentarium.models.modes import evaluation_mode
from latentarium.shapes import Images, LabelSet, LatentSet, LatentVector, Pixels, Scalar
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Interval

RESAMPLES = 200
"""Number of bootstrap resamples."""


@dataclass(frozen=True, kw_only=True)
class ActiveUnits:
    """The latent dimensions that carry information about the image.

    Arguments:
        count: The number of units whose variance is above the threshold.
        interval: Its 95 % bootstrap interval over the images. Both ends are usually equal, because
            most units are clearly active or clearly inactive.
        variances: The variance over images of the posterior mean, for each unit.
        rate: The mean KL divergence of the posterior from the prior, in nats.
        rates: The rate of each unit; None if posterior or prior is not a diagonal Gaussian.
        threshold: The argument of `active_units`.
        n: Number of images.
    """

    count: int
    interval: Interval
    variances: LatentVector
    rate: float
    rates: LatentVector | None
    threshold: float
    n: int


def active_units(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None = None,
    *,
    threshold: float = 0.01,
    seed: int = 0,
    batch_size: int = 2000,
) -> ActiveUnits:
    """Count the units of z whose posterior mean varies over the images by more than a threshold
    (Burda et al., 2016). The other units have collapsed onto the prior.

    Arguments:
        model: A model with a likelihood.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels; ignored otherwise.
        threshold: The smallest variance of an active unit.
        seed: Seed of the bootstrap for the confidence interval.
        batch_size: Images encoded at a time. It limits memory and does not change the result.

    Raises:
        UserError: The model has no likelihood, or images or labels don't fit it.
    """
    require_likelihood(model)
    means, unit_rates, other_rates = [], [], []
    with evaluation_mode(model):
        for group in image_groups(model, images, labels, 1, batch_size):
            posterior, prior = group.posterior, group.prior
            mean = posterior.mean
            means.append(mean.double().cpu())
            if isinstance(posterior, DiagonalGaussian) and isinstance(prior, DiagonalGaussian):
                unit_rates.append(posterior.kl_by_dimension(prior).double().cpu())
            else:
                ratios = [group.log_ratio(*draw) for draw in group.draws(10, seed, batch_size)]
                other_rates.append(torch.cat(ratios, 1).mean(1).cpu())
    means = require_finite(torch.cat(means))

    rates = None
    if unit_rates:
        rates = require_finite(torch.cat(unit_rates)).mean(0)
        rate = float(rates.sum())
    else:
        rate = float(require_finite(torch.cat(other_rates)).mean())
    return ActiveUnits(
        count=int(count_active(means, threshold)),
        interval=bootstrap(
            means, partial(count_active, threshold=threshold), resamples=RESAMPLES, seed=seed
        ),
        variances=means.var(0),
        rate=rate,
        rates=rates,
        threshold=threshold,
        n=len(images),
    )


def count_active(means: LatentSet, threshold: float) -> Scalar:
    """Return the number of units whose posterior means vary by more than the threshold."""
    return (means.var(0) > threshold).double().sum()
