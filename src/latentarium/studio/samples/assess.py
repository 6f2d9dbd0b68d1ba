"""Assess samples: scores and predicted classes of each sample, and shares of many samples."""

import math
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from latentarium.classifier.classifier import CONFIDENT
from latentarium.latent.assessment import (
    Assessment,
    assess_held_out,
    assess_samples,
    classifier_probabilities,
    prior_distance,
    prior_latents,
)
from latentarium.latent.calibration import Proportion, levels_of, share_off_data
from latentarium.latent.gaussian_samples import NUM_SAMPLES
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.scores import ScoredImages
from latentarium.shapes import Labels, LatentSet, PerSample, SoftLabelSet
from latentarium.studio.priority_lock import interleaved, priority_lock
from latentarium.studio.samples.draw import Samples, decoder_weights


@dataclass(frozen=True, kw_only=True)
class SampleAssessment:
    """Scores and classes of each sample, and shares of held-out images to compare with."""

    scores: np.ndarray
    """float32 (n, `SCORE_COLUMNS`)."""
    predicted: Labels | None
    """The predicted classes; None without a classifier."""
    confidence: PerSample | None
    """The probability of the predicted class."""
    held_out_off: float
    """The share of held-out images that are unusual by the same measures."""
    held_out_confident: float | None
    """The share of held-out images for which one class has a probability of at least
    `CONFIDENT`."""


def assess_each(latent_map: LatentMap, samples: Samples) -> SampleAssessment:
    """Score samples and classify them."""
    latent_map.decoder.require_scores()
    weights = decoder_weights(latent_map.model, samples.labels)
    decoded = decode_interleaved(latent_map, samples.z, weights)
    calibration = latent_map.calibration
    probabilities = classifier_probabilities(latent_map, decoded)
    confidence = predicted = held_out_confident = None
    if probabilities is not None and calibration.probabilities is not None:
        confidence, predicted = probabilities.max(1)
        top = calibration.probabilities.amax(1)
        held_out_confident = float((top >= CONFIDENT).double().mean())
    return SampleAssessment(
        scores=decoded.scores,
        predicted=predicted,
        confidence=confidence,
        held_out_off=share_off_data(calibration.levels).share,
        held_out_confident=held_out_confident,
    )


def describe_gaussian(
    latent_map: LatentMap, z: LatentSet, label: int | None = None
) -> dict[str, Any]:
    """Describe samples of a Gaussian for the page.

    Arguments:
        latent_map: The model's map.
        z: Their latents.
        label: The class of the Gaussian; None: none.

    Returns:
        n; rarer: the share of held-out images that are less unusual than the median sample, None
        if it is unknown;
        off_data, confident, right_class: shares that are unusual, of which the classifier is
        confident, and that it assigns to the class; held_out: the same of held-out images of the
        class.
    """
    latent_map.decoder.require_scores()
    decoded = decode_interleaved(latent_map, z)
    median = float(levels_of(decoded.scores).median())
    return {
        "rarer": None if math.isnan(median) else 1 - median,
        **_plain(assess_samples(latent_map, decoded, label)),
        "held_out": _plain(assess_held_out(latent_map, label)),
    }


_DISTANCES: "WeakKeyDictionary[LatentMap, dict[str, float] | None]" = WeakKeyDictionary()


def describe_prior(latent_map: LatentMap, seed: int, n: int = NUM_SAMPLES) -> dict[str, Any]:
    """Describe samples from the prior for the page; conditional models get each class in turn.

    Returns:
        n; seed; off_data, confident: shares that are unusual, and of which the classifier is
        confident; held_out: both of held-out images; classes: the number of predicted classes;
        distance: of held-out latents from the prior, with the distance of two samples of the prior
        as reference. Unknown values are None.
    """
    latent_map.decoder.require_scores()
    with priority_lock(latent_map):
        z, labels = prior_latents(latent_map.model, n, seed)
    decoded = decode_interleaved(latent_map, z, decoder_weights(latent_map.model, labels))
    probabilities = classifier_probabilities(latent_map, decoded)
    if latent_map not in _DISTANCES:
        _DISTANCES[latent_map] = _distance(latent_map)
    samples = _plain(assess_samples(latent_map, decoded))
    held_out = _plain(assess_held_out(latent_map))
    return {
        "n": n,
        "seed": seed,
        "off_data": samples["off_data"],
        "confident": samples["confident"],
        "held_out": {"off_data": held_out["off_data"], "confident": held_out["confident"]},
        "classes": None if probabilities is None else len(probabilities.argmax(1).unique()),
        "distance": _DISTANCES[latent_map],
    }


def decode_interleaved(
    latent_map: LatentMap, z: LatentSet, weights: SoftLabelSet | None = None
) -> ScoredImages:
    """Decode and score latents in chunks, with interactive requests in between."""
    chunks = latent_map.decoder.decode_scored_iter(z, weights)
    return ScoredImages.concatenate(list(interleaved(latent_map, chunks)))


def _plain(assessment: Assessment) -> dict[str, Any]:
    def plain(share: Proportion | None) -> dict[str, float] | None:
        return None if share is None else asdict(share)

    return {
        "n": assessment.n,
        "off_data": plain(assessment.off_data),
        "confident": plain(assessment.confident),
        "right_class": plain(assessment.right_class),
    }


def _distance(latent_map: LatentMap) -> dict[str, float] | None:
    distance = prior_distance(latent_map)
    if distance is None:
        return None
    low, high = distance.interval
    return {
        "value": distance.value, "low": low, "high": high,
        "reference": distance.reference, "reference_high": distance.reference_interval[1],
    }  # fmt: skip
