"""Parzen-window log-likelihood: a legacy metric, for comparison with papers that report no other.

    log p(x) = log 1/n sum_i N(x; c_i, sigma^2 I),   c_1 ... c_n generated images, pixels in [0, 1]

sigma is the best of ten values, evenly spaced in log sigma from 0.1 to 1, on 1,000 validation
images; the result is the mean over the test images, in nats. It is a poor measure of quality: real
training images as centres get a lower value than the centroids of a k-means clustering of the same
images.

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
from latentarium.stats.intervals import student_quantile
from latentarium.stats.measurement import Interval

MAX_DISTANCES = 1 << 23
"""Distances computed at a time: 64 MiB of float64."""
NUM_VALIDATION = 1000
SIGMAS = tuple(float(s) for s in torch.logspace(-1, 0, 10, dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class ParzenEstimate:
    """Mean log density of test images under kernels around generated images."""

    log_likelihood: float
    """nats."""
    interval: Interval
    """Over the test images, by Student's t."""
    standard_error: float
    sigma: float
    per_sigma: dict[float, float]
    """Mean log density of the validation images, by sigma."""
    centres: int
    n: int


def parzen_log_likelihood(
    centres: Images, validation: ImageSet, test: OtherImageSet
) -> ParzenEstimate:
    """Compute the Parzen-window log-likelihood. The published protocol uses 10,000 centres.

    Arguments:
        centres: Generated images, in [-1, 1].
        validation: Real images; sigma is selected on the first 1,000 images.
        test: Real images to score.

    Raises:
        UserError: Fewer than two images in a set ("too-few-images"), or values that are not
            finite ("not-finite").
    """
    sets = {"centres": centres, "validation images": validation, "test images": test}
    for name, images in sets.items():
        if len(images) < 2:
            raise UserError(
                f"There are {len(images)} {name}; give at least 2.", code="too-few-images"
            )
        if not bool(images.isfinite().all()):
            raise UserError(
                f"Some {name} contain nan or inf; check where they come from.", code="not-finite"
            )
    flat = _to_unit_range(centres)
    chosen = _to_unit_range(validation[:NUM_VALIDATION])
    per_sigma = {s: float(log_density(flat, chosen, s).mean()) for s in SIGMAS}
    sigma = max(per_sigma, key=per_sigma.__getitem__)
    values = log_density(flat, _to_unit_range(test), sigma)
    mean, error = float(values.mean()), float(values.std()) / math.sqrt(len(values))
    half = student_quantile(0.95, len(values) - 1) * error
    return ParzenEstimate(
        log_likelihood=mean,
        interval=(mean - half, mean + half),
        standard_error=error,
        sigma=sigma,
        per_sigma=per_sigma,
        centres=len(centres),
        n=len(test),
    )


def log_density(
    centres: Tensor, points: Tensor, sigma: float, *, max_distances: int = MAX_DISTANCES
) -> PerPoint:
    """Return the log of the mean of Gaussian kernels, in nats.

    Arguments:
        centres: Centres of the kernels (n, D).
        points: Where to evaluate the density (m, D).
        sigma: Standard deviation of the kernels.
        max_distances: Distances computed at a time. It limits memory.
    """
    dimensions = centres.shape[1]
    origin = centres.mean(0)  # centred values round less
    targets = (centres - origin).T.contiguous()
    norms = targets.square().sum(0)
    parts = []
    for part in points.split(max(1, max_distances // len(centres))):
        part = part - origin
        squared = torch.addmm(norms, part, targets, alpha=-2) + part.square().sum(1, keepdim=True)
        parts.append((-0.5 / sigma**2 * squared.clamp_min(0).double()).logsumexp(1))
    constant = math.log(len(centres)) + dimensions * math.log(sigma * math.sqrt(2 * math.pi))
    return torch.cat(parts) - constant


def _to_unit_range(images: Tensor) -> Tensor:
    return (to_float(images).flatten(1) + 1) / 2
