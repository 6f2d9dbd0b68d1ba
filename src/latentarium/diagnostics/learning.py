"""Measure whether a model has learned anything, which every diagnosis presupposes.

A model with an encoder is compared with the mean training image, and any other model with the same
network before training.

Reference:
    Energy statistics (Székely and Rizzo, 2013), whose coefficient of inhomogeneity is the distance
    between two sets here
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentarium.config import Config
from latentarium.data.dataset import Data, Split, to_float, to_uint8
from latentarium.data.subsets import scattered
from latentarium.diagnostics.messages import Evidence, Message
from latentarium.diagnostics.structure import lack_of_structure
from latentarium.latent.texture import MIN_SIDE, texture_statistics
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.stats.measurement import Real

MIN_RECONSTRUCTED = 0.1
"""Smallest share of the variation of training images that a model with an encoder reconstructs
once it has learned something. It is -2.7 to -0.04 for images and 0.05 to 0.29 for points after 20
steps, and 0.42 (with two latent dimensions) to 1 at the end."""
MAX_DISTANCE = 0.95
"""Largest distance between samples and real images, relative to that of the untrained network,
once a model has learned something. For images it is 0.89 to 1.002 after 20 steps, 0.05 to 0.99
after 100, and 0.03 to 0.08 at the end; for a collapsed GAN on tiny images it is 0.79. For points
it is 0.07 to 0.51 after 20 steps, so only the number of steps tells that they are not trained."""
MIN_UNTRAINED_DISTANCE = 0.05
"""If the samples of the untrained network are nearer to real images than this, the ratio means
nothing. Equally many other real images are at -0.001 to 0.008, untrained networks at 0.19 or more.
"""
MAX_LATE_IMPROVEMENT = 0.25
"""Largest share of the whole fall of the held-out loss in the second half of the steps so far. It
is 0.22 to 0.89 after 100 steps, 0.3 to 0.44 after 250, 0.13 to 0.21 after 400, and 0.003 to 0.07
at the end."""
NUM_IMAGES, MIN_IMAGES = 256, 20
CONTRAST = 1e-3
"""Added to the standard deviation of each statistic of texture."""


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What a model has learned so far.

    Arguments:
        evidence: The measurements.
        problems: Why the model counts as not trained yet; empty if it has learned something, or if
            that can't be measured.
    """

    evidence: dict[Evidence, Real]
    problems: tuple[Message, ...]
    untrained: bool = False
    """Whether reconstructions are clearly worse than the mean image, which even a collapsed model
    learns."""


MAX_UNTRAINED = -0.1
"""Share of the variation below which reconstructions are clearly worse than the mean image."""
NOTHING_MEASURED = Learning(evidence={}, problems=())
"""The result if nothing could be measured."""


def measure_learning(config: Config, model: LatentModel, data: Data, seed: int) -> Learning:
    """Compare a model in evaluation mode with one that has learned nothing.

    Arguments:
        config: The configuration, whose seed determines the untrained network.
        model: The model.
        data: The images that it was trained on.
        seed: The seed of the samples.
    """
    real = scattered(data.train, 2 * NUM_IMAGES)
    if len(real) < MIN_IMAGES:
        return NOTHING_MEASURED
    if model.has_encoder:
        share = reconstructed_share(model, real)
        if not math.isfinite(share):
            return NOTHING_MEASURED
        learned = share >= MIN_RECONSTRUCTED
        if not learned and share >= MAX_UNTRAINED:  # as good as the mean image: is more possible?
            learned = lack_of_structure(data) is not None
        problems = () if learned else (Message("not reconstructing", {}),)
        return Learning(
            evidence={"share of the variation of images reconstructed": share},
            problems=problems,
            untrained=share < MAX_UNTRAINED,
        )
    untrained = build(config.model, data.card, config.train.seed).eval()
    distance = relative_distance(model, untrained, to_float(real.images), seed)
    if not math.isfinite(distance):
        return NOTHING_MEASURED
    problems = () if distance <= MAX_DISTANCE else (Message("not generating", {}),)
    return Learning(
        evidence={"distance from real images relative to the untrained network": distance},
        problems=problems,
    )


def reconstructed_share(model: LatentModel, split: Split) -> float:
    """Return 1 for perfect reconstructions and 0 for the mean image; NaN for equal images."""
    images = to_float(split.images)
    labels = split.labels if model.takes_label else None
    error = (model.reconstruct(split.images, labels) - images).square().sum()
    variation = (images - images.mean(0)).square().sum()
    return 1 - float(error / variation) if variation > 0 else math.nan


def relative_distance(
    model: LatentModel, untrained: LatentModel, real: Tensor, seed: int
) -> float:
    """Return the distance of samples from real images, relative to that of untrained samples.

    Pictures are compared by the statistics of their texture, since the pixels of a GAN have the
    right mean and variance after a few steps, long before its samples look like anything. Data
    that are too small for texture are compared by their values.

    Returns:
        The ratio; NaN if the untrained samples are as near as real images.
    """
    features = [real, *(each.sample(NUM_IMAGES, seed=seed) for each in (model, untrained))]
    if min(real.shape[2:]) >= MIN_SIDE:
        features = [texture_statistics(to_uint8(images)) for images in features]
        mean, deviation = features[0].mean(0), features[0].std(0) + CONTRAST
        features = [(each - mean) / deviation for each in features]
    reference, trained, start = (each.flatten(1) for each in features)
    scale = energy_distance(start, reference)
    if not scale > MIN_UNTRAINED_DISTANCE:
        return math.nan
    return energy_distance(trained, reference) / scale


def energy_distance(a: Tensor, b: Tensor) -> float:
    """Return the energy distance of two sets of points, relative to their mean distance.

    It is 0 on average for two sets from the same distribution, and at most 1.
    """
    between = float(torch.cdist(a, b).mean())
    within = sum(float(torch.pdist(points).mean()) for points in (a, b))
    return 1 - within / (2 * between) if between > 0 else 0.0


def late_improvement(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of the fall of the held-out loss in the second half of the steps.

    The largest share of any player counts.

    Arguments:
        rows: The rows of a log, of which the first must be from the first half of the steps.

    Returns:
        The share; None if no held-out loss has fallen, or if the log does not contain it.
    """
    shares = []
    half = rows[-1]["step"] / 2 if rows else 0
    for name, values in rows[-1].items() if rows else ():
        if not isinstance(values, Mapping) or "held_out" not in values:
            continue
        losses = {row["step"]: row.get(name, {}).get("held_out") for row in rows}
        known = [(step, loss) for step, loss in losses.items() if loss is not None]
        early = [loss for step, loss in known if step <= half]
        if not early or known[0][1] <= known[-1][1]:
            continue
        shares.append((early[-1] - known[-1][1]) / (known[0][1] - known[-1][1]))
    return max(shares, default=None)


def learning_so_far(config: Config, rows: Sequence[Mapping[str, Any]]) -> Learning:
    """Return what the held-out loss in a log shows; nothing for an adversarial model, whose losses
    do not fall as it learns."""
    share = None if config.model.adversarial else late_improvement(rows)
    if share is None:
        return NOTHING_MEASURED
    return Learning(
        evidence={"share of the improvement in the second half": share},
        problems=(Message("still improving", {}),) if share > MAX_LATE_IMPROVEMENT else (),
    )
