"""What is said of drawn images: the class that a judge sees, how sure it is, and whether they lie
where real images lie (precision: Kynkäänniemi et al., 2019, https://arxiv.org/abs/1904.06991)."""

import threading
from dataclasses import dataclass

from torch import Tensor

from latentarium.data.dataset import Data
from latentarium.metrics.balls import ball_counts
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.metrics.judge import SURE, Judge
from latentarium.metrics.subject import first, scattered
from latentarium.shapes import Features, Hits, Images, Labels, PerSample
from latentarium.studio.once import once

NEIGHBOUR = 3
REAL = 2000
"""Real images with a ball around each, at most."""


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What is said of some images."""

    judged: Labels | None
    """The class that the judge sees; None where no judge knows such images."""
    sure: PerSample | None
    """The probability that it gives to that class."""
    real: Hits
    """Whether a ball around a real image holds it."""


class Critic:
    """Looks at images beside real ones.

    Arguments:
        data: Real images.
        judge: A classifier of such images; None: features come from random convolutions.
    """

    def __init__(self, data: Data, judge: Judge | None) -> None:
        self.data, self.judge = data, judge
        self._lock = threading.RLock()
        self.extractor: Extractor = judge or RandomConvolutions(data.card.image_shape)

    @once
    def _real(self) -> Features:
        return self.extractor.features(scattered(self.data.train, REAL).images)

    @once
    def usual(self) -> float:
        """The share of held-out real images that such a ball holds."""
        held_out = first(self.data.validation, REAL).images
        return float(self._within(self.extractor.features(held_out)).double().mean())

    @once
    def usually_sure(self) -> float | None:
        """The share of held-out real images of whose class the judge is sure."""
        if self.judge is None:
            return None
        sure = self.judge.probabilities(first(self.data.validation, REAL).images).amax(1)
        return float((sure >= SURE).double().mean())

    def __call__(self, images: Images) -> Opinion:
        """Images in [-1, 1], of the shape of the data."""
        with self._lock:
            real = self._within(self.extractor.features(images))
        if self.judge is None:
            return Opinion(judged=None, sure=None, real=real)
        sure, judged = self.judge.probabilities(images).max(1)
        return Opinion(judged=judged, sure=sure, real=real)

    def _within(self, features: Tensor) -> Hits:
        k = min(NEIGHBOUR, len(self._real) - 1)
        return ball_counts(features, self._real, k, edge=True)[0] > 0
