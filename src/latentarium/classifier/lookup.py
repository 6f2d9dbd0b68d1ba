"""Find a classifier for a data set: the shipped one, a cached one, or a newly trained one."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

from latentarium.classifier.classifier import Classifier, load_classifier, save_classifier
from latentarium.classifier.training import train_classifier
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.files import atomic_folder, cache_folder

PASSES, MIN_STEPS, MAX_STEPS = 20, 300, 8600
BATCH_SIZE = 128


class CacheWarning(UserWarning):
    """A classifier in the cache is damaged, or the cache can't be written."""


def classifier_for(
    data: Data,
    *,
    seed: int = 0,
    cache: Path | None = None,
    steps: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> Classifier:
    """Return a classifier for these data: the shipped classifier if it was trained on them, or
    else a cached classifier, or else a newly trained classifier, which is then cached.

    Arguments:
        data: Labelled images of at least two classes.
        seed: Seed of the training; the shipped classifier is returned for every seed.
        cache: Folder of the cached classifiers; None: the folder in the environment variable
            LATENTARIUM_CACHE, or else latentarium in XDG_CACHE_HOME or ~/.cache. If the cache
            can't be written, there is a `CacheWarning`.
        steps: Training steps; None: `default_steps`.
        progress: Called with lines of text if a classifier is trained.

    Raises:
        UserError: Fewer than two classes ("too-few-classes").
    """
    card = data.card
    if len(card.classes) < 2:
        raise UserError(
            f"{card.source} has {len(card.classes)} classes, but a classifier needs at least 2; "
            "use random convolutions or pixel PCA as the extractor.",
            code="too-few-classes",
        )
    known = known_classifier(data, seed=seed, cache=cache, steps=steps)
    if known is not None:
        return known
    steps = steps or default_steps(len(data.train))
    folder = _cached_folder(data, seed, cache, steps)
    if progress:
        progress(f"Training a classifier of {card.source} ({steps} steps); it will be cached.")
    classifier = train_classifier(
        data, seed=seed, steps=steps, batch_size=BATCH_SIZE, progress=progress
    )
    try:
        with atomic_folder(folder) as unfinished:
            save_classifier(classifier, unfinished)
    except (OSError, UserError) as error:
        warnings.warn(
            f"The classifier of {card.source} can't be cached ({error}); it will be trained again "
            "next time.",
            CacheWarning,
            stacklevel=2,
        )
    return classifier


def known_classifier(
    data: Data, *, seed: int = 0, cache: Path | None = None, steps: int | None = None
) -> Classifier | None:
    """Return the classifier that `classifier_for` would return without training one: the shipped
    classifier or a cached one; None if there is neither. Arguments as for `classifier_for`.

    A damaged classifier in the cache leads to a `CacheWarning` and None.
    """
    card = data.card
    if len(card.classes) < 2:
        return None
    shipped = load_classifier()
    if shipped.metadata["data"]["fingerprint"] == card.fingerprint:
        return shipped
    folder = _cached_folder(data, seed, cache, steps or default_steps(len(data.train)))
    if not folder.exists():
        return None
    try:
        cached = load_classifier(folder)
        if cached.metadata["data"]["fingerprint"] == card.fingerprint:
            return cached
    except (UserError, KeyError, TypeError):
        pass
    warnings.warn(
        f"The cached classifier at {folder} is damaged, so it is not used.",
        CacheWarning,
        stacklevel=3,
    )
    return None


def _cached_folder(data: Data, seed: int, cache: Path | None, steps: int) -> Path:
    card = data.card
    # the fingerprint covers images and labels, but not the names of the classes
    key = hashlib.sha256(repr((card.fingerprint, card.classes, seed, steps)).encode()).hexdigest()
    return (cache or cache_folder("classifiers")) / f"{card.fingerprint[:16]}-{key[:16]}"


def default_steps(n: int) -> int:
    """Return the number of training steps for n images: 20 passes in batches of 128, but at least
    300 and at most 8,600 steps."""
    return min(max(PASSES * n // min(BATCH_SIZE, n), MIN_STEPS), MAX_STEPS)
