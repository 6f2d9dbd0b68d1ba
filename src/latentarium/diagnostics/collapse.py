"""Whether a generator leaves out what the data has: its samples beside real images.

Three signs, each of which can be there without the others: the samples vary too little, they
repeat a few images, or whole classes are missing. For a model that takes labels the first two are
looked for within each class, as a class can be obeyed and collapsed.
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
from latentarium.diagnostics.fixes import more_diverse
from latentarium.diagnostics.issue import Finding
from latentarium.diagnostics.messages import Evidence, NotShown, Said
from latentarium.models.base import LatentModel
from latentarium.stats.intervals import wilson
from latentarium.stats.measurement import Real

ALIKE = 0.15
"""Variance of samples over that of real images, summed over pixels. Healthy GANs are at 0.53
to 1.4 (0.91 to 1.02 within a class of MNIST), collapsed ones at 0.00."""
REPEATED = 0.1
"""The median distance from a sample to its nearest other one, over the same for as many real
images. Healthy GANs are at 0.28 to 1.6 (the least within a class of tiny images; 0.42 on the
grid), one that makes a few images only is at 0.00."""
MISSING = 0.25
"""Share of a class among samples over that among real images, below which it counts as missing:
the upper end of its interval must be. In healthy GANs no class is below 0.79 (of 10 digits and
of 25 modes; 0.58 in tiny images after 600 steps, from 0.26 after 400)."""
KNOWN = 0.8
"""What the classifier of real images must get right before it may say that a class is missing."""
FEWEST = 20
"""Images of a class, real or generated, below which its spread is not judged."""
NEIGHBOURS, REFERENCES = 5, 5000


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How much a set of samples varies beside real images."""

    variance: float
    nearest: float


def mode_collapse(
    config: Config, model: LatentModel, data: Data, n: int, seed: int
) -> Finding | None:
    """Looks for the three signs in n samples."""
    real = scattered(data.train, REFERENCES)
    asked = torch.arange(n) % max(1, model.num_classes) if model.takes_label else None
    samples = model.sample(n, asked, seed=seed)
    groups = {"": (samples, to_float(real.images))}
    if asked is not None and real.labels is not None:
        groups = {
            name: (samples[asked == k], to_float(real.images[real.labels == k]))
            for k, name in enumerate(data.card.classes)
        }
    spreads = {
        name: spread(fakes, reals)
        for name, (fakes, reals) in groups.items()
        if min(len(fakes), len(reals)) >= FEWEST
    }
    small = [name for name in groups if name not in spreads]
    if small:  # what by itself has too few images is looked at with the others
        if min(len(samples), len(real.images)) < FEWEST:
            raise NotShown(
                "few samples", samples=len(samples), images=len(real.images), least=FEWEST
            )
        spreads[""] = spread(samples, to_float(real.images))
    ill = {name: s for name, s in spreads.items() if s.variance < ALIKE or s.nearest < REPEATED}
    evidence: dict[Evidence, Real] = {}
    signs: list[Said] = []
    if ill:
        worst = min(ill.values(), key=lambda s: min(s.variance, s.nearest))
        named = [name for name in ill if name]
        how = "alike" if worst.variance < ALIKE else "repeated"
        signs.append(Said(f"{how} within", {"classes": named}) if named else Said(how, {}))
        evidence["variance of samples over that of real images"] = worst.variance
        evidence["distance to the nearest other sample, over that of real images"] = worst.nearest
    missing, shares = ({}, 0.0) if asked is not None else _missing(samples, data)
    if missing:
        code = "missing one" if len(missing) == 1 else "missing"
        signs.append(Said(code, {"classes": list(missing)}))
        evidence["classes missing"] = len(missing)
        evidence["largest share of one of them"] = max(missing.values())
        evidence["share right of the classifier that says so"] = shares
    if not signs:
        return None
    whole = bool(ill) and len(ill) == len(spreads)
    many = 2 * max(len(missing), len(ill)) >= max(1, len(data.card.classes))
    return Finding(
        disease="mode collapse",
        signs=tuple(signs),
        evidence={**evidence, "samples": len(samples)},
        remedy=more_diverse(config),
        severity="severe" if whole or many else "mild",
    )


def spread(fakes: Tensor, reals: Tensor) -> Spread:
    """The first two signs, in pixels, with as many images on either side: half of the real ones
    at most, so that a model that draws from just these would not often meet one twice."""
    count = min(len(fakes), len(reals) // 2)
    fake, real = fakes[:count].flatten(1), reals[:count].flatten(1)
    variance, distance = float(real.var(0).sum()), _nearest(real)
    return Spread(
        variance=float(fake.var(0).sum()) / variance if variance > 0 else 1.0,
        nearest=_nearest(fake) / distance if distance > 0 else 1.0,  # the data repeats itself
    )


def _nearest(points: Tensor) -> float:
    search = NearestNeighbors(n_neighbors=1).fit(points.numpy())
    return float(torch.from_numpy(search.kneighbors()[0]).median())


def _missing(samples: Tensor, data: Data) -> tuple[dict[str, float], float]:
    """The classes that are hardly ever made, with their shares; and how often the classifier
    that says so is right on real images. Without labels or a good classifier: none."""
    labels = data.validation.labels
    if labels is None or data.train.labels is None or len(data.card.classes) < 2:
        return {}, 0.0
    judge = load_classifier()
    if judge.metadata["data"]["fingerprint"] == data.card.fingerprint:
        right = judge.count_correct(data.validation) / len(labels)
        made = judge.predict(samples)
    else:
        some = scattered(data.train, REFERENCES)
        assert some.labels is not None
        neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(some)))
        neighbours.fit(_pixels(some.images), some.labels.numpy())
        found = torch.from_numpy(neighbours.predict(_pixels(data.validation.images)))
        right = float((found == labels).double().mean())
        made = torch.from_numpy(neighbours.predict(_pixels(samples)))
    if right < KNOWN:
        return {}, right
    counts = made.bincount(minlength=len(data.card.classes)).tolist()
    real = data.train.labels.bincount(minlength=len(data.card.classes)) / len(data.train.labels)
    return {
        name: counts[k] / len(samples)
        for k, name in enumerate(data.card.classes)
        if wilson(counts[k], len(samples))[1] < MISSING * float(real[k])
    }, right


def _pixels(images: Tensor) -> np.ndarray:
    return to_float(images).flatten(1).numpy()
