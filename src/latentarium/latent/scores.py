"""Score images by the latents that they were decoded from."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from latentarium.classifier.classifier import Classifier, load_classifier
from latentarium.data.dataset import Data, to_float
from latentarium.latent.calibration import MAX_HELD_OUT, ImageClassifier, Scores
from latentarium.latent.encoded import EncodedData
from latentarium.latent.gaps import classifier_entropy
from latentarium.latent.initial_latents import pixel_mse
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, LatentSet, Pixels
from latentarium.unchecked import unchecked_inputs

_load_once = cache(load_classifier)


@dataclass(frozen=True, kw_only=True)
class ScoredImages:
    """Images with their scores."""

    pixels: np.ndarray
    """uint8 (n, channels, height, width)."""
    scores: np.ndarray
    """float32 (n, `SCORE_COLUMNS`)."""

    @classmethod
    def concatenate(cls, parts: "list[ScoredImages]") -> "ScoredImages":
        """Join several sets of images, in order."""
        return cls(
            pixels=np.concatenate([part.pixels for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
        )


def shipped_classifier(data: Data) -> Classifier | None:
    """Return the classifier that ships with the package; None if it was trained on other data."""
    classifier = _load_once()
    known = classifier.metadata["data"]["fingerprint"] == data.card.fingerprint
    return classifier if known else None


def posterior_means(model: LatentModel, images: Images) -> LatentSet:
    """Return the mean of each image's posterior, on the CPU."""
    with torch.no_grad(), unchecked_inputs():
        parts = images.split(MAX_HELD_OUT // 4)
        return torch.cat([model.encode(part.to(model.device)).mean.cpu() for part in parts])


def score_decoded(
    encoded: EncodedData,
    classifier: ImageClassifier | None,
    z: LatentSet,
    images: Images,
    pixels: Pixels,
    real: Images | None = None,
) -> Scores:
    """Score decoded images of a model with an encoder.

    Arguments:
        encoded: The model's encoded data.
        classifier: A classifier of such images; None: doubt is not measured.
        z: The latents that the images were decoded from.
        images: The decoded images, in [-1, 1].
        pixels: The same images as uint8.
        real: The original images, for reconstructions; None: the error is not measured.
    """
    neighbours = encoded.neighbours(z)
    round_trip = posterior_means(encoded.model, images).double() - z.double()
    values = {
        "distance": neighbours.distance[:, -1].contiguous(),
        "round_trip": round_trip.norm(dim=1),
    }
    probabilities = None
    if classifier is not None:
        probabilities = classifier.probabilities(pixels)
        values["doubt"] = classifier_entropy(probabilities)
    if real is not None:
        values["error"] = pixel_mse(to_float(pixels), real).double()
    nearest = neighbours.index[:, 0].contiguous()
    return Scores(values=values, nearest=nearest, probabilities=probabilities)
