"""Measure which share of samples is unusual, and which share a classifier assigns to the requested
class, compared with the same shares of held-out images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.classifier.classifier import CONFIDENT
from latentarium.latent.calibration import (
    MAX_HELD_OUT,
    Proportion,
    levels_of,
    proportion,
    share_off_data,
)
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.scores import ScoredImages
from latentarium.metrics.aggregate_posterior import SlicedDistance, prior_sliced_distance
from latentarium.models.base import LatentModel
from latentarium.shapes import ClassScores, Labels, Latents, PerPoint, SoftLabels


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Shares of a set of images, with 95 % intervals.

    Without a classifier, `confident` and `right_class` are None.
    """

    n: int
    off_data: Proportion | None
    """Share of unusual images, whose level is below `OFF_LEVEL`; None if there are no images, or
    if the levels are unknown."""
    confident: Proportion | None
    """Share of images for which one class has a probability of at least `CONFIDENT`."""
    right_class: Proportion | None
    """Share of images that the classifier assigns to the requested class; None if no class is
    requested."""


def assess_samples(
    latent_map: LatentMap, samples: ScoredImages, label: int | None = None
) -> Assessment:
    """Assess samples.

    Arguments:
        latent_map: The model's map.
        samples: The samples.
        label: The requested class; None if no class is requested.
    """
    levels = levels_of(samples.scores)
    return _assess(levels, classifier_probabilities(latent_map, samples), label)


def assess_held_out(latent_map: LatentMap, label: int | None = None) -> Assessment:
    """Assess the held-out images, with the scores of the calibration.

    Arguments:
        latent_map: The model's map.
        label: If the data have labels, only held-out images of this class are assessed; None: all
            held-out images.
    """
    calibration, labels = latent_map.calibration, latent_map.data.validation.labels
    chosen = torch.ones(len(calibration.levels), dtype=torch.bool)
    if label is not None and labels is not None:
        chosen = labels[: len(chosen)] == label
    probabilities = calibration.probabilities
    probabilities = None if probabilities is None else probabilities[chosen]
    return _assess(calibration.levels[chosen], probabilities, label)


def classifier_probabilities(latent_map: LatentMap, samples: ScoredImages) -> ClassScores | None:
    """Return the classifier's probabilities; None without a classifier."""
    if latent_map.classifier is None:
        return None
    return latent_map.classifier.probabilities(torch.from_numpy(samples.pixels))


def prior_latents(
    model: LatentModel, n: int, seed: int
) -> tuple[Latents, Labels | SoftLabels | None]:
    """Draw latents from the prior, with each class in turn if the model takes a label.

    Models with the same prior and the same latent dimension get the same latents.
    """
    labels = torch.arange(n) % model.num_classes if model.takes_label else None
    z, resolved = model.latents(n, labels, seed=seed)
    return z.cpu(), resolved


def prior_distance(latent_map: LatentMap) -> SlicedDistance | None:
    """Return the sliced 2-Wasserstein distance, in units of z, between held-out latents and
    latents from the prior; None without an encoder.

    The reference is the distance between two sets of latents from the prior.
    """
    if not latent_map.can_encode:
        return None

    def draw(n: int, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**31, (), generator=generator))
        return prior_latents(latent_map.model, n, seed)[0]

    held_out = latent_map.encoded.held_out_latents[:MAX_HELD_OUT]
    return prior_sliced_distance(held_out, draw=draw)


def _assess(levels: PerPoint, probabilities: ClassScores | None, label: int | None) -> Assessment:
    n = len(levels)
    if n == 0:  # the class has no held-out images
        return Assessment(n=0, off_data=None, confident=None, right_class=None)
    off_data = None if bool(levels.isnan().any()) else share_off_data(levels)
    if probabilities is None:
        return Assessment(n=n, off_data=off_data, confident=None, right_class=None)
    top = probabilities.max(1)
    return Assessment(
        n=n,
        off_data=off_data,
        confident=proportion(top.values >= CONFIDENT),
        right_class=None if label is None else proportion(top.indices == label),
    )
