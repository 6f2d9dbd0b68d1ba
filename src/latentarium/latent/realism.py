"""Score images by their similarity to real images, for all models.

    strange      distance of the image's features to those of its 5th nearest training image
    texture      the same distance between statistics of textures, in whitened coordinates
    corruption   log odds that the image is corrupted, by two discriminators that learned to tell
                 corrupted training images from real ones: a convolutional network by the pixels,
                 if there are enough images, and a small network by statistics and features. Each
                 is standardized by the held-out images; for images without colours, the first has
                 twice the weight.
    doubt        entropy of the classifier's probabilities

Training images enter `texture` and `corruption` sharp and mildly blurred, and an image is compared
with sharp and mildly blurred held-out images. An image that is only a little softer than real ones
is therefore not flagged.

The scores are useless if they are the same for real and for corrupted images, for instance because
a classifier is not trained or because the real images are noise. Corrupted held-out images reveal
this: unless most of them are flagged, no image can be called like real ones.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from latentarium.cached import cached
from latentarium.classifier.classifier import Classifier, as_pixels
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data, Split
from latentarium.data.subsets import first
from latentarium.latent.calibration import (
    MAX_HELD_OUT,
    OFF_LEVEL,
    Calibration,
    ImageClassifier,
    Scores,
    Standardizer,
)
from latentarium.latent.colour_statistics import colour_statistics
from latentarium.latent.corruption_lookup import corruption_network
from latentarium.latent.corruption_network import MIN_COLOUR_CHANNELS, CorruptionNetwork
from latentarium.latent.corruptions import corrupt, soften
from latentarium.latent.discriminator import Discriminator, WhitenedDistance
from latentarium.latent.encoded import K_NEAREST
from latentarium.latent.gaps import classifier_entropy
from latentarium.latent.neighbours import NeighbourSearch
from latentarium.latent.texture import MIN_SIDE, texture_statistics
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.progress import StepProgress
from latentarium.shapes import Features, LabelSet, OtherFeatures, PerPoint, Pixels
from latentarium.stats.intervals import wilson

MIN_CONTROLS_FLAGGED = 0.8
"""Share of corrupted held-out images that must be flagged, or else nothing is called real."""
MAX_LEARNED, MAX_CONTROLS = 2500, 500
"""Maximum number of training images from which the measures of textures and corruptions learn, and
of corrupted held-out images that test them."""
MIN_DOUBT = 1e-6
"""Added to the doubt before its logarithm, in nats."""
NETWORK_WEIGHT, COLOUR_NETWORK_WEIGHT = 2.0, 1.0
"""Weights of the convolutional network, without and with colours, of which there are more
statistics. The weight of the discriminator of statistics is 1."""
MAX_PERMUTED = 1250
"""Maximum number of training images with colours that the discriminator of statistics sees again
with permuted channels, since other hues make an image no less real."""
COLOUR_NETWORKS, COLOUR_DROPOUT = 3, 0.3
"""Networks of the discriminator of statistics, and its dropout, for images with colours."""
SEED, CONTROL_SEED, OTHER_SEED = 0, 1, 2
"""Seeds of the corruptions from which the discriminator learns, of those that test it, and of the
corruptions and permutations of images with permuted channels."""


class RealismScorer:
    """Measures how similar images are to training images.

    Arguments:
        data: The data that the model was trained on.
        classifier: A classifier of such images. If it is an `Extractor`, it extracts the features,
            otherwise random convolutions extract them.
        max_real: Maximum number of training images to compare with.
        progress: Reports the training of the convolutional network, if it must be trained.
    """

    def __init__(
        self,
        data: Data,
        classifier: ImageClassifier | None,
        max_real: int = 5000,
        *,
        progress: StepProgress | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self.held_out: Split = first(data.validation, MAX_HELD_OUT)
        """The held-out images that calibrate the scores."""
        self._numbers = torch.from_numpy(fixed_permutation(len(data.train))[:max_real])
        real = data.train.images[self._numbers]
        self._convolutions = RandomConvolutions(data.card.image_shape)
        self._given_classifier = classifier
        self._networks_work = classifier is None or _works(classifier, self.held_out)
        self.classifier: ImageClassifier | None = classifier if self._networks_work else None
        """The classifier; None if there is none or it fails."""
        self.extractor: Extractor = (
            self.classifier if isinstance(self.classifier, Extractor) else self._convolutions
        )
        features = self.extractor.features(real)
        k = min(K_NEAREST, len(features))
        self._k = k
        self._search = NeighbourSearch(features.double().numpy())
        self._texture: WhitenedDistance | None = None
        if min(data.card.image_shape[1:]) >= MIN_SIDE:
            real = real[:MAX_LEARNED]
            texture, statistics = self._statistics(real)
            soft_texture, soft_statistics = self._statistics(soften(real, SEED))
            self._network: CorruptionNetwork | None = corruption_network(data, progress=progress)
            self._texture = WhitenedDistance(torch.cat([texture, soft_texture]), k)
            good, bad = [statistics, soft_statistics], [corrupt(real, SEED)]
            options: dict[str, Any] = {}
            if real.shape[1] >= MIN_COLOUR_CHANNELS:
                other = _permute_channels(real[:MAX_PERMUTED])
                good += [self._statistics(x)[1] for x in (other, soften(other, OTHER_SEED))]
                bad.append(corrupt(other, OTHER_SEED))
                options = {"networks": COLOUR_NETWORKS, "dropout": COLOUR_DROPOUT}
            if self._network is not None and self._network.samples is not None:
                bad.append(_enlarge(self._network.samples, real))
            _, corrupted = self._statistics(torch.cat(bad))
            self._discriminator = Discriminator(torch.cat(good), corrupted, **options)
            _, statistics = self._statistics(self.held_out.images)
            self._standardize = Standardizer(self._discriminator(statistics))
            if self._network is not None:
                self._standardize_network = Standardizer(
                    self._network.log_odds(self.held_out.images)
                )

    @cached
    def held_out_scores(self) -> Scores:
        """The scores of the held-out images."""
        return self.score(self.held_out.images)

    @cached
    def softened_scores(self) -> Scores:
        """The scores of the held-out images after a mild blur."""
        return self.score(soften(self.held_out.images, CONTROL_SEED))

    @cached
    def calibration(self) -> Calibration:
        """The calibration on held-out images."""
        return Calibration(
            self.held_out_scores, softened=self.softened_scores, can_tell=self.can_tell
        )

    @cached
    def can_tell(self) -> bool:
        """Whether the networks work, and the scores tell real images from corrupted ones."""
        return (
            self._texture is not None
            and self._networks_work
            and self.controls_flagged >= MIN_CONTROLS_FLAGGED
        )

    @cached
    def controls_flagged(self) -> float:
        """The share of corrupted held-out images that are flagged."""
        calibration = Calibration(self.held_out_scores, softened=self.softened_scores)
        controls = self.score(corrupt(self.held_out.images[:MAX_CONTROLS], CONTROL_SEED))
        return float((calibration.judge(controls) < OFF_LEVEL).double().mean())

    def score(self, images: Pixels) -> Scores:
        """Score images."""
        images = as_pixels(images)
        features = self.extractor.features(images)
        distance, nearest = self._nearest(features)
        values, probabilities = {"strange": distance}, None
        if self.classifier is not None:
            if isinstance(self.classifier, Classifier):  # its features are those above
                probabilities = self.classifier.logits_of(features).softmax(1)
            else:
                probabilities = self.classifier.probabilities(images)
            values["doubt"] = classifier_entropy(probabilities)
        if self._texture is not None:
            texture, statistics = self._statistics(images, features, values.get("doubt"))
            values["texture"] = self._texture(texture)
            values["corruption"] = self._standardize(self._discriminator(statistics))
            if self._network is not None:
                by_pixels = self._standardize_network(self._network.log_odds(images))
                colours = self._network.samples is not None
                weight = COLOUR_NETWORK_WEIGHT if colours else NETWORK_WEIGHT
                values["corruption"] = values["corruption"] + weight * by_pixels
        return Scores(values=values, nearest=nearest, probabilities=probabilities)

    def distance(self, images: Pixels) -> tuple[PerPoint, LabelSet]:
        """Return the distance of each image's features to those of its 5th nearest training image,
        and the number of the nearest training image."""
        return self._nearest(self.extractor.features(images))

    def _nearest(self, features: Features) -> tuple[PerPoint, LabelSet]:
        neighbours = self._search(features.double().numpy(), self._k)
        return neighbours.distance[:, -1].contiguous(), self._numbers[neighbours.index[:, 0]]

    def _statistics(
        self, images: Pixels, features: OtherFeatures | None = None, doubt: PerPoint | None = None
    ) -> tuple[Features, Tensor]:
        """Return the statistics of the texture, and those that the discriminator uses."""
        texture = texture_statistics(images)
        parts = [texture, self.extractor.features(images) if features is None else features]
        if self.extractor is not self._convolutions:
            parts.append(self._convolutions.features(images))
        if images.shape[1] >= MIN_COLOUR_CHANNELS:
            parts.append(colour_statistics(images))
        if self.classifier is not None:
            if doubt is None:
                doubt = classifier_entropy(self.classifier.probabilities(images))
            parts.append((doubt + MIN_DOUBT).log()[:, None].float())
        return texture, torch.cat(parts, 1)


def _enlarge(samples: Pixels, like: Pixels) -> Pixels:
    """Enlarge samples of the small VAE to the size of some images, and blur every second one
    mildly."""
    x = interpolate(samples.float() / 255, size=like.shape[2:], mode="bicubic").clamp(0, 1)
    enlarged = (x * 255).round().to(torch.uint8)
    return torch.cat([enlarged[::2], soften(enlarged[1::2], SEED)])


def _permute_channels(images: Pixels) -> Pixels:
    """Permute the channels of each image at random."""
    noise = torch.Generator().manual_seed(OTHER_SEED)
    order = torch.rand(images.shape[:2], generator=noise).argsort(1)
    return images.gather(1, order[:, :, None, None].expand_as(images))


def _works(classifier: ImageClassifier, held_out: Split) -> bool:
    """Return whether the outputs of a classifier are finite, its features differ between images,
    and it predicts the labels, if there are any, more often than the most frequent class does."""
    probabilities = classifier.probabilities(held_out.images)
    if not bool(probabilities.isfinite().all()):
        return False
    if isinstance(classifier, Extractor):
        features = classifier.features(held_out.images)
        if not bool(features.isfinite().all()) or bool((features == features[0]).all()):
            return False
    if held_out.labels is None:
        return True
    low, _ = wilson(int((probabilities.argmax(1) == held_out.labels).sum()), len(held_out))
    return low > float(held_out.labels.bincount().max()) / len(held_out)


_ScorerKey = tuple[str, str | int]
_scorers: "WeakValueDictionary[_ScorerKey, RealismScorer]" = WeakValueDictionary()
_build_lock = threading.RLock()
_in_background: set[_ScorerKey] = set()


def realism_scorer(
    data: Data, classifier: ImageClassifier | None, *, progress: StepProgress | None = None
) -> RealismScorer:
    """Return the scorer of these images and this classifier, shared by all models that use it.

    Arguments:
        data: As for `RealismScorer`.
        classifier: As for `RealismScorer`.
        progress: As for `RealismScorer`.
    """
    key = _key(data, classifier)
    with _build_lock:  # a second thread waits instead of training the same network
        scorer = _scorers.get(key)
        if scorer is None:
            scorer = _scorers[key] = RealismScorer(data, classifier, progress=progress)
    return scorer


@contextmanager
def built_in_background(data: Data, classifier: ImageClassifier | None) -> Iterator[None]:
    """Declare that this thread builds a scorer for which other threads must not wait."""
    key = _key(data, classifier)
    _in_background.add(key)
    try:
        yield
    finally:
        _in_background.discard(key)


def is_built_in_background(data: Data, classifier: ImageClassifier | None) -> bool:
    """Return whether another part of the program is inside `built_in_background`."""
    return _key(data, classifier) in _in_background


def _key(data: Data, classifier: ImageClassifier | None) -> _ScorerKey:
    # a cached scorer keeps its classifier, so no other classifier gets the same id
    known = classifier.hash if isinstance(classifier, Extractor) else id(classifier)
    return data.card.fingerprint, known
