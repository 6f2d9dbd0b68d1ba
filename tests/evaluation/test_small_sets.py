"""Evaluations with few images, and with classes that lack training or test images."""

import dataclasses
import functools
import json
import math

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.data.class_counts import unseen_classes, without_unseen_classes
from latentarium.data.dataset import Data, Split
from latentarium.evaluation import evaluate as evaluation
from latentarium.evaluation.evaluate import evaluate as full_evaluate
from latentarium.evaluation.evaluate import plan_evaluation
from latentarium.evaluation.report import EMPTY, Report
from latentarium.evaluation.sections.labels import COVERAGE, GAN_TRAIN, WRONG_LABEL
from latentarium.evaluation.sections.latent import GAPS
from latentarium.evaluation.sections.memorization import NEAR_COPIES
from latentarium.metrics.extractors import PixelPCA
from latentarium.models.build import build
from support.errors import raises_code
from support.tiny import tiny_arrays

evaluate = functools.partial(full_evaluate, nll_samples=5, gan_train_steps=8, response_steps=2)
FRECHET = "Fréchet distance"


@pytest.fixture(autouse=True)
def short_classifier(monkeypatch, tmp_path):
    monkeypatch.setattr("latentarium.classifier.lookup.MAX_STEPS", 8)
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_classifier(monkeypatch):
    """Let a test fail if a classifier is trained."""

    def fail(*_, **__):
        raise AssertionError("a classifier is trained")

    monkeypatch.setattr(evaluation, "classifier_for", fail)


def splits(train, validation, test, shape=(1, 12, 10), classes=3):
    """Return tiny data; each argument is the list of labels of a split."""
    given = {}
    for seed, (name, labels) in enumerate(
        {"train": train, "validation": validation, "test": test}.items()
    ):
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 60, size=(len(labels), *shape))
        for i, label in enumerate(labels):
            images[i, :, label % shape[1]] += 180
        given[name] = Split(
            torch.from_numpy(images.astype(np.uint8)), torch.tensor(labels, dtype=torch.int64)
        )
    names = tuple(f"class {c}" for c in range(classes))
    card = la.load_data(np.zeros((10, 8, 8), np.uint8)).card
    card = dataclasses.replace(
        card, source="splits", fingerprint="0" * 64, image_shape=shape, classes=names
    )
    return Data(card, given["train"], given["validation"], given["test"])


def balanced(count, classes=3):
    return [i % classes for i in range(count)]


@functools.cache
def untrained(preset, classes=3, shape=(1, 12, 10), labelled=True):
    """Return a model with random weights: what can be measured doesn't depend on the weights."""
    card = splits([0], [0], [0], shape=shape, classes=classes).card
    card = card if labelled else dataclasses.replace(card, classes=())
    return build(presets.get(preset).model, card, 0).eval()


def is_strict(report: Report) -> bool:
    """Return whether a report has neither a NaN nor an infinity, also in its JSON."""
    json.dumps(report.to_dict(), allow_nan=False)
    return all(math.isfinite(m.value) for m in report.measurements.values())


@pytest.mark.parametrize("preset", ["ae_debug", "vae_class_debug", "gan_debug", "cgan_debug"])
def test_twenty_test_images_are_enough_and_each_gap_has_a_reason(preset):
    images, labels = tiny_arrays(200)
    data = la.load_data(images, labels)
    assert len(data.test) == 20
    model = build(presets.get(preset).model, data.card, 0).eval()
    report = evaluate(model, data)
    assert is_strict(report)
    assert {"kernel", "precision", "recall", "density", "coverage", "memorization"} <= set(
        report.measurements
    )
    assert "frechet" not in report.measurements
    assert FRECHET in report.left_out
    assert NEAR_COPIES in report.left_out
    assert (GAPS in report.left_out) == (preset in ("ae_debug", "vae_class_debug"))
    if "class" in preset or "cgan" in preset:
        assert {"gan_test", "gan_train"} <= set(report.measurements)
    for name, reason in report.left_out.items():
        assert str(reason), name
        row = next(row for row in report.rows() if row[0] == name)
        assert set(row[1:]) == {EMPTY}
        assert any(name in note and str(reason) in note for note in report.notes())


def test_with_fewer_test_images_one_message_comes_before_any_training(no_classifier):
    images, labels = tiny_arrays(199)
    data = la.load_data(images, labels)
    assert len(data.test) == 19
    model = build(presets.get("cgan_debug").model, data.card, 0)
    with raises_code("too-few-images") as error:
        evaluate(model, data)
    assert "19" in str(error.value)
    with raises_code("too-few-images"):
        evaluate(model, la.load_data(*tiny_arrays(400)), n=19)


