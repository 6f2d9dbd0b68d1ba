"""Measure every quantity that applies to a model, for models of all families.

The sections are listed in `evaluation.sections`. The quality of samples is measured by comparison
with the test split, never with the training images. Each result is a `Measurement`, which includes
its protocol. Intermediate results that several sections need are computed once.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from latentarium.arguments import Integer, as_count, as_seed
from latentarium.classifier.classifier import Classifier
from latentarium.classifier.lookup import classifier_for
from latentarium.data.binarized_mnist import binarized_for_comparison
from latentarium.data.class_counts import list_names, unseen_classes, without_unseen_classes
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.evaluation.context import EvaluationContext, shuffle_test_split
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.evaluation.interpretation import interpreted
from latentarium.evaluation.plan import MIN_IMAGES, Plan
from latentarium.evaluation.reasons import Reason, as_reason, as_reasons, reason
from latentarium.evaluation.report import Report
from latentarium.evaluation.section import Section, known_mixture
from latentarium.metrics.extractors import Extractor, RandomConvolutions
from latentarium.models.base import LatentModel
from latentarium.registry import registered
from latentarium.run import Run, load
from latentarium.stats.measurement import Measurement


def can_train_classifier(data: Data) -> bool:
    """Return whether a classifier can be trained: at least 2 classes have training images, and the
    data are images, not 2-D points."""
    num_seen = len(data.card.classes) - len(unseen_classes(data))
    return num_seen > 1 and known_mixture(data) is None


def all_sections() -> dict[str, Section]:
    """Return the registered sections by name, in the order of the report."""
    sections = {name: entry.component() for name, entry in registered("section").items()}
    return dict(sorted(sections.items(), key=lambda item: item[1].order))


def sections_for(
    model: LatentModel, data: Data, classifier: Classifier | None
) -> dict[str, Section]:
    """Return the registered sections that apply, by name, in the order of the report."""
    return {
        name: section
        for name, section in all_sections().items()
        if section.applies(model, data, classifier)
    }


def plan_evaluation(
    model: LatentModel,
    data: Data,
    n: Integer,
    *,
    has_classifier: bool,
    extractor: Extractor | None = None,
) -> tuple[Plan, dict[str, Reason]]:
    """Find out what can be measured, before anything is computed.

    Arguments:
        model: The model.
        data: Real images.
        n: The largest number of samples.
        has_classifier: Whether there is a classifier, or one will be trained.
        extractor: Maps images to features; None: the classifier, or random convolutions if there
            is no classifier.

    Returns:
        The plan, and the quantities that can't be measured, with the reasons.

    Raises:
        UserError: The images don't have the model's shape (code "shape-mismatch"), the model takes
            labels and the classes are others (code "class-mismatch"), or there are too few test
            images or samples (code "too-few-images").
    """
    card, size = data.card, as_count("n", n)
    if card.image_shape != model.image_shape:
        raise UserError(
            f"The images have shape {card.image_shape}, but the model generates images of "
            f"shape {model.image_shape}: give data like those that the model was trained on.",
            code="shape-mismatch",
        )
    if model.takes_label and card.classes and card.classes != model.classes:
        raise UserError(
            f"The classes of the data are {list_names(card.classes)}, but those of the model are "
            f"{list_names(model.classes)}: give data with the same classes.",
            code="class-mismatch",
        )
    usable = without_unseen_classes(binarized_for_comparison(data))
    _require_enough(len(usable.test), len(data.test), size)
    if extractor is None and not has_classifier:
        extractor = RandomConvolutions(model.image_shape)
    plan = Plan(
        model, data, shuffle_test_split(usable), min(size, len(usable.test)), has_classifier,
        extractor,
    )  # fmt: skip
    reasons = plan.class_reasons()
    for section in all_sections().values():
        reasons |= as_reasons(section.unmeasurable(plan))
    return plan, reasons


def _finite(
    measurements: dict[str, Measurement], left_out: dict[str, Reason | str]
) -> dict[str, Measurement]:
    """Return the measurements whose value is finite; the others are added to `left_out`. A
    reference that is not finite becomes unknown."""
    finite = {}
    for key, m in measurements.items():
        if not math.isfinite(m.value):
            left_out.setdefault(m.name, m.note or reason("value-not-finite"))
        elif m.reference is not None and not math.isfinite(m.reference):
            finite[key] = replace(m, reference=None)
        else:
            finite[key] = m
    return finite


def _require_enough(usable: int, count: int, size: int) -> None:
    """Check that there are enough test images and samples."""
    if size < MIN_IMAGES:
        raise UserError(
            f"n is {size}, but an evaluation needs at least {MIN_IMAGES} samples: give a larger "
            "n, or leave it out.",
            code="too-few-images",
        )
    if usable < MIN_IMAGES:
        dropped = count - usable
        without = (
            f" ({dropped:,} others are of classes without training images)" if dropped else ""
        )
        raise UserError(
            f"There are {usable} test images{without}, but an evaluation needs at least "
            f"{MIN_IMAGES}: give more images (without a test split of its own, a tenth of a data "
            "set is the test split), or a test split.",
            code="too-few-images",
        )


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
        UserError: The images don't have the model's shape (code "shape-mismatch"), the model takes
            labels and the classes are others (code "class-mismatch"), or there are fewer than 20
            test images or samples (code "too-few-images"). A quantity that can't be measured, such
            as a Fréchet distance of fewer images than features, is named in the report's
            `left_out`, with the reason. If nothing can be measured, the error of the first section
            is raised.
    """
    seed = as_seed(seed)
    model = model if isinstance(model, LatentModel) else load(model)
    data = load_data(data)
    will_train = classifier == "auto" and can_train_classifier(data)
    has_classifier = will_train or isinstance(classifier, Classifier)
    plan, reasons = plan_evaluation(
        model, data, n, has_classifier=has_classifier, extractor=extractor
    )
    if classifier == "auto":
        classifier = classifier_for(data) if will_train else None
    chosen = plan.extractor or classifier
    assert chosen is not None  # without a classifier, the plan has an extractor
    context = EvaluationContext(
        model=model,
        data=plan.usable,
        extractor=chosen,
        classifier=classifier,
        n=plan.n,
        seed=seed,
        nll_samples=nll_samples,
        gan_train_steps=gan_train_steps,
        response_steps=response_steps,
        left_out=dict(reasons),
    )
    if plan.unmeasured_classes():
        context.tables["unmeasured_classes"] = plan.unmeasured_classes()
    measurements: dict[str, Measurement] = {}
    seconds: dict[str, float] = {}
    first_error: UserError | None = None
    for done, (name, section) in enumerate(sections_for(model, data, classifier).items()):
        if progress:
            progress(done, name)
        start = time.perf_counter()
        try:
            measured = _finite(section.measure(context), context.left_out)
            measurements |= {key: interpreted(key, m) for key, m in measured.items()}
        except UserError as error:  # other sections may still have results
            context.left_out[name] = as_reason(error)
            first_error = first_error or error
        seconds[name] = time.perf_counter() - start
    if not measurements and first_error is not None:
        raise first_error
    return Report(
        model=_described(model),
        data=data.card.source,
        fingerprint=data.card.fingerprint,
        seed=seed,
        measurements=measurements,
        tables=context.tables,
        left_out=as_reasons(context.left_out),
        seconds=seconds,
    )


def _described(model: LatentModel) -> str:
    """Return the kind of a model, with its fitted prior if it has one."""
    if model.fitted_prior is None:
        return model.kind
    return f"{model.kind}, fitted prior: {model.fitted_prior}"
