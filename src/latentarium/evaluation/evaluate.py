"""Measure every quantity that applies to a model, for models of all families.

The sections are listed in `evaluation.sections`. The quality of samples is measured by comparison
with the test split, never with the training images. Each result is a `Measurement`, which includes
its protocol. Intermediate results that several sections need are computed once.
"""

import os
import time
from collections.abc import Callable
from typing import Literal

from latentarium.arguments import Integer, as_count, as_seed
from latentarium.classifier.classifier import Classifier
from latentarium.classifier.lookup import classifier_for
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.evaluation.context import EvaluationContext, shuffle_test_split
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.evaluation.report import Report
from latentarium.evaluation.section import Section, known_mixture
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.models.base import LatentModel
from latentarium.registry import registered
from latentarium.run import Run, load
from latentarium.stats.measurement import Measurement

MIN_IMAGES = 100
"""The smallest number of test images, and of samples, for an evaluation."""


def can_train_classifier(data: Data) -> bool:
    """Return whether a classifier can be trained: there are at least 2 classes, and the data are
    images, not 2-D points."""
    return len(data.card.classes) > 1 and known_mixture(data) is None


def sections_for(
    model: LatentModel, data: Data, classifier: Classifier | None
) -> dict[str, Section]:
    """Return the registered sections that apply, by name, in the order of the report."""
    sections = {name: entry.component() for name, entry in registered("section").items()}
    sections = dict(sorted(sections.items(), key=lambda item: item[1].order))
    return {
        name: section
        for name, section in sections.items()
        if section.applies(model, data, classifier)
    }


def evaluate(
    model: LatentModel | Run | str | os.PathLike[str],
    data: object,
    *,
    classifier: Classifier | Literal["auto"] | None = "auto",
    extractor: Extractor | None = None,
    n: Integer = 10_000,
    seed: Integer = 0,
    nll_samples: int = 500,
    gan_train_steps: int = 600,
    response_steps: int = RESPONSE_STEPS,
    progress: Callable[[int, str], object] | None = None,
) -> Report:
    """Measure every quantity that applies to the model.

    Arguments:
        model: A trained model, as `load` returns it; or its run, or the folder of its run.
        data: Real images like those that the model was trained on: `Data`, or any source that
            `load_data` takes, such as "mnist". The test split is used.
        classifier: A classifier of such images; "auto": `classifier_for(data)` if there are
            labels; None: leave out the sections that need a classifier.
        extractor: Maps images to features; None: the classifier, or random convolutions if there
            is no classifier.
        n: The number of samples, limited by the number of real test images.
        seed: The seed of all random numbers.
        nll_samples: Importance samples per image, for a model with a likelihood.
        gan_train_steps: Training batches of each classifier of GAN-train.
        response_steps: Moves of the longest best responses, for the duality gap.
        progress: Called with the number of sections done and the name of the next one.

    Raises:
        UserError: The images don't have the model's shape (code "shape-mismatch"), or there are
            too few of them (code "too-few-images"). A quantity that can't be measured, such as a
            Fréchet distance of fewer images than features, is named in the report's `left_out`.
            If nothing can be measured, the error of the first section is raised.
    """
    seed, size = as_seed(seed), as_count("n", n)
    model = model if isinstance(model, LatentModel) else load(model)
    data = load_data(data)
    if data.card.image_shape != model.image_shape:
        raise UserError(
            f"The images have shape {data.card.image_shape}, but the model generates images of "
            f"shape {model.image_shape}: give data like those that the model was trained on.",
            code="shape-mismatch",
        )
    n = min(size, len(data.test))
    if n < MIN_IMAGES:
        raise UserError(
            f"{n} images are too few for an evaluation: give at least {MIN_IMAGES} test images, "
            f"and n of at least {MIN_IMAGES}.",
            code="too-few-images",
        )
    if classifier == "auto":
        classifier = classifier_for(data) if can_train_classifier(data) else None
    context = EvaluationContext(
        model=model,
        data=shuffle_test_split(data),
        extractor=extractor or classifier or RandomConvolutions(model.image_shape),
        classifier=classifier,
        n=n,
        seed=seed,
        nll_samples=nll_samples,
        gan_train_steps=gan_train_steps,
        response_steps=response_steps,
    )
    measurements: dict[str, Measurement] = {}
    seconds: dict[str, float] = {}
    first_error: UserError | None = None
    for done, (name, section) in enumerate(sections_for(model, data, classifier).items()):
        if progress:
            progress(done, name)
        start = time.perf_counter()
        try:
            measurements |= section.measure(context)
        except UserError as error:  # other sections may still have results
            context.left_out[name] = str(error)
            first_error = first_error or error
        seconds[name] = time.perf_counter() - start
    if not measurements and first_error is not None:
        raise first_error
    return Report(
        model=model.kind,
        data=data.card.source,
        fingerprint=data.card.fingerprint,
        seed=seed,
        measurements=measurements,
        tables=context.tables,
        left_out=context.left_out,
        seconds=seconds,
    )
