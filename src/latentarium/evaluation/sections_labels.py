"""The report's section about labels: whether what is asked for is made, and what appears where
nothing can be asked for."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from latentarium.classifier.classifier import Judge
from latentarium.data.dataset import Split
from latentarium.evaluation.gan_train import gan_train
from latentarium.evaluation.subject import Subject
from latentarium.metrics.conditional import (
    class_manifold,
    confusion,
    label_histogram,
    wrong_label_auc,
)
from latentarium.metrics.extractors import describe
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, Labels, Logits
from latentarium.stats.measurement import Measurement

GAN_TRAIN_STEPS = 600
"""Batches that each classifier of GAN-train sees."""


def labels(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """The conditional report card; or, where nothing can be asked for, what appears."""
    assert s.judge is not None  # the section is left out where there is none
    if not s.model.takes_label:
        return _histogram(s, tables)
    names = s.model.classes
    obeyed = confusion(s.asked, s.judged, len(names))
    tables["confusion"] = {"classes": list(names), "asked_by_judged": obeyed.table.tolist()}
    worst = obeyed.worst_class
    share, interval = obeyed.shares[worst], obeyed.intervals[worst]
    assert share is not None  # every class is asked for
    judge, test = describe(s.judge), s.data.test
    assert test.labels is not None
    shared = {"unit": "share", "seed": s.seed, "extractor": judge, "split": "test"}
    found = {
        "gan_test": Measurement(
            name="GAN-test: judged to be what was asked for", value=obeyed.adherence,
            interval=obeyed.adherence_interval, floor=s.judge.accuracy, n=obeyed.n,
            protocol="gan-test", **shared,
            note="GAN-test's floor is the judge's own accuracy on real test images, of the worst "
            "class that on its test images.",
        ),
        "gan_test.worst": Measurement(
            name="GAN-test, worst class", value=share, interval=interval,
            floor=_right(s.judge, test, worst), n=int(obeyed.table[worst].sum()),
            protocol="gan-test-worst", **shared, detail=names[worst],
        ),
    }  # fmt: skip
    trained = gan_train(
        lambda y: s.model.sample(len(y), y, seed=s.seed + 1), s.data, n=s.n, steps=GAN_TRAIN_STEPS,
        seed=s.seed,
    )  # fmt: skip
    found["gan_train"] = Measurement(
        name="GAN-train: a classifier of samples, right on real test images",
        value=trained.accuracy, interval=trained.interval, floor=trained.ceiling, n=s.n,
        unit="share", seed=s.seed, extractor="new-judge", split="test",
        protocol=f"gan-train-{trained.n}x{trained.steps}",
        note=f"GAN-train's floor is the same classifier trained on {trained.n:,} real images.",
    )  # fmt: skip
    assert s.test.labels is not None
    classes = class_manifold(s.real_features, s.test.labels, s.features, s.asked, len(names))
    tables["classes"] = dataclasses.asdict(classes)
    low = classes.worst_class
    value, left_out = classes.coverage[low], [
        name for name, share in zip(names, classes.coverage, strict=True) if share is None
    ]  # fmt: skip
    assert value is not None  # the worst is one of those measured
    few = f"Too few test images for a coverage of their own: {', '.join(left_out)}."
    found["coverage.worst"] = Measurement(
        name="Coverage, worst class", unit="share", value=value,
        interval=classes.coverage_intervals[low],
        floor=classes.expected_coverage[low], n=classes.n[low], seed=s.seed,
        extractor=describe(s.extractor), split="test", protocol=f"coverage-class-k{classes.k}<",
        detail=names[low], note=few if left_out else "",
    )  # fmt: skip
    return found | _refused(s, tables)


def _refused(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """How surely a discriminator that is told the label refuses a wrong one."""
    if not s.model.has_discriminator:
        return {}
    names, test, found = s.model.classes, s.data.test, {}
    assert test.labels is not None
    auc = wrong_label_auc(_scores_of(s.model), test.images, test.labels, len(names), seed=s.seed)
    tables["wrong_label_auc"] = [
        [v if math.isfinite(v) else None for v in row] for row in auc.table.tolist()
    ]
    given, true = auc.minimum_pair
    pair = f"a real {names[true]} under {names[given]}"
    for key, title, value, sure, detail in (
        ("", "mean over all pairs", auc.mean, auc.mean_interval, ""),
        (".worst", "hardest pair", auc.minimum, auc.minimum_interval, pair),
    ):
        found[f"wrong_label{key}"] = Measurement(
            name=f"Wrong label refused (AUC), {title}", value=value, interval=sure,
            floor=1.0, n=len(test), seed=s.seed, extractor="own-discriminator", split="test",
            protocol=f"wrong-label-auc{key}", detail=detail,
        )  # fmt: skip
    return found


def _right(judge: Judge, split: Split, c: int) -> float:
    """The share of a class's images that the judge reads as it."""
    assert split.labels is not None
    return float((judge.predict(split.images[split.labels == c]) == c).double().mean())


def _histogram(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    assert s.judge is not None
    names = s.judge.classes
    seen = label_histogram(s.judged, len(names))
    tables["classes_made"] = dict(zip(names, seen.counts, strict=True))
    real = label_histogram(s.judge.predict(s.test.images), len(names))
    by_share = sorted(range(len(names)), key=lambda c: seen.shares[c])
    found = {}
    for key, c in (("rarest", by_share[0]), ("commonest", by_share[-1])):
        found[f"classes.{key}"] = Measurement(
            name=f"{key.capitalize()} class made", value=seen.shares[c],
            unit="share", interval=seen.intervals[c], floor=real.shares[c], n=s.n, seed=s.seed,
            extractor=describe(s.judge), split="test", protocol=f"class-{key}",
            detail=names[c],
        )  # fmt: skip
    return found


def _scores_of(model: LatentModel) -> Callable[[Images, Labels], Logits]:
    """The discriminator's logits of images, wherever the model is."""
    return lambda x, y: model.discriminate(x.to(model.device), y.to(model.device))
