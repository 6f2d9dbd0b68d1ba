"""Balls around features: the ground that precision, recall, density and coverage stand on.

A ball reaches from its centre to the centre's k-th nearest neighbour in its own set. Distances are
computed block by block in float64, so 50,000 points against 50,000 need little memory.
"""

import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import FeatureSet, OtherFeatureSet, PerOther, PerPoint

BLOCK = 1 << 22
"""Distances held at once: 32 MiB of float64."""
TIE = 1e-9
"""Distances equal to a radius within this share of it are ties, so that `<` and `<=` mean what
they say in spite of rounding."""


def ball_counts(
    points: FeatureSet, centres: OtherFeatureSet, k: int, *, edge: bool
) -> tuple[PerPoint, PerOther]:
    """Counts, for each point, the balls that hold it, and for each ball the points within it.

    Arguments:
        points: What may lie within a ball.
        centres: One ball around each, which reaches to its k-th nearest other centre.
        k: At least 1, below the number of centres.
        edge: True: the edge belongs to the ball.
    """
    if not 1 <= k < len(centres):
        raise UserError(
            f"k is {k}, and {len(centres)} images have {len(centres) - 1} neighbours each: give "
            f"a k from 1 to {len(centres) - 1}."
        )
    middle = centres.mean(0, dtype=torch.float64)  # smaller numbers round less
    points, centres = points.double() - middle, centres.double() - middle
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(centres.numpy())
    reach = torch.from_numpy(search.kneighbors()[0][:, -1]).square()  # without the centre itself
    point_norm, centre_norm = points.square().sum(1), centres.square().sum(1)
    slack = TIE * reach + 1e-14 * float(torch.cat([point_norm, centre_norm]).max())
    # |p - c|^2 <= reach  <=>  |p|^2 - 2 p.c <= reach - |c|^2
    limit = reach - centre_norm + (slack if edge else -slack)
    around = torch.zeros(len(points), dtype=torch.float64)
    within = torch.zeros(len(centres), dtype=torch.float64)
    rows = max(1, BLOCK // len(centres))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        height = torch.addmm(point_norm[part, None], points[part], centres.T, alpha=-2)
        inside = height <= limit if edge else height < limit
        around[part] = inside.sum(1).double()
        within += inside.sum(0)
    return around, within


def require_comparable(a: Tensor, b: Tensor) -> None:
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f"Features of {a.shape[1]} and {b.shape[1]} dimensions don't compare: use one "
            "extractor for both sets."
        )
    require_finite(a)
    require_finite(b)


def require_finite(features: Tensor) -> None:
    if not bool(features.isfinite().all()):
        raise UserError("Some features are not finite: look at the images that they came from.")
