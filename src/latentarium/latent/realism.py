"""How like real images an image is: what can be measured where no encoder says where it lies."""

import threading
from weakref import WeakValueDictionary

import torch
from sklearn.neighbors import NearestNeighbors

from latentarium.cached import once
from latentarium.classifier.classifier import Classifier
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data
from latentarium.data.subsets import first
from latentarium.latent.calibration import HELD_OUT, Looks, Usual
from latentarium.latent.gaps import judge_entropy
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.shapes import LabelSet, PerPoint, Pixels

REAL = 5000
"""Training images among which the nearest are looked for, at most."""
NEIGHBOUR = 5


class Likeness:
    """Images beside real ones, by features.

    Arguments:
        data: Real images.
        judge: A classifier of such images, which gives the features; None: random convolutions.
    """

    def __init__(self, data: Data, judge: Classifier | None) -> None:
        self._judge, self._held_out = judge, first(data.validation, HELD_OUT).images
        self._lock = threading.RLock()
        self.extractor: Extractor = judge or RandomConvolutions(data.card.image_shape)
        self._numbers = torch.from_numpy(fixed_permutation(len(data.train))[:REAL])
        features = self.extractor.features(data.train.images[self._numbers])
        k = min(NEIGHBOUR, len(features))
        self._index = NearestNeighbors(n_neighbors=k).fit(features.double().numpy())

    @once
    def usual(self) -> Usual:
        """What is usual: of held-out images, as they are."""
        return Usual(self.look(self._held_out))

    def look(self, images: Pixels) -> Looks:
        """What is measured of images."""
        distance, nearest = self(images)
        values, probabilities = {"strange": distance}, None
        if self._judge is not None:
            probabilities = self._judge.probabilities(images)
            values["doubt"] = judge_entropy(probabilities)
        return Looks(values=values, nearest=nearest, probabilities=probabilities)

    def __call__(self, images: Pixels) -> tuple[PerPoint, LabelSet]:
        """The distance of each image's features to those of the 5th nearest real image, and the
        number of the nearest."""
        features = self.extractor.features(images).double().numpy()
        distance, index = self._index.kneighbors(features)
        nearest = self._numbers[torch.from_numpy(index[:, 0])]
        return torch.from_numpy(distance[:, -1]).contiguous(), nearest


_known: "WeakValueDictionary[tuple[str, int], Likeness]" = WeakValueDictionary()


def likeness_of(data: Data, judge: Classifier | None) -> Likeness:
    """Made once for all models of the same images and judge, as long as one of them lives."""
    key = (data.card.fingerprint, id(judge))  # whoever is in there keeps its judge alive
    found = _known.get(key)
    if found is None:
        found = _known[key] = Likeness(data, judge)
    return found
