"""Balls around features, from which precision, recall, density and coverage are computed.

The radius of a ball is the distance from its centre to the k-th nearest other point of the same
set. Distances are computed in blocks in float64, so that little memory is needed to compare 50,000
points with 50,000 others.
"""

from dataclasses import dataclass

import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import FeatureSet, OtherFeatureSet, PerOther, PerPoint

MAX_DISTANCES = 1 << 22
"""Distances computed at a time: 32 MiB of float64."""
TIE_TOLERANCE = 1e-9
"""A distance counts as equal to a radius if their relative difference is below this. Otherwise
rounding would decide whether a point on the boundary is inside the ball."""


@dataclass(frozen=True, kw_only=True)
class BallCounts:
    """Which points are inside which balls, as counts."""

    balls_per_point: PerPoint
    """For each point, the number of balls that contain it."""
    points_per_ball: PerOther
    """For each ball, the number of points in it."""
    own_points: PerOther
    """For each ball, the number of points that no other ball contains."""
    own_balls: PerPoint
    """For each point, the number of balls that contain no other point."""


def ball_counts(
    points: FeatureSet,
    centres: OtherFeatureSet,
    k: int,
    *,
    closed: bool,
    max_distances: int = MAX_DISTANCES,
) -> BallCounts:
    """Count the balls that contain each point, and the points that each ball contains.

    Arguments:
        points: The points to look for in the balls.
        centres: The centres of the balls. A ball reaches to the k-th nearest other centre.
        k: At least 1, and less than the number of centres.
        closed: Whether a point on the boundary is inside the ball.
        max_distances: Distances computed at a time. It limits memory and does not change the
            result.

    Raises:
        UserError: k is out of range ("invalid-k").
    """
    if not 1 <= k < len(centres):
        raise UserError(
            f"k is {k}; with {len(centres)} images it must be from 1 to {len(centres) - 1}.",
            code="invalid-k",
        )
    origin = centres.mean(0, dtype=torch.float64)  # centred values round less
    points, centres = points.double() - origin, centres.double() - origin
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(centres.numpy())
    # kneighbors() without arguments leaves out each point itself
    squared_radius = torch.from_numpy(search.kneighbors()[0][:, -1]).square()
    point_norm, centre_norm = points.square().sum(1), centres.square().sum(1)
    largest_norm = float(torch.cat([point_norm, centre_norm]).max())
    slack = TIE_TOLERANCE * squared_radius + 1e-14 * largest_norm
    # |p - c|^2 <= r^2  <=>  |p|^2 - 2 p.c <= r^2 - |c|^2
    limit = squared_radius - centre_norm + (slack if closed else -slack)
    of_centres = _ones_and_numbers(0, len(centres))
    per_point = torch.zeros(len(points), 2, dtype=torch.float64)
    per_ball = torch.zeros(2, len(centres), dtype=torch.float64)
    rows = max(1, max_distances // len(centres))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        left_side = torch.addmm(point_norm[part, None], points[part], centres.T, alpha=-2)
        inside = left_side.le_(limit) if closed else left_side.lt_(limit)
        per_point[part] = inside @ of_centres
        per_ball += _ones_and_numbers(start, len(inside)).T @ inside
    balls_per_point, points_per_ball = per_point[:, 0], per_ball[0]
    # a sum of one number is the number itself
    only_ball = per_point[balls_per_point == 1, 1].long()
    only_point = per_ball[1, points_per_ball == 1].long()
    return BallCounts(
        balls_per_point=balls_per_point,
        points_per_ball=points_per_ball,
        own_points=only_ball.bincount(minlength=len(centres)).double(),
        own_balls=only_point.bincount(minlength=len(points)).double(),
    )


def _ones_and_numbers(first: int, count: int) -> Tensor:
    """Return the columns (1, ..., 1) and (first, first + 1, ...)."""
    numbers = torch.arange(first, first + count, dtype=torch.float64)
    return torch.stack([torch.ones_like(numbers), numbers], 1)


def require_comparable(a: Tensor, b: Tensor) -> None:
    """Check that two sets of features can be compared.

    Raises:
        UserError: Different numbers of features ("feature-mismatch"), or values that are not
            finite ("not-finite").
    """
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f"The sets have {a.shape[1]} and {b.shape[1]} features; use the same extractor for "
            "both.",
            code="feature-mismatch",
        )
    require_finite(a)
    require_finite(b)


def require_finite(features: Tensor) -> None:
    """Check that features are finite.

    Raises:
        UserError: Some features are not finite ("not-finite").
    """
    if not bool(features.isfinite().all()):
        raise UserError(
            "Some features are not finite; check the images that they were computed from.",
            code="not-finite",
        )
