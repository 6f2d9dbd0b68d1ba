"""Figures and selections that several claims share."""

import numpy as np
from torch import Tensor

from latentarium import charts
from latentarium.latent.gaps import Bin

COLUMNS = 10
"""Images in a row of an image grid."""
MIN_BIN_SIZE = 20
"""Latents that a bin must contain to be shown."""
MAX_SHOWN_DISTANCE = 3.0


def realism_chart(curves: dict[str, tuple[Bin, ...]]) -> str:
    """Return a chart of the share of realistic images by the distance to the data.

    Arguments:
        curves: The bins of each system, by its name.
    """
    lines = []
    for name, curve in curves.items():
        bins = [b for b in curve if b.n >= MIN_BIN_SIZE]
        lines.append(
            (
                name.upper(),
                charts.SYSTEM_COLOURS[name],
                [min(b.distance, MAX_SHOWN_DISTANCE) for b in bins],
                [100 * b.quality for b in bins],
                [(100 * b.interval[0], 100 * b.interval[1]) for b in bins],
            )
        )
    return charts.line_chart(lines, "distance to the data", "% realistic", y_from_zero=True)


def first_of_each_class(labels: Tensor, num_classes: int) -> list[int]:
    """Return the index of the first image of each class."""
    return [int((labels == c).nonzero()[0]) for c in range(num_classes)]


def zeros_to_nan(table: np.ndarray) -> np.ndarray:
    """Return a table whose zeros are NaN, so that a heat map leaves them empty."""
    return np.where(table == 0, np.nan, table)
