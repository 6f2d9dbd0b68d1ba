"""Detect mode collapse: samples that cover only a part of the data.

There are three independent signs: the samples vary too little, they repeat a few images, or whole
classes are missing. For a model that takes labels, the first two signs are checked within each
class, because samples can show the requested class and still be nearly identical.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch import Tensor

from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data, to_float
from latentarium.data.subsets import scattered
from latentarium.diagnostics.fixes import more_diversity
from latentarium.diagnostics.issue import Issue
from latentarium.diagnostics.messages import Evidence, InconclusiveError, Message
from latentarium.models.base import LatentModel
from latentarium.stats.intervals import wilson
from latentarium.stats.measurement import Real

MIN_VARIANCE = 0.15
"""Variance of samples relative to that of real images, summed over pixels. It is 0.53 to 1.4 for
healthy GANs (0.91 to 1.02 within a class of MNIST) and 0.00 for collapsed GANs."""
MIN_NEIGHBOUR_DISTANCE = 0.1
"""Median distance from a sample to the nearest other sample, relative to the same distance for
equally many real images. It is 0.28 to 1.6 for healthy GANs (0.28 within a class of tiny images,
0.42 on the grid) and 0.00 for a GAN that generates only a few images."""
MIN_CLASS_SHARE = 0.25
"""Share of a class among samples, relative to its share among real images. A class counts as
missing if the upper end of the interval of this ratio is below the constant. In healthy GANs the
lowest ratio of a class is 0.79 for 10 digits and for 25 modes, and for tiny images 0.26 after 400
steps and 0.58 after 600 steps."""
MIN_ACCURACY = 0.8
"""Accuracy that the classifier needs on real images before a class may be reported as missing."""
MIN_IMAGES = 20
"""A measurement within a class needs this many real images and this many samples of the class."""
NUM_NEIGHBOURS, MAX_REAL_IMAGES = 5, 5000


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variation of samples relative to that of real images.

    Arguments:
        variance: The ratio of the variances, each summed over pixels.
        nearest: The ratio of the median distances to the nearest neighbour.
    """

    variance: float
    nearest: float


def mode_collapse(
    config: Config, model: LatentModel, data: Data, n: int, seed: int
) -> Issue | None:
    """Check n samples for the three signs of mode collapse.

    Raises:
        InconclusiveError: There are too few samples or images.
    """
    real = scattered(data.train, MAX_REAL_IMAGES)
    requested = torch.arange(n) % max(1, model.num_classes) if model.takes_label else None
    samples = model.sample(n, requested, seed=seed)
    groups = {"": (samples, to_float(real.images))}
    if requested is not None and real.labels is not None:
        groups = {
            name: (samples[requested == k], to_float(real.images[real.labels == k]))
            for k, name in enumerate(data.card.classes)
        }
    spreads = {
        name: spread(generated, images)
        for name, (generated, images) in groups.items()
        if min(len(generated), len(images)) >= MIN_IMAGES
    }
    if len(spreads) < len(groups):  # a class has too few images: also measure all together
        if min(len(samples), len(real.images)) < MIN_IMAGES:
            raise InconclusiveError(
                "few samples", samples=len(samples), images=len(real.images), least=MIN_IMAGES
            )
        spreads[""] = spread(samples, to_float(real.images))
    collapsed = {
        name: s
        for name, s in spreads.items()
        if s.variance < MIN_VARIANCE or s.nearest < MIN_NEIGHBOUR_DISTANCE
    }
    evidence: dict[Evidence, Real] = {}
    signs: list[Message] = []
    if collapsed:
        worst = min(collapsed.values(), key=lambda s: min(s.variance, s.nearest))
        classes = [name for name in collapsed if name]
        sign = "alike" if worst.variance < MIN_VARIANCE else "repeated"
        signs.append(
            Message(f"{sign} within", {"classes": classes}) if classes else Message(sign, {})
        )
        evidence["variance of samples relative to real images"] = worst.variance
        evidence["nearest-neighbour distance relative to real images"] = worst.nearest
    missing, accuracy = ({}, 0.0) if requested is not None else _missing_classes(samples, data)
    if missing:
        code = "missing one" if len(missing) == 1 else "missing"
        signs.append(Message(code, {"classes": list(missing)}))
        evidence["missing classes"] = len(missing)
        evidence["largest share of a missing class"] = max(missing.values())
        evidence["accuracy of the classifier"] = accuracy
    if not signs:
        return None
    everywhere = bool(collapsed) and len(collapsed) == len(spreads)
    half = 2 * max(len(missing), len(collapsed)) >= max(1, len(data.card.classes))
    return Issue(
        name="mode collapse",
        signs=tuple(signs),
        evidence={**evidence, "samples": len(samples)},
        fix=more_diversity(config),
        severity="severe" if everywhere or half else "mild",
    )


def spread(generated: Tensor, real: Tensor) -> Spread:
    """Compare the spread of samples with that of equally many real images, in pixel space.

    The number of samples is at most half of the number of real images, so that a model that
    replays random real images would rarely repeat one.

    Arguments:
        generated: Samples (n, C, H, W).
        real: Real images (m, C, H, W).
    """
    count = min(len(generated), len(real) // 2)
    generated, real = generated[:count].flatten(1), real[:count].flatten(1)
    variance, distance = float(real.var(0).sum()), _median_nearest(real)
    return Spread(
        variance=float(generated.var(0).sum()) / variance if variance > 0 else 1.0,
        # the distance is 0 if most real images are duplicates
        nearest=_median_nearest(generated) / distance if distance > 0 else 1.0,
    )


def _median_nearest(points: Tensor) -> float:
    search = NearestNeighbors(n_neighbors=1).fit(points.numpy())
    return float(torch.from_numpy(search.kneighbors()[0]).median())


def _missing_classes(samples: Tensor, data: Data) -> tuple[dict[str, float], float]:
    """Return the share of each class that is almost never generated, and the accuracy of the
    classifier on real images. Without labels or an accurate classifier, no class is returned."""
    labels = data.validation.labels
    if labels is None or data.train.labels is None or len(data.card.classes) < 2:
        return {}, 0.0
    classifier = load_classifier()
    if classifier.metadata["data"]["fingerprint"] == data.card.fingerprint:
        accuracy = classifier.count_correct(data.validation) / len(labels)
        predicted = classifier.predict(samples)
    else:
        some = scattered(data.train, MAX_REAL_IMAGES)
        assert some.labels is not None
        neighbours = KNeighborsClassifier(min(NUM_NEIGHBOURS, len(some)))
        neighbours.fit(_pixels(some.images), some.labels.numpy())
        validated = torch.from_numpy(neighbours.predict(_pixels(data.validation.images)))
        accuracy = float((validated == labels).double().mean())
        predicted = torch.from_numpy(neighbours.predict(_pixels(samples)))
    if accuracy < MIN_ACCURACY:
        return {}, accuracy
    counts = predicted.bincount(minlength=len(data.card.classes)).tolist()
    real = data.train.labels.bincount(minlength=len(data.card.classes)) / len(data.train.labels)
    return {
        name: counts[k] / len(samples)
        for k, name in enumerate(data.card.classes)
        if wilson(counts[k], len(samples))[1] < MIN_CLASS_SHARE * float(real[k])
    }, accuracy


def _pixels(images: Tensor) -> np.ndarray:
    return to_float(images).flatten(1).numpy()