def test_gaps_are_known_before_a_classifier_is_trained(no_classifier):
    model = untrained("cgan_debug")
    data = splits(balanced(60), balanced(20), balanced(20))
    _, reasons = plan_evaluation(model, data, 10_000, has_classifier=True)
    assert {FRECHET, f"{FRECHET}, random convolutions", NEAR_COPIES} <= set(reasons)


def test_what_is_announced_as_unmeasurable_is_what_the_report_lacks():
    data = splits(balanced(60), balanced(20), balanced(20))
    for preset in ("vae_class_debug", "cgan_debug", "gan_debug"):
        model = untrained(preset)
        _, reasons = plan_evaluation(model, data, 10_000, has_classifier=True)
        assert evaluate(model, data).left_out == reasons


def test_a_large_set_lacks_nothing():
    data = splits(balanced(400), balanced(150), balanced(150))
    for preset in ("vae_class_debug", "cgan_debug", "gan_debug"):
        assert plan_evaluation(untrained(preset), data, 10_000, has_classifier=True)[1] == {}


# ------------------------------------------------------------- classes without some images


def test_a_class_without_training_images_is_never_sampled(monkeypatch):
    data = splits([0, 1] * 40, [0, 1, 2] * 10, [0, 1, 2] * 12)
    model, requested = untrained("cgan_debug"), []
    sample = type(model).sample

    def record(self, n, label=None, **options):
        assert label is not None  # without labels, all classes would be drawn
        requested.extend(label.tolist())
        return sample(self, n, label, **options)

    monkeypatch.setattr(type(model), "sample", record)
    report = evaluate(model, data)
    assert set(requested) == {0, 1}
    assert is_strict(report)
    assert "class 2" in report.left_out["Classes without training images"].text
    assert report.tables["unmeasured_classes"] == {"class 2": "no training images"}
    assert report.tables["confusion"]["requested_by_predicted"][2] == [0, 0, 0]
    assert report.tables["classes"]["coverage"][2] is None
    assert all(row[2] is None for row in report.tables["wrong_label_auc"][:2])
    assert report["kernel"].n == 24  # of the 36 test images, 12 are of the unseen class
    assert report["gan_test"].value == pytest.approx(
        sum(report.tables["confusion"]["requested_by_predicted"][c][c] for c in (0, 1)) / 24
    )


def test_latents_are_never_drawn_for_a_class_without_training_images(monkeypatch):
    data = splits([0, 2] * 60, [0, 1, 2] * 40, [0, 1, 2] * 60)
    model, drawn = untrained("vae_class_debug"), set()
    prior = model.prior.forward

    def record(y, n=None):
        drawn.update([] if y is None else y.tolist())
        return prior(y, n)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(model.prior, "forward", record)
    report = evaluate(model, data)
    assert "gaps" in report.measurements
    assert drawn == {0, 2}


def test_an_unconditional_model_is_not_blamed_for_a_class_that_it_never_saw():
    data = splits([0, 1] * 40, [0, 1, 2] * 10, [0, 1, 2] * 12)
    report = evaluate(untrained("gan_debug"), data)
    assert report["classes.rarest"].detail in ("class 0", "class 1")
    assert "Classes without training images" in report.left_out


def test_a_class_without_test_images_has_a_dash_for_what_compares_with_them():
    data = splits(balanced(90), balanced(30), [0, 1] * 20)
    report = evaluate(untrained("cgan_debug"), data)
    assert is_strict(report)
    assert "class 2" in report.left_out["Classes without test images"].text
    assert report.tables["unmeasured_classes"] == {"class 2": "no test images"}
    classes = report.tables["classes"]
    assert classes["coverage"][2] is None
    assert classes["coverage"][0] is not None
    assert sum(report.tables["confusion"]["requested_by_predicted"][2]) > 0  # it was learned
    worst = report["gan_test.worst"]
    assert (worst.reference is None) == (worst.detail == "class 2")


def test_a_test_split_of_one_class_leaves_no_pair_of_labels():
    data = splits(balanced(90), balanced(30), [1] * 30)
    report = evaluate(untrained("cgan_debug"), data)
    assert is_strict(report)
    assert WRONG_LABEL in report.left_out
    assert "wrong_label" not in report.measurements
    assert report["coverage.worst"].detail == "class 1"


def test_training_images_of_one_class_need_no_classifier(no_classifier):
    data = splits([1] * 90, [1] * 30, [1] * 20 + [0] * 5)
    report = evaluate(untrained("cgan_debug"), data)
    assert is_strict(report)
    assert {GAN_TRAIN, COVERAGE, WRONG_LABEL} <= set(report.left_out)
    assert (report["kernel"].extractor or "").startswith("random-convolutions")


