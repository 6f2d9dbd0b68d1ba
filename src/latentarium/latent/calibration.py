"""Calibrate scores of images on held-out images.

Each measure gives an image a rarity: the share of held-out images that are less unusual by this
measure. The largest rarity of an image counts. The largest of several rarities is often high by
chance, so it is compared with the largest rarity of each held-out image (minP). The result is the
level of the image: the share of held-out images that are at least as unusual. Whatever the number
of measures, 1 % of the held-out images have a level below 0.01.

The measures of an image (doubt, strange, texture, corruption) are compared with those of real
held-out images, also for a model whose images are all blurred. The measures of a latent (distance,
round trip, error) are compared with those of the latents of the same held-out images.

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

MEASURES = ("distance", "round_trip", "doubt", "strange", "texture", "corruption", "error")
"""Measures of an image; larger values are more unusual:

    distance     from the latent to its 5th nearest training latent, in units of z
    round_trip   |E(D(z)) - z|
    doubt        entropy of the classifier's probabilities, in nats
    strange      distance of the image's features to those of its 5th nearest training image
    texture      distance of the statistics of its texture to those of its 5th nearest training
                 image
    corruption   log odds of a discriminator that tells corrupted images from real ones
    error        mean squared error of a reconstruction
"""
SCORE_COLUMNS = (
    "level", "nearest", "distance", "round_trip", "distance_rarity", "round_trip_rarity",
    "doubt_rarity", "strange_rarity", "texture_rarity", "corruption_rarity", "error_rarity",
    "read", "original",
)  # fmt: skip
"""Columns of `Calibration.table`: the level; the number of the nearest training image; the values
of `distance` and `round_trip`; the rarity by each measure; the class that the classifier reads in
the image and, for reconstructions, in the original, -1 if it reads none. Unknown values are
nan."""
MAX_HELD_OUT = 2000
"""Maximum number of held-out images that a calibration uses."""
EDGE_LEVEL, OFF_LEVEL = 0.1, 0.01
"""An image is borderline if its level is below `EDGE_LEVEL`, and unusual if its level is below
`OFF_LEVEL`."""
READABLE = 0.5
"""The classifier reads a class if its probability is at least this."""


@runtime_checkable
class ImageClassifier(Protocol):
    """A classifier of images, such as the evaluation classifier."""

    def probabilities(self, images: Pixels) -> ClassScores:
        """Return the probability of each class."""
        ...


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of a set of images by each available measure."""

    values: Mapping[str, PerPoint]
    """Values by name of the measure."""
    nearest: LabelSet
    """The number of each image's nearest training image."""
    probabilities: ClassScores | None
    """Probabilities of the classes; None without a classifier."""
    original: LabelSet | None = None
    """The class that the classifier reads in the original of each reconstruction, -1 for none;
    None without a classifier or originals."""

    @property
    def read(self) -> LabelSet | None:
        """The class that the classifier reads in each image, -1 for none."""
        return None if self.probabilities is None else read_class(self.probabilities)


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
        softened: The scores of the same images after a mild blur, or None. An image is compared
            with the sharp or with the softened images, whichever it is more like.
        can_tell: Whether the measures tell real images from corrupted ones. If not, the level of
            an image that is not unusual is unknown.
    """

    def __init__(
        self, scores: Scores, *, softened: Scores | None = None, can_tell: bool = True
    ) -> None:
        self.can_tell = can_tell
        self._softened = None if softened is None else Calibration(softened)
        self.values: Mapping[str, PerPoint] = scores.values
        self.probabilities: ClassScores | None = scores.probabilities
        rarities = self.rarities(scores.values)
        self._max_rarities = max_rarity(rarities)
        self.levels: PerPoint = self.compare(scores.values)[1]
        """The levels of the held-out images themselves."""

    def rarities(self, values: Mapping[str, PerPoint]) -> dict[str, PerPoint]:
        """Return rarities by each measure: shares of held-out images that are less unusual."""
        return {name: percentile_among(value, self.values[name]) for name, value in values.items()}

    def level(self, rarities: Mapping[str, PerPoint]) -> PerPoint:
        """Return levels: shares of held-out images whose largest rarity is at least as large."""
        return 1 - percentile_among(max_rarity(rarities), self._max_rarities)

    def compare(self, values: Mapping[str, PerPoint]) -> tuple[dict[str, PerPoint], PerPoint]:
        """Return rarities and levels among the held-out images, or among the softened ones where
        these levels are larger."""
        rarities = self.rarities(values)
        levels = self.level(rarities)
        if self._softened is None:
            return rarities, levels
        other, other_levels = self._softened.compare(values)
        softer = other_levels > levels
        rarities = {name: other[name].where(softer, rarity) for name, rarity in rarities.items()}
        return rarities, other_levels.where(softer, levels)

    def judge(self, scores: Scores) -> PerPoint:
        """Return the levels of images, with 0 for reconstructions in which the classifier reads
        another class than in the original, or none, and nan for unknown levels."""
        return self._judge(scores, self.compare(scores.values)[1])

    def _judge(self, scores: Scores, levels: PerPoint) -> PerPoint:
        if scores.read is not None and scores.original is not None:
            levels[(scores.original >= 0) & (scores.read != scores.original)] = 0
        if not self.can_tell:
            levels[levels >= OFF_LEVEL] = torch.nan
        return levels

    def table(self, scores: Scores) -> np.ndarray:
        """Return scores, rarities and levels as float32 (n, `SCORE_COLUMNS`), with nan for
        unavailable measures."""
        rarities, levels = self.compare(scores.values)
        columns = {
            "level": self._judge(scores, levels),
            "nearest": scores.nearest,
            **scores.values,
        }
        columns |= {f"{name}_rarity": rarity for name, rarity in rarities.items()}
        classes = {"read": scores.read, "original": scores.original}
        columns |= {name: labels for name, labels in classes.items() if labels is not None}
        unknown = torch.full((len(scores.nearest),), torch.nan)
        ordered = [columns.get(name, unknown).double() for name in SCORE_COLUMNS]
        return torch.stack(ordered, 1).float().numpy()


def max_rarity(rarities: Mapping[str, PerPoint]) -> PerPoint:
    """Return the largest rarity of each image."""
    return torch.stack(list(rarities.values())).amax(0)


def levels_of(table: np.ndarray) -> PerPoint:
    """Return the levels in a table of scores."""
    return torch.from_numpy(table[:, SCORE_COLUMNS.index("level")])


def read_class(probabilities: ClassScores) -> LabelSet:
    """Return the most probable class of each image, -1 if its probability is below `READABLE`."""
    top = probabilities.max(1)
    return top.indices.where(top.values >= READABLE, -1)


def share_off_data(levels: PerPoint) -> Proportion:
    """Return the share of unusual images, those with a level below `OFF_LEVEL`, among the images
    whose level is known."""
    return proportion(levels[~levels.isnan()] < OFF_LEVEL)


def proportion(hits: torch.Tensor) -> Proportion:
    """Return the share of True in a boolean tensor (N,), with its interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return Proportion(share=float(hits.double().mean()), low=low, high=high)
