"""Decode latents, and score how unusual the images are compared with held-out images."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from torch.nn.functional import one_hot

from latentarium.cached import cached
from latentarium.classifier.lookup import known_classifier
from latentarium.data.dataset import Data, to_float, to_uint8
from latentarium.errors import UserError
from latentarium.latent.calibration import (
    SCORE_COLUMNS,
    Calibration,
    ImageClassifier,
    Scores,
    read_class,
)
from latentarium.latent.corruption_lookup import must_be_trained
from latentarium.latent.encoded import EncodedData
from latentarium.latent.explained_variance import explained_variance
from latentarium.latent.realism import (
    RealismScorer,
    built_in_background,
    is_built_in_background,
    realism_scorer,
)
from latentarium.latent.scores import (
    ScoredImages,
    posterior_means,
    score_latents,
)
from latentarium.latent.texture import MIN_SIDE
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.models.labels import as_labels
from latentarium.progress import StepProgress
from latentarium.shapes import Images, LatentSet, Pixels, SoftLabelSet

CHUNK_SIZE = 16
"""Images that a long job scores at a time. A pointer's image waits until they are scored, which
takes about 15 ms on one core."""
MIN_BLOB_SIDE, MIN_EXPLAINED = 16, 0.1
"""Images with a shorter side have too few pixels to tell a blob from a mildly blurred image. For
these, no image is called like real ones if the model has an encoder whose reconstructions explain
less than `MIN_EXPLAINED` of the variance of held-out images. The mean image explains nothing."""


class ScoredDecoder:
    """A model's decoder and encoder, with calibrated scores.

    Arguments:
        encoded: The model's encoded data.
        classifier: A classifier of such images, which measures doubt; None: the one that ships
            with the package, or that `evaluate` has trained and cached, if there is one for these
            data.
        lock: A re-entrant lock, held while the model computes.
    """

    def __init__(
        self,
        encoded: EncodedData,
        classifier: ImageClassifier | None,
        lock: AbstractContextManager[object],
    ) -> None:
        self.model: LatentModel = encoded.model
        self.data: Data = encoded.data
        self.encoded = encoded
        self._given_classifier, self._lock = classifier, lock

    @cached
    def classifier(self) -> ImageClassifier | None:
        """The classifier that measures doubt; None if no classifier knows these data."""
        return self._given_classifier or known_classifier(self.data)

    def look_for_classifier(self) -> bool:
        """Look again for a classifier of these data, which `evaluate` may have trained since.

        Returns:
            True if there is a new one; the calibration is then computed again when it is needed.
        """
        with self._lock:
            if self.classifier is not None or known_classifier(self.data) is None:
                return False
            for name in ("classifier", "realism", "calibration", "reconstruction_calibration"):
                vars(self).pop(name, None)
            return True

    @cached
    def realism(self) -> RealismScorer:
        """The scorer of images by their similarity to real ones."""
        return realism_scorer(self.data, self.classifier)

    def prepare(self, progress: StepProgress | None = None) -> None:
        """Compute everything that scoring needs. While a network is trained, other threads can
        decode, but images have unknown scores; see `is_learning`.

        Arguments:
            progress: Reports the training of the network.
        """
        if "realism" not in vars(self):
            classifier = self.classifier
            waiting = must_be_trained(self.data)
            with built_in_background(self.data, classifier) if waiting else nullcontext():
                scorer = realism_scorer(self.data, classifier, progress=progress)
            with self._lock:
                if self.classifier is classifier:
                    vars(self).setdefault("realism", scorer)
        with self._lock:
            _ = self.calibration

    @property
    def is_learning(self) -> bool:
        """Whether `prepare` is training the network of these images in another thread. Until it
        has finished, decoded images have unknown scores."""
        return "realism" not in vars(self) and is_built_in_background(self.data, self.classifier)

    def require_scores(self) -> None:
        """Raise the error of scores that are not available yet.

        Raises:
            UserError: `is_learning` (code "scores-not-ready").
        """
        if self.is_learning:
            raise UserError(
                "Images can't be scored yet, since the network that recognizes corrupted images "
                "is being trained: try again in a few minutes.",
                code="scores-not-ready",
            )

    @cached
    def calibration(self) -> Calibration:
        """The calibration of decoded images, on real held-out images and their latents, which are
        drawn from their posteriors. Points have no texture; they are compared with the model's own
        points of these latents, and never called like real ones."""
        if not self.encoded.can_encode:
            return self.realism.calibration
        return self._calibrate(self.encoded.held_out_latents[: len(self.realism.held_out)])

    @cached
    def reconstruction_calibration(self) -> Calibration:
        """The calibration of reconstructions, on held-out images and their reconstructions."""
        real = to_float(self.realism.held_out.images)
        return self._calibrate(posterior_means(self.model, real), real)

    def _calibrate(self, z: LatentSet, real: Images | None = None) -> Calibration:
        images = decode(self.model, z)
        pixels = to_uint8(images)
        values, nearest = score_latents(self.encoded, z, images, pixels, real)

        def scores(image: Scores) -> Scores:
            return Scores(
                values={**values, **image.values},
                nearest=nearest,
                probabilities=image.probabilities,
            )

        realism = self.realism
        side = min(self.data.card.image_shape[1:])
        if side < MIN_SIDE:
            return Calibration(scores(realism.score(pixels)), can_tell=False)
        return Calibration(
            scores(realism.held_out_scores),
            softened=scores(realism.softened_scores),
            can_tell=realism.can_tell and (side >= MIN_BLOB_SIDE or self._reconstructs()),
        )

    def _reconstructs(self) -> bool:
        """Return whether reconstructions are closer to held-out images than the mean is."""
        share = explained_variance(self.model, self.realism.held_out)
        return share is not None and share >= MIN_EXPLAINED

    def decode(self, z: LatentSet, weights: SoftLabelSet | None = None) -> Images:
        """Decode latents, with class weights if the decoder needs them, into images in [-1, 1]."""
        with self._lock:
            return decode(self.model, z, weights)

    def encode(self, images: Images) -> LatentSet:
        """Return the posterior means of images."""
        self.encoded.require_encoder()
        with self._lock:
            return posterior_means(self.model, images)

    def decode_scored(
        self, z: LatentSet, weights: SoftLabelSet | None = None, *, real: Images | None = None
    ) -> ScoredImages:
        """Decode latents, and score the images.

        Arguments:
            z: The latents.
            weights: Class weights, for a model whose decoder takes a label.
            real: The original images, for reconstructions; None: these are no reconstructions.
        """
        with self._lock:
            images = decode(self.model, z, weights)
            pixels = to_uint8(images)
            if self.is_learning:
                unknown = np.full((len(z), len(SCORE_COLUMNS)), np.nan, np.float32)
                return ScoredImages(pixels=pixels.numpy(), scores=unknown)
            calibration = self.calibration if real is None else self.reconstruction_calibration
            scores = calibration.table(self._score(z, images, pixels, real))
            return ScoredImages(pixels=pixels.numpy(), scores=scores)

    def decode_scored_iter(
        self, z: LatentSet, weights: SoftLabelSet | None = None, *, chunk_size: int = CHUNK_SIZE
    ) -> Iterator[ScoredImages]:
        """Decode and score in chunks, so that other threads can use the model in between."""
        for start in range(0, len(z), chunk_size):
            part = slice(start, start + chunk_size)
            yield self.decode_scored(z[part], None if weights is None else weights[part])

    def reconstruct_scored(self, images: Pixels) -> ScoredImages:
        """Reconstruct images, and score the reconstructions."""
        real = to_float(images)
        with self._lock:
            return self.decode_scored(self.encode(real), real=real)

    def class_weights(self, label: object, n: int) -> SoftLabelSet | None:
        """Return the class weights (n, K) of a label; None for a decoder that takes no label.

        The label may have any form that `LatentModel.sample` accepts.

        Raises:
            UserError: The label is missing (code "label-missing") or not taken (code
                "label-not-taken"), or it is not one of the model's classes.
        """
        self.check_label(label)
        if label is None:
            return None
        labels = as_labels(label, n, self.model.classes)
        soft = labels.is_floating_point()
        return labels if soft else one_hot(labels, self.model.num_classes).float()

    def check_label(self, label: object) -> None:
        """Raise UserError if a label is missing, or given to a decoder that takes none."""
        if label is None and self.model.decodes_label:
            raise UserError(
                "This model's decoder needs a label, and none is given: give a class.",
                code="label-missing",
            )
        if label is not None and not self.model.decodes_label:
            raise UserError(
                "A label is given, and this model's decoder takes none: leave the label out.",
                code="label-not-taken",
            )

    def _score(
        self, z: LatentSet, images: Images, pixels: Pixels, real: Images | None = None
    ) -> Scores:
        image = self.realism.score(pixels)
        if not self.encoded.can_encode:
            return image
        values, nearest = score_latents(self.encoded, z, images, pixels, real)
        original = None
        if real is not None and self.classifier is not None:
            original = read_class(self.classifier.probabilities(to_uint8(real)))
        return Scores(
            values={**values, **image.values},
            nearest=nearest,
            probabilities=image.probabilities,
            original=original,
        )
