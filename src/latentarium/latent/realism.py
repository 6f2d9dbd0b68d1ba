"""Score images by their distance to training images, for models without an encoder."""

import threading
from weakref import WeakValueDictionary

import torch
from sklearn.neighbors import NearestNeighbors

from latentarium.cached import cached
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data
from latentarium.data.subsets import first
from latentarium.latent.calibration import MAX_HELD_OUT, Calibration, ImageClassifier, Scores
from latentarium.latent.encoded import K_NEAREST
from latentarium.latent.gaps import classifier_entropy
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.shapes import LabelSet, PerPoint, Pixels


class RealismScorer:
    """Measures the distance of images to training images in a feature space.

    Arguments:
        data: The data that the model was trained on.
        classifier: A classifier of such images. If it is an `Extractor`, it extracts the features,
            otherwise random convolutions extract them.
        max_real: Maximum number of training images to compare with.
    """

    def __init__(
        self, data: Data, classifier: ImageClassifier | None, max_real: int = 5000
    ) -> None:
        self._classifier = classifier
        self._held_out = first(data.validation, MAX_HELD_OUT).images
        self._lock = threading.RLock()
        self.extractor: Extractor = (
            classifier
            if isinstance(classifier, Extractor)
            else RandomConvolutions(data.card.image_shape)
        )
        self._numbers = torch.from_numpy(fixed_permutation(len(data.train))[:max_real])
        features = self.extractor.features(data.train.images[self._numbers])
        k = min(K_NEAREST, len(features))
        self._index = NearestNeighbors(n_neighbors=k).fit(features.double().numpy())

    @cached
    def calibration(self) -> Calibration:
        """The calibration on held-out images."""
        return Calibration(self.score(self._held_out))

    def score(self, images: Pixels) -> Scores:
        """Score images."""
        distance, nearest = self.distance(images)
        values, probabilities = {"strange": distance}, None
        if self._classifier is not None:
            probabilities = self._classifier.probabilities(images)
            values["doubt"] = classifier_entropy(probabilities)
        return Scores(values=values, nearest=nearest, probabilities=probabilities)

    def distance(self, images: Pixels) -> tuple[PerPoint, LabelSet]:
        """Return the distance of each image's features to those of its 5th nearest training image,
        and the number of the nearest training image."""
        features = self.extractor.features(images).double().numpy()
        distance, index = self._index.kneighbors(features)
        nearest = self._numbers[torch.from_numpy(index[:, 0])]
        return torch.from_numpy(distance[:, -1]).contiguous(), nearest


_scorers: "WeakValueDictionary[tuple[str, int], RealismScorer]" = WeakValueDictionary()


def realism_scorer(data: Data, classifier: ImageClassifier | None) -> RealismScorer:
    """Return the scorer of these images and this classifier, shared by all models that use it."""
    key = (data.card.fingerprint, id(classifier))  # a cached scorer keeps its classifier
    scorer = _scorers.get(key)
    if scorer is None:
        scorer = _scorers[key] = RealismScorer(data, classifier)
    return scorer
