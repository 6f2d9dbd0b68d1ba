"""Calibrate scores of images on held-out images.

Each measure gives an image a rarity: the share of held-out images that are less unusual by this
measure. The measures of an image (corruption, texture, strange, doubt) are combined: each is
standardized by the median and the 95th percentile of the held-out images, and the weighted sum has
a rarity too. The largest of this rarity and those of the measures of a latent (distance, round
trip, error) counts. The largest of several rarities is often high by chance, so it is compared
with the largest rarity of each held-out image (minP). The result is the level of the image: the
share of held-out images that are at least as unusual. Whatever the number of measures, 1 % of the
held-out images have a level below 0.01.

The measures of an image are compared with those of real held-out images, also for a model whose
images are all blurred. The measures of a latent are compared with those of the latents of the same
held-out images.

References:
    Resampling-based multiple testing (Westfall and Young, 1993): the minP adjustment
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from latentarium.latent.gaps import percentile_in_sorted
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
    corruption   standardized log odds of two discriminators that tell corrupted images from real
                 ones
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
IMAGE_WEIGHTS = {"corruption": 3.0, "texture": 1.0, "strange": 0.5, "doubt": 0.5}
"""Weights of the measures of an image in their sum."""
MAX_UNITS = 10.0
"""Standardized measures are clipped to at most this, and at least to 0, the median: no measure can
make up for what another one finds."""
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
            with the sharp and the softened images together.
        can_tell: Whether the measures tell real images from corrupted ones. If not, the level of
            an image that is not unusual is unknown.
    """

    def __init__(
        self, scores: Scores, *, softened: Scores | None = None, can_tell: bool = True
    ) -> None:
        self.can_tell = can_tell
        self.values: Mapping[str, PerPoint] = scores.values
        self.probabilities: ClassScores | None = scores.probabilities
        self._standardize: Mapping[str, Standardizer] = {
            name: Standardizer(scores.values[name]) for name in IMAGE_WEIGHTS
            if name in scores.values
        }  # fmt: skip
        reference = dict(scores.values)
        if softened is not None:
            other = softened.values
            reference = {
                name: torch.cat([value, other[name]]) for name, value in reference.items()
            }
        reference = self._with_sum(reference)
        self._reference = {name: value.double().sort().values for name, value in reference.items()}
        self._max_rarities = self._max_rarity(self.rarities(reference)).sort().values
        self.levels: PerPoint = self.level(scores.values)
        """The levels of the held-out images themselves."""

    def rarities(self, values: Mapping[str, PerPoint]) -> dict[str, PerPoint]:
        """Return rarities by each measure: shares of held-out images that are less unusual."""
        return {
            name: percentile_in_sorted(value, self._reference[name])
            for name, value in values.items()
        }

    def level(self, values: Mapping[str, PerPoint]) -> PerPoint:
        """Return levels: shares of held-out images that are at least as unusual."""
        return self._level(self.rarities(self._with_sum(values)))

    def _level(self, rarities: Mapping[str, PerPoint]) -> PerPoint:
        return 1 - percentile_in_sorted(self._max_rarity(rarities), self._max_rarities)

    def _with_sum(self, values: Mapping[str, PerPoint]) -> dict[str, PerPoint]:
        """Return the values, with those of an image and their weighted sum."""
        parts = [
            IMAGE_WEIGHTS[name] * self._standardize[name](values[name])
            for name in IMAGE_WEIGHTS
            if name in values
        ]
        return {**values, **({"": torch.stack(parts).sum(0)} if parts else {})}

    def _max_rarity(self, rarities: Mapping[str, PerPoint]) -> PerPoint:
        """Return the largest rarity of each image: by the sum, and by each measure of a latent."""
        chosen = [rarity for name, rarity in rarities.items() if name not in IMAGE_WEIGHTS]
        return torch.stack(chosen).amax(0)

    def judge(self, scores: Scores) -> PerPoint:
        """Return the levels of images, with 0 for reconstructions in which the classifier reads
        another class than in the original, or none, and nan for unknown levels."""
        return self._judge(scores, self.level(scores.values))

    def _judge(self, scores: Scores, levels: PerPoint) -> PerPoint:
        if scores.read is not None and scores.original is not None:
            levels[(scores.original >= 0) & (scores.read != scores.original)] = 0
        if not self.can_tell:
            levels[levels >= OFF_LEVEL] = torch.nan
        return levels

    def table(self, scores: Scores) -> np.ndarray:
        """Return scores, rarities and levels as float32 (n, `SCORE_COLUMNS`), with nan for
        unavailable measures."""
        rarities = self.rarities(self._with_sum(scores.values))
        columns = {
            "level": self._judge(scores, self._level(rarities)),
            "nearest": scores.nearest,
            **scores.values,
        }
        columns |= {f"{name}_rarity": rarities[name] for name in scores.values}
        classes = {"read": scores.read, "original": scores.original}
        columns |= {name: labels for name, labels in classes.items() if labels is not None}
        unknown = torch.full((len(scores.nearest),), torch.nan)
        ordered = [columns.get(name, unknown).double() for name in SCORE_COLUMNS]
        return torch.stack(ordered, 1).float().numpy()


class Standardizer:
    """Maps the median of some values to 0, their 95th percentile to 1, and clips the result.

    Arguments:
        values: The values.
    """

    def __init__(self, values: PerPoint) -> None:
        self._median = values.quantile(0.5)
        self._unit = (values.quantile(0.95) - self._median).clamp_min(
            1e-6 * float(self._median.abs()) + 1e-12
        )

    def __call__(self, values: PerPoint) -> PerPoint:
        """Return standardized values between 0 and `MAX_UNITS`."""
        return ((values - self._median) / self._unit).clamp(0, MAX_UNITS)


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
