"""Parzen-window log-likelihood: a legacy number, kept because old tables have no other.

    log p(x) = log 1/n sum_i N(x; c_i, sigma^2 I),   c_1 ... c_n generated images, pixels in [0, 1]

sigma is the one of ten values, spaced evenly in its logarithm from 0.1 to 1, that is best on 1,000
validation images; the value is the mean over the test images, in nats. It says little: real
training images as centres score below a set of k-means centroids of them.

References:
    Generative adversarial nets (Goodfellow et al., 2014), https://arxiv.org/abs/1406.2661
    A note on the evaluation of generative models (Theis, van den Oord and Bethge, 2016),
    https://arxiv.org/abs/1511.01844
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.shapes import Images, ImageSet, OtherImageSet, PerPoint
from latentarium.stats.intervals import Interval, normal_quantile

BLOCK = 1 << 23
"""Distances held at once: 64 MiB of float64."""
VALIDATION = 1000
SIGMAS = tuple(float(s) for s in torch.logspace(-1, 0, 10, dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class Parzen:
    """A mean log density under kernels around images."""

    log_likelihood: float
    """nats."""
    interval: Interval
    """Over the test images, by a normal approximation."""
    standard_error: float
    sigma: float
    per_sigma: dict[float, float]
    """The mean on the validation images by sigma."""
    centres: int
    n: int


def parzen(centres: Images, validation: ImageSet, test: OtherImageSet) -> Parzen:
    """The legacy protocol, which takes 10,000 centres.

    Arguments:
        centres: Generated images, in [-1, 1].
        validation: Real images, of which the first 1,000 choose sigma.
        test: Real images to score.

    Raises:
        UserError: Fewer than two images of some kind, or one with nan or inf.
    """
    given = (centres, validation, test)
    if min(map(len, given)) < 2 or not all(bool(images.isfinite().all()) for images in given):
        raise UserError(
            "A Parzen window needs at least 2 centres, 2 images to choose sigma and 2 to score, "
            "all without nan or inf."
        )
    flat = _unit(centres)
    chosen = _unit(validation[:VALIDATION])
    per_sigma = {s: float(log_density(flat, chosen, s).mean()) for s in SIGMAS}
    sigma = max(per_sigma, key=per_sigma.__getitem__)
    values = log_density(flat, _unit(test), sigma)
    mean, error = float(values.mean()), float(values.std()) / math.sqrt(len(values))
    half = normal_quantile(0.95) * error
    return Parzen(
        log_likelihood=mean,
        interval=(mean - half, mean + half),
        standard_error=error,
        sigma=sigma,
        per_sigma=per_sigma,
        centres=len(centres),
        n=len(test),
    )


def log_density(centres: Tensor, points: Tensor, sigma: float) -> PerPoint:
    """log of the mean of Gaussian kernels around the centres (n, D), at points (m, D)."""
    dimensions = centres.shape[1]
    middle = centres.mean(0)  # smaller numbers round less
    targets = (centres - middle).T.contiguous()
    norms = targets.square().sum(0)
    parts = []
    for part in points.split(max(1, BLOCK // len(centres))):
        part = part - middle
        squared = torch.addmm(norms, part, targets, alpha=-2) + part.square().sum(1, keepdim=True)
        parts.append((-0.5 / sigma**2 * squared.clamp_min(0).double()).logsumexp(1))
    constant = math.log(len(centres)) + dimensions * math.log(sigma * math.sqrt(2 * math.pi))
    return torch.cat(parts) - constant


def _unit(images: Tensor) -> Tensor:
    return (to_float(images).flatten(1) + 1) / 2