def test_unseen_test_images_do_not_count_as_test_images(no_classifier):
    with raises_code("too-few-images") as error:
        evaluate(untrained("cgan_debug"), splits([0, 1] * 40, [0, 1], [2] * 30 + [0] * 19))
    assert "30" in str(error.value)


def test_twenty_images_of_twelve_classes():
    data = splits(balanced(60, 12), balanced(24, 12), balanced(20, 12), classes=12)
    report = evaluate(untrained("cgan_debug", classes=12), data)
    assert is_strict(report)
    assert COVERAGE in report.left_out
    assert {"gan_test", "gan_train", "wrong_label"} <= set(report.measurements)


def test_more_classes_than_samples_are_named():
    data = splits(balanced(80, 40), balanced(40, 40), balanced(40, 40), classes=40)
    report = evaluate(untrained("cgan_debug", classes=40), data, n=20)
    assert "class 20" in report.left_out["Classes without samples"].text


def test_a_class_with_one_image_in_all_splits(tmp_path):
    images, labels = tiny_arrays(260)
    labels[labels == 2] = 0
    data = None
    for position in range(40):  # until the permutation puts the image outside the training split
        numbers = labels.copy()
        numbers[position] = 2
        data = la.load_data(images, numbers)
        if unseen_classes(data):
            break
    assert data is not None
    assert unseen_classes(data) == [2]
    report = evaluate(untrained("cgan_debug", classes=3), with_names(data))
    assert is_strict(report)
    assert "Classes without training images" in report.left_out


def with_names(data):
    card = dataclasses.replace(data.card, classes=tuple(f"class {c}" for c in range(3)))
    return dataclasses.replace(data, card=card)


# ------------------------------------------------------------------------------ odd images


@pytest.mark.parametrize("preset", ["ae_debug", "vae_class_debug", "gan_debug", "cgan_debug"])
def test_images_that_are_all_equal_give_numbers_or_reasons(preset):
    data = splits(balanced(150), balanced(120), balanced(130))
    equal = {
        name: Split(torch.full_like(split.images, 77), split.labels)
        for name, split in data.splits().items()
    }
    equal_data = Data(data.card, equal["train"], equal["validation"], equal["test"])
    report = evaluate(untrained(preset), equal_data)
    assert is_strict(report)
    assert {"kernel", "precision"} <= set(report.measurements)


def test_pixel_pca_of_equal_images_has_equal_features():
    images = torch.full((50, 1, 8, 8), 9, dtype=torch.uint8)
    features = PixelPCA.fit(images).features(images)
    assert bool(features.isfinite().all())
    assert torch.equal(features, features[:1].expand_as(features))


@pytest.mark.parametrize("preset", ["ae_debug", "cgan_debug"])
def test_eight_by_eight_grey_images(preset):
    shape = (1, 8, 8)
    data = splits(balanced(60), balanced(24), balanced(24), shape=shape)
    report = evaluate(untrained(preset, shape=shape), data)
    assert is_strict(report)
    assert ("ssim" in report.measurements) == (preset == "ae_debug")


@pytest.mark.parametrize("preset", ["vae_class_debug", "cgan_debug"])
def test_a_conditional_model_on_unlabelled_data(preset, no_classifier):
    data = splits(balanced(60), balanced(24), balanced(24))
    card = dataclasses.replace(data.card, classes=())
    parts = {name: Split(split.images, None) for name, split in data.splits().items()}
    unlabelled = Data(card, parts["train"], parts["validation"], parts["test"])
    report = evaluate(untrained(preset), unlabelled)
    assert is_strict(report)
    assert "kernel" in report.measurements
    assert all(report.left_out[name].code == "labels-needed" for name in (GAN_TRAIN, COVERAGE))
    assert not any(key.startswith("game") for key in report.measurements)


def test_a_conditional_model_needs_data_of_its_classes(no_classifier):
    data = splits(balanced(60, 4), balanced(24, 4), balanced(24, 4), classes=4)
    with raises_code("class-mismatch"):
        evaluate(untrained("cgan_debug"), data)


def test_data_without_unseen_classes_is_returned_unchanged():
    data = splits(balanced(60), balanced(24), balanced(24))
    assert without_unseen_classes(data) is data
    unlabelled = la.load_data(tiny_arrays(60)[0])
    assert without_unseen_classes(unlabelled) is unlabelled


# -------------------------------------------------------------------------------- training


def test_training_warns_of_classes_without_training_images(tmp_path):
    data = splits([0, 1] * 40, [0, 1, 2] * 10, [0, 1, 2] * 12)
    config = presets.get("cgan_debug")
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=1))
    with pytest.warns(UserWarning, match="class 2"):
        la.train(config, tmp_path / "run", data)
