"""Adherence to labels; for a model that takes no labels, the classes of its samples.

GAN-train and its references are in `evaluation.gan_train`.
"""

import dataclasses
import math
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.class_counts import class_counts
from latentarium.data.dataset import Data, Split
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.gan_train import gan_train
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.metrics.conditional import (
    confusion,
    label_histogram,
    per_class_density_coverage,
)
from latentarium.metrics.extractors import describe
from latentarium.metrics.wrong_label import wrong_label_auc
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.shapes import Images, Labels, Logits
from latentarium.stats.measurement import Measurement
from latentarium.unchecked import unchecked_inputs

GAN_TEST = "GAN-test: classified as the requested class"
GAN_TEST_WORST = "GAN-test, worst class"
GAN_TRAIN = "GAN-train: accuracy on real test images of a classifier trained on samples"
COVERAGE = "Coverage, worst class"
WRONG_LABEL = "Wrong label refused (AUC), mean over all pairs"
WRONG_LABEL_WORST = "Wrong label refused (AUC), hardest pair"
COVERAGE_NEIGHBOURS = 5
"""k of coverage within a class, which therefore needs more than k test images."""


@register("section", "labels")
class LabelAdherence(Section):
    """GAN-test, GAN-train, coverage per class and rejection of wrong labels.

    For a model that takes no labels, it is a histogram of the classes of its samples instead.
    """

    order: ClassVar[float] = 30

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return super().applies(model, data, classifier) and classifier is not None

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        model = plan.model
        if not (super().applies(model, plan.data, None) and model.takes_label):
            return {}
        has_wrong_labels = model.has_discriminator and model.decodes_label
        wrong_label = [WRONG_LABEL, WRONG_LABEL_WORST] if has_wrong_labels else []
        if len(plan.seen) < 2:  # else the caller wants no classifier
            why = (
                reason("one-class", count=len(plan.seen))
                if plan.classes
                else reason("labels-needed")
            )
            quantities = [GAN_TEST, GAN_TEST_WORST, GAN_TRAIN, COVERAGE, *wrong_label]
            return dict.fromkeys(quantities, why)
        if not plan.has_classifier:
            return {}
        reasons = {}
        needed = COVERAGE_NEIGHBOURS + 1
        if len(plan.seen) > plan.n:  # the first n classes are requested once
            reasons["Classes without samples"] = reason(
                "unsampled-classes", classes=plan.names(plan.seen[plan.n :]), n=plan.n
            )
        few = [c for c in plan.seen[: plan.n] if plan.test_counts[c] < needed]
        if len(few) == len(plan.seen[: plan.n]):
            reasons[COVERAGE] = reason("all-classes-small", needed=needed)
        elif few:
            reasons["Coverage within some classes"] = reason(
                "small-classes", classes=plan.names(few), needed=needed
            )
        if sum(count > 0 for count in plan.test_counts) < 2:
            reasons |= dict.fromkeys(wrong_label, reason("one-test-class"))
        return reasons

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        assert context.classifier is not None  # else the section doesn't apply
        if not context.model.takes_label:
            return _class_histogram(context, context.classifier)
        measurements = _gan_test(context, context.classifier)
        if GAN_TRAIN not in context.left_out:
            measurements["gan_train"] = _gan_train(context)
        if COVERAGE not in context.left_out:
            measurements["coverage.worst"] = _worst_class_coverage(context)
        if WRONG_LABEL not in context.left_out:
            measurements |= _wrong_labels(context)
        return measurements


def _gan_test(context: EvaluationContext, classifier: Classifier) -> dict[str, Measurement]:
    """Measure how often the classifier predicts the requested class."""
    names, test = context.model.classes, context.data.test
    adherence = confusion(context.requested_labels, context.predicted_labels, len(names))
    context.tables["confusion"] = {
        "classes": list(names),
        "requested_by_predicted": adherence.table.tolist(),
    }
    worst = adherence.worst_class
    share, interval = adherence.shares[worst], adherence.worst_interval
    assert share is not None  # every class is requested
    shared = {
        "unit": "share", "seed": context.seed, "extractor": describe(classifier), "split": "test",
    }  # fmt: skip
    return {
        "gan_test": Measurement(
            name=GAN_TEST, value=adherence.adherence,
            interval=adherence.adherence_interval, reference=classifier.accuracy, n=adherence.n,
            protocol="gan-test", **shared,
            note="The reference of GAN-test is the classifier's accuracy on real test images; for "
            "the worst class, its accuracy on the real test images of that class.",
        ),
        "gan_test.worst": Measurement(
            name=GAN_TEST_WORST, value=share, interval=interval,
            reference=_class_accuracy(classifier, test, worst),
            n=int(adherence.table[worst].sum()), protocol="gan-test-worst", **shared,
            detail=names[worst],
        ),
    }  # fmt: skip


