"""Calibrate scores of images on held-out images.

A rarity is the share of held-out images that a measure scores as less unusual. An image is as
unusual as its most extreme rarity; since the maximum of several rarities is large more often than
each of them, that maximum is itself compared with the maxima of the held-out images (minP). The
resulting level is the share of held-out images that are at least as unusual: whatever measures are
known, 1 % of held-out images have a level below 0.01.

References:
    Resampling-based multiple testing (Westfall and Young, 1993): the minP adjustment
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from latentarium.latent.gaps import percentile_among
from latentarium.shapes import ClassScores, LabelSet, PerPoint, Pixels
from latentarium.stats.intervals import wilson

MEASURES = ("distance", "round_trip", "doubt", "strange", "error")
"""More is more unusual:

    distance     from the latent to its 5th nearest training latent, in units of z
    round_trip   |E(D(z)) - z|
    doubt        entropy of the classifier's probabilities, in nats
    strange      distance of the image's features to those of real images, without an encoder
    error        of a reconstruction, mean squared, against the real image
"""
SCORE_COLUMNS = (
    "level", "nearest", "distance", "round_trip", "distance_rarity", "round_trip_rarity",
    "doubt_rarity", "strange_rarity", "error_rarity",
)  # fmt: skip
"""Columns of `Calibration.table`: the level; the number of the nearest training image; two
measures in their own units; the rarity by each measure. Unknown values are nan."""
MAX_HELD_OUT = 2000
"""Most held-out images that a calibration uses."""
EDGE_LEVEL, OFF_LEVEL = 0.1, 0.01
"""An image below the first level is at the edge of the data, below the second it is off the
data."""


@runtime_checkable
class ImageClassifier(Protocol):
    """A classifier of images, such as the evaluation classifier."""

    def probabilities(self, images: Pixels) -> ClassScores:
        """Return the probability of each class."""
        ...


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of some images by each known measure."""

    values: Mapping[str, PerPoint]
    """Values by the name of the measure."""
    nearest: LabelSet
    """Number of the nearest training image."""
    probabilities: ClassScores | None
    """Probabilities of the classes; None without a classifier of such images."""


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share with its 95 % Wilson interval."""

    share: float
    low: float
    high: float


class Calibration:
    """Turns scores into rarities and levels.

    Arguments:
        scores: The scores of held-out images.
    """

    def __init__(self, scores: Scores) -> None:
        self.values: Mapping[str, PerPoint] = scores.values
        self.probabilities: ClassScores | None = scores.probabilities
        rarities = self.rarities(scores.values)
        self._max_rarities = max_rarity(rarities)
        self.levels: PerPoint = self.level(rarities)
        """The levels of the held-out images themselves."""

    def rarities(self, values: Mapping[str, PerPoint]) -> dict[str, PerPoint]:
        """Return the share of held-out images that are less unusual, by each measure."""
        return {name: percentile_among(value, self.values[name]) for name, value in values.items()}

    def level(self, rarities: Mapping[str, PerPoint]) -> PerPoint:
        """Return the share of held-out images that are at least as unusual by any measure."""
        return 1 - percentile_among(max_rarity(rarities), self._max_rarities)

    def table(self, scores: Scores) -> np.ndarray:
        """Return scores, rarities and levels as float32 (n, `SCORE_COLUMNS`); nan where a measure
        is unknown."""
        rarities = self.rarities(scores.values)
        columns = {"level": self.level(rarities), "nearest": scores.nearest, **scores.values}
        columns |= {f"{name}_rarity": rarity for name, rarity in rarities.items()}
        unknown = torch.full((len(scores.nearest),), torch.nan)
        ordered = [columns.get(name, unknown).double() for name in SCORE_COLUMNS]
        return torch.stack(ordered, 1).float().numpy()


def max_rarity(rarities: Mapping[str, PerPoint]) -> PerPoint:
    """Return the largest rarity of each image."""
    return torch.stack(list(rarities.values())).amax(0)


def levels_of(table: np.ndarray) -> PerPoint:
    """Return the levels in a table of scores."""
    return torch.from_numpy(table[:, SCORE_COLUMNS.index("level")])


def share_off_data(levels: PerPoint) -> Proportion:
    """Return the share of images that are off the data."""
    return proportion(levels < OFF_LEVEL)


def proportion(hits: torch.Tensor) -> Proportion:
    """Return the share of hits, a boolean tensor (N,)."""
    low, high = wilson(int(hits.sum()), len(hits))
    return Proportion(share=float(hits.double().mean()), low=low, high=high)
