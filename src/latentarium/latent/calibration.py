"""How far to trust an image: one judgement, for every part of the studio.

An image is looked at by whichever measures are known of it; of each, more is more unusual:

    distance     from its latent to the data, in units of z
    round_trip   |E(D(z)) - z|
    doubt        entropy of the judge's opinion of it, in nats
    strange      distance of its features to those of real images, where nothing encodes
    error        of a reconstruction, from the real image

Its rarity by a measure is the share of held-out images that are less unusual. The worst measure
counts; but who looks at several is alarmed more often, so the worst rarity is itself held against
the worst one of each held-out image. Its level is the share of those that are as far out by any
measure: of held-out images themselves, whatever is measured, 1 % lie off the data.

References:
    Resampling-based multiple testing (Westfall and Young, 1993): the minP adjustment
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.latent.gaps import percentile_among
from latentarium.shapes import ClassScores, LabelSet, PerPoint
from latentarium.stats.intervals import wilson
from latentarium.studio.protocol import SCORE_COLUMNS

MEASURES = ("distance", "round_trip", "doubt", "strange", "error")
HELD_OUT = 2000
"""Images that say what is usual, at most."""
EDGE, OFF = 0.1, 0.01
"""Below these levels an image is at the edge of the data, and off them."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What is measured of some images."""

    values: Mapping[str, PerPoint]
    """By name of the measure."""
    nearest: LabelSet
    """Number of the nearest training image."""
    probabilities: ClassScores | None
    """What the judge says; None where none knows such images."""


class Usual:
    """What is usual: the same of held-out images.

    Arguments:
        looks: Of them.
    """

    def __init__(self, looks: Looks) -> None:
        self.values, self.probabilities = looks.values, looks.probabilities
        rarities = self.rarities(looks.values)
        self._worst = worst(rarities)
        self.levels = self.level(rarities)
        """Of the held-out images themselves."""

    def rarities(self, values: Mapping[str, PerPoint]) -> dict[str, PerPoint]:
        """The share of held-out images that are less unusual, by each measure."""
        return {name: percentile_among(one, self.values[name]) for name, one in values.items()}

    def level(self, rarities: Mapping[str, PerPoint]) -> PerPoint:
        """The share of held-out images that are as far out, by any measure."""
        return 1 - percentile_among(worst(rarities), self._worst)

    def trust(self, looks: Looks) -> np.ndarray:
        """All of it as the columns of `SCORE_COLUMNS`, float32; nan where a measure is unknown."""
        rarities = self.rarities(looks.values)
        columns = {"level": self.level(rarities), "nearest": looks.nearest, **looks.values}
        columns |= {f"{name}_rarity": one for name, one in rarities.items()}
        unknown = torch.full((len(looks.nearest),), torch.nan)
        found = [columns.get(name, unknown).double() for name in SCORE_COLUMNS]
        return torch.stack(found, 1).float().numpy()


def worst(rarities: Mapping[str, PerPoint]) -> PerPoint:
    """The largest of several rarities."""
    return torch.stack(list(rarities.values())).amax(0)


def off(levels: PerPoint) -> dict[str, float]:
    """How many images are off the data: see `share`."""
    return share(levels < OFF)


def levels_of(trust: np.ndarray) -> PerPoint:
    """The column of the levels."""
    return torch.from_numpy(trust[:, SCORE_COLUMNS.index("level")])


def share(hits: torch.Tensor) -> dict[str, float]:
    """Of hits among all, with its 95 % interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return {"share": float(hits.double().mean()), "low": low, "high": high}