def _gan_train(context: EvaluationContext) -> Measurement:
    """Measure a classifier that is trained on samples."""
    model, seed = context.model, context.seed
    trained = gan_train(
        lambda y: model.sample(len(y), y, seed=seed + 1), context.data, n=context.n,
        steps=context.gan_train_steps, seed=seed,
    )  # fmt: skip
    return Measurement(
        name=GAN_TRAIN, value=trained.accuracy, interval=trained.interval,
        reference=trained.ceiling, n=context.n,
        unit="share", seed=seed, extractor="new-classifier", split="test",
        protocol=f"gan-train-{trained.n}x{trained.steps}",
        note=f"The reference of GAN-train is the same classifier trained on {trained.n:,} real "
        "images.",
    )  # fmt: skip


def _worst_class_coverage(context: EvaluationContext) -> Measurement:
    """Measure coverage within each class, and report the worst."""
    names, test = context.model.classes, context.test
    assert test.labels is not None  # there is a classifier
    classes = per_class_density_coverage(
        context.real_features, test.labels, context.features, context.requested_labels,
        len(names), k=COVERAGE_NEIGHBOURS,
    )  # fmt: skip
    context.tables["classes"] = {"names": list(names), **dataclasses.asdict(classes)}
    worst = classes.worst_class
    value = classes.coverage[worst]
    assert value is not None  # the worst class was measured
    return Measurement(
        name=COVERAGE, unit="share", value=value, interval=classes.worst_interval,
        reference=classes.expected_coverage[worst], n=classes.n[worst], seed=context.seed,
        extractor=describe(context.extractor), split="test",
        protocol=f"coverage-class-k{classes.k}<", detail=names[worst],
    )  # fmt: skip


def _wrong_labels(context: EvaluationContext) -> dict[str, Measurement]:
    """Measure how well a conditional discriminator distinguishes right from wrong labels."""
    model, names, test = context.model, context.model.classes, context.data.test
    if not (model.has_discriminator and model.decodes_label):
        return {}
    assert test.labels is not None  # there is a classifier

    def discriminate(x: Images, y: Labels) -> Logits:
        with unchecked_inputs():
            return model.discriminate(x.to(model.device), y.to(model.device))

    auc = wrong_label_auc(discriminate, test.images, test.labels, len(names))
    context.tables["wrong_label_auc"] = [
        [v if math.isfinite(v) else None for v in row] for row in auc.table.tolist()
    ]
    given, true = auc.minimum_pair
    pair = f"a real {names[true]} labelled {names[given]}"
    return {
        f"wrong_label{key}": Measurement(
            name=name, value=value, interval=interval,
            reference=1.0, n=len(test), seed=context.seed, extractor="own-discriminator",
            split="test", protocol=f"wrong-label-auc{key}", detail=detail,
        )
        for key, name, value, interval, detail in (
            ("", WRONG_LABEL, auc.mean, auc.mean_interval, ""),
            (".worst", WRONG_LABEL_WORST, auc.minimum, auc.minimum_interval, pair),
        )
    }  # fmt: skip


def _class_accuracy(classifier: Classifier, split: Split, label: int) -> float | None:
    """Return the classifier's accuracy on the real images of one class; None if there are none."""
    assert split.labels is not None  # there is a classifier
    images = split.images[split.labels == label]
    if not len(images):
        return None
    return float((classifier.predict(images) == label).double().mean())


def _class_histogram(context: EvaluationContext, classifier: Classifier) -> dict[str, Measurement]:
    """Measure how often the rarest and the commonest class appear among samples."""
    names = classifier.classes
    generated = label_histogram(context.predicted_labels, len(names))
    context.tables["classes_made"] = dict(zip(names, generated.counts, strict=True))
    real = label_histogram(classifier.predict(context.test.images), len(names))
    # no model can generate a class without training images, and no classifier can recognize it
    seen = [c for c, count in enumerate(class_counts(context.data.train, len(names))) if count]
    by_share = sorted(seen, key=lambda c: generated.shares[c])
    return {
        f"classes.{key}": Measurement(
            name=f"{key.capitalize()} class among samples", value=generated.shares[c],
            unit="share", interval=generated.simultaneous_intervals[c],
            reference=real.shares[c], n=context.n,
            seed=context.seed, extractor=describe(classifier), split="test",
            protocol=f"class-{key}", detail=names[c],
        )
        for key, c in (("rarest", by_share[0]), ("commonest", by_share[-1]))
    }  # fmt: skip
