"""Energy distance between points and a known mixture of Gaussians in the plane.

    D^2 = 2 E|X - Y| - E|X - X'| - E|Y - Y'|

X, X' are drawn from the model and Y, Y' from the mixture, all independently. D^2 is 0 if and only
if both distributions are equal. It has the unit of the coordinates.

The terms with Y are computed exactly from the density, by the mean of a Rice distribution, so
that chance enters only through the model's samples. The mean over all pairs of samples, each with
itself included, is not negative, but biased: for n samples of the mixture its mean is
E|Y - Y'| / n, which is the reference.

References:
    Energy statistics: a class of statistics based on distances (Székely and Rizzo, 2013),
    https://doi.org/10.1016/j.jspi.2013.03.018
    Mathematical analysis of random noise (Rice, 1945)
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import i0e, i1e
from torch import Tensor

from latentarium.data.toy import Mixture2D
from latentarium.errors import UserError
from latentarium.shapes import Points
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval

RESAMPLES = 200
MAX_POINTS = 5000
"""Largest number of points, which limits memory: the distances of all pairs are stored."""


@dataclass(frozen=True, kw_only=True)
class EnergyDistance:
    """The squared energy distance to a known density."""

    value: float
    interval: Interval
    """The value plus and minus the spread over bootstrap resamples, in a normal approximation, cut
    off at 0."""
    reference: float
    """Mean value for n samples of the density."""
    n: int
    seed: int


def energy_distance(points: Points, mixture: Mixture2D, *, seed: int = 0) -> EnergyDistance:
    """Compare points with the mixture.

    Arguments:
        points: Samples of a model, in the coordinates of the mixture.
        mixture: The known density.
        seed: Seed of the bootstrap.

    Raises:
        UserError: There are fewer than 2 or more than 5,000 points ("invalid-count"), or points
            that are not finite ("not-finite").
    """
    n = len(points)
    if not 2 <= n <= MAX_POINTS:
        raise UserError(
            f"There are {n} points; give from 2 to {MAX_POINTS:,}.", code="invalid-count"
        )
    if not bool(points.isfinite().all()):
        raise UserError(
            "Some points are not finite; check the model's weights.", code="not-finite"
        )
    points, means = points.double(), mixture.means.double()
    to_mixture = rice_mean(torch.cdist(points, means), mixture.std).mean(1)
    within_mixture = float(rice_mean(torch.cdist(means, means), math.sqrt(2) * mixture.std).mean())
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")

    def statistic(weights: Tensor) -> Tensor:
        """Return the value for each row of weights of the points."""
        pairs = ((weights @ distances) * weights).sum(1)
        return 2 * weights @ to_mixture - pairs - within_mixture

    value = max(0.0, float(statistic(torch.full((1, n), 1 / n, dtype=torch.float64))))
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(n, (RESAMPLES, n), generator=generator)
    counts = torch.zeros(RESAMPLES, n, dtype=torch.float64)
    counts.scatter_add_(1, rows, torch.ones_like(counts))
    half = normal_quantile(0.95) * float(statistic(counts / n).std())
    return EnergyDistance(
        value=value,
        interval=(max(0.0, value - half), value + half),
        reference=within_mixture / n,
        n=n,
        seed=seed,
    )


def rice_mean(distance: Tensor, std: float) -> Tensor:
    """Return E|d - Y| for a point at a distance d from the mean of the isotropic 2-D Gaussian Y
    (Rice, 1945).

    Arguments:
        distance: The distances d, float64.
        std: Standard deviation of Y along each axis.
    """
    t = (distance / std).square() / 2
    half = (t / 2).numpy()
    bessel0, bessel1 = torch.from_numpy(i0e(half)), torch.from_numpy(i1e(half))
    return std * math.sqrt(math.pi / 2) * ((1 + t) * bessel0 + t * bessel1)
