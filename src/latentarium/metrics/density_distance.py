"""Distance between points and a known mixture of Gaussians in the plane.

    MMD^2 = E k(X, X') - 2 E k(X, Y) + E k(Y, Y')

is the squared maximum mean discrepancy. X, X' are drawn from the model and Y, Y' from the mixture,
all independently. k(x, y) is the mean of three Gaussian kernels exp(-|x - y|^2 / (2 h^2)), with h
equal to the standard deviation of a mode, to three times that, and to the extent of the modes:
the shape within a mode and the masses of the modes both count. MMD^2 is from 0 to 2, and 0 if and
only if both distributions are equal.

The expectations over Y are Gaussian integrals and computed exactly, so that chance enters only
through the model's samples. The mean over all pairs of samples, each with itself included, is not
negative, but biased: for n samples of the mixture its mean is (1 - E k(Y, Y')) / n, the reference.

References:
    A kernel two-sample test (Gretton et al., 2012), https://jmlr.org/papers/v13/gretton12a.html
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.toy import Mixture2D
from latentarium.errors import UserError
from latentarium.shapes import Points
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval

MAX_POINTS = 5000
"""Largest number of points. It limits memory, since the kernels of all pairs are stored."""


@dataclass(frozen=True, kw_only=True)
class DensityDistance:
    """The squared maximum mean discrepancy from a known density."""

    value: float
    interval: Interval
    """A normal approximation, cut off at 0. Its variance has the parts of first and second order,
    since the part of first order vanishes if the distributions are equal."""
    reference: float
    """Mean value for n samples of the density."""
    n: int


def density_distance(points: Points, mixture: Mixture2D) -> DensityDistance:
    """Compare points with the mixture.

    Arguments:
        points: Samples of a model, in the coordinates of the mixture.
        mixture: The known density.

    Raises:
        UserError: There are fewer than 2 or more than 5,000 points ("invalid-count"), or points
            that are not finite ("not-finite").
    """
    n = len(points)
    if not 2 <= n <= MAX_POINTS:
        raise UserError(f"There are {n} points; give 2 to {MAX_POINTS:,}.", code="invalid-count")
    if not bool(points.isfinite().all()):
        raise UserError(
            "Some points are not finite; check the model's weights.", code="not-finite"
        )
    points, means = points.double(), mixture.means.double()
    kernel = _kernel(mixture)
    to_mixture = kernel(_squared_distances(points, means), mixture.std**2).mean(1)
    within_mixture = float(kernel(_squared_distances(means, means), 2 * mixture.std**2).mean())
    pairs = kernel(_squared_distances(points, points), 0.0)
    to_points = pairs.mean(1)
    value = max(0.0, float(to_points.mean() - 2 * to_mixture.mean()) + within_mixture)
    # centred twice, so that the mean square is that of the kernel's fluctuation
    pairs -= to_points
    pairs -= to_points[:, None]
    pairs += to_points.mean()
    second_order = 2 * float(pairs.square().mean()) / n**2
    # by chance, the measured part of first order contains twice the part of second order
    first_order = 4 * float((to_points - to_mixture).var()) / n - 2 * second_order
    variance = max(first_order, 0.0) + second_order
    half = normal_quantile(0.95) * variance**0.5
    return DensityDistance(
        value=value,
        interval=(max(0.0, value - half), value + half),
        reference=(1 - within_mixture) / n,
        n=n,
    )


def _kernel(mixture: Mixture2D) -> Callable[[Tensor, float], Tensor]:
    """Return the expected kernel of a difference of two points.

    It maps squared distances, and the variance per axis of a Gaussian that is added to the
    difference, to the mean of the kernels.
    """
    means = mixture.means.double()
    extent = float((means - means.mean(0)).square().sum(1).mean().sqrt())
    squared = [h**2 for h in (mixture.std, 3 * mixture.std, extent) if h > 0]

    def kernel(distance: Tensor, variance: float) -> Tensor:
        total = torch.zeros_like(distance)
        for h in squared:
            total += (-distance / (2 * (h + variance))).exp_().mul_(h / (h + variance))
        return total / len(squared)

    return kernel


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    # without matrix products, which round away the small distances within a mode
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square_()
