import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import latentarium.classifier
from latentarium.classifier.classifier import Classifier, load_classifier, save_classifier
from latentarium.classifier.training import (
    MAX_ROTATION,
    MAX_SHIFT,
    MAX_ZOOM,
    augment,
    main,
    train_classifier,
)
from latentarium.data.dataset import Split, to_float
from latentarium.data.sources import load_data
from latentarium.rng import Noise
from support.errors import raises_code

SHIPPED = Path(latentarium.classifier.__file__).parent / "mnist"


def stripes(channels, n=240, height=12, width=19, seed=0):
    """Return two classes: horizontal and vertical stripes of random phase with noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    axis = np.where(labels[:, None, None], np.arange(height)[:, None], np.arange(width))
    wave = np.sin(axis * 1.6 + rng.uniform(0, 6, n)[:, None, None])
    images = 128 + 60 * wave[:, None] + rng.normal(0, 20, (n, channels, height, width))
    return load_data(images.clip(0, 255).astype(np.uint8), labels)


@pytest.fixture(scope="module")
def classifier():
    return load_classifier()


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist")


def test_shipped_classifier_has_its_recorded_accuracy(classifier, mnist):
    correct = classifier.count_correct(mnist.test)
    # other hardware may flip one image close to the decision boundary
    assert abs(correct - classifier.metadata["correct"]) <= 1
    assert classifier.metadata["n"] == len(mnist.test) == 10_000
    assert classifier.accuracy == classifier.metadata["correct"] / 10_000
    assert classifier.accuracy >= 0.993
    low, high = classifier.metadata["interval"]
    assert low < classifier.accuracy < high
    z = 1.959963984540054  # both bounds solve (p - x)^2 = z^2 x (1 - x) / n
    for end in (low, high):
        assert (classifier.accuracy - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 10_000)
    assert classifier.metadata["data"]["fingerprint"] == mnist.card.fingerprint
    assert classifier.classes == mnist.card.classes
    assert classifier.name == "classifier-mnist"
    assert (SHIPPED / "classifier.safetensors").stat().st_size < 2**20


def test_logits_follow_from_features_and_batch_size_does_not_matter(classifier, mnist):
    pixels = mnist.test.images[:300]
    features = classifier.features(pixels)
    assert features.shape == (300, 96)
    assert torch.allclose(classifier.head(features), classifier.logits(pixels), atol=1e-5)
    assert torch.allclose(classifier.features(pixels, batch_size=7), features, atol=1e-4)
    assert torch.allclose(classifier.features(to_float(pixels)), features, atol=1e-5)
    assert torch.allclose(classifier.probabilities(pixels).sum(1), torch.ones(300))
    assert torch.equal(
        classifier.predict(pixels), classifier.logits(pixels, batch_size=11).argmax(1)
    )
    assert classifier.predict(pixels[:0]).shape == (0,)
    assert not features.requires_grad


def test_prediction_preserves_training_mode_and_statistics():
    classifier = Classifier((1, 8, 8), ("a", "b")).train()
    before = classifier.hash
    classifier.predict(torch.randn(5, 1, 8, 8))
    assert classifier.training
    assert classifier.hash == before  # batch statistics are unchanged


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 9), (2, 1, 1), (4, 64, 64), (1, 8, 130)])
def test_every_image_shape_is_accepted(shape):
    classifier = Classifier(shape, ("a", "b", "c"))
    images = torch.randn(3, *shape)
    assert classifier.features(images).shape == (3, classifier.num_features)
    assert classifier.logits(images).shape == (3, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_training_learns_an_easy_task_and_survives_saving(channels, tmp_path):
    lines = []
    data = stripes(channels)
    classifier = train_classifier(data, steps=60, batch_size=64, checks=3, progress=lines.append)
    fresh = stripes(channels, n=400, seed=1).train
    assert classifier.count_correct(fresh) / len(fresh) > 0.95
    assert classifier.count_correct(data.test) == classifier.metadata["correct"]
    assert len(lines) == 3
    assert "step 60/60" in lines[-1]
    save_classifier(classifier, tmp_path / "saved")
    again = load_classifier(tmp_path / "saved")
    assert again.hash == classifier.hash
    assert again.metadata == classifier.metadata
    assert torch.equal(again.logits(fresh.images), classifier.logits(fresh.images))


def test_training_is_a_function_of_the_seed_and_leaves_the_global_generator():
    data = stripes(1, n=80)
    state = torch.random.get_rng_state()
    first, again, other = (
        train_classifier(data, steps=4, checks=2, seed=s).hash for s in (0, 0, 1)
    )
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), state)


def test_test_split_is_used_for_the_accuracy_only():
    """With all test labels wrong, a choice made on test would keep the worst weights."""
    data = stripes(1, n=240)
    assert data.test.labels is not None
    wrong = dataclasses.replace(data, test=Split(data.test.images, 1 - data.test.labels))
    classifier = train_classifier(data, steps=40, checks=8)
    with_wrong_labels = train_classifier(wrong, steps=40, checks=8)
    assert classifier.hash == with_wrong_labels.hash
    assert classifier.metadata["correct"] > 20
    assert classifier.metadata["correct"] + with_wrong_labels.metadata["correct"] == len(data.test)


def test_augmentation_is_a_similarity_in_pixels_without_mirroring():
    """Augmenting an image of coordinates shows where each pixel was taken from."""
    height, width = 40, 64
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(64.0), indexing="ij")
    field = torch.stack([columns, rows]).expand(30, 2, height, width)
    moved = augment(field, Noise("test"))[:, :, 15:25, 25:39]  # far from the border
    right, down = moved.diff(dim=3)[:, :, :9], moved.diff(dim=2)[..., :13]
    assert right.std((2, 3)).max() < 1e-3  # affine
    right, down = right.mean((2, 3)), down.mean((2, 3))
    zoom = right.norm(dim=1)
    assert torch.allclose(zoom, down.norm(dim=1), atol=1e-3)
    assert (right * down).sum(1).abs().max() < 1e-3  # angles are preserved
    assert (right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]).min() > 0  # not mirrored
    assert 1 - MAX_ZOOM - 1e-3 < zoom.min() < zoom.max() < 1 + MAX_ZOOM + 1e-3
    angle = torch.atan2(right[:, 1], right[:, 0])
    assert MAX_ROTATION / 2 < angle.abs().max() < MAX_ROTATION + 1e-3
    centre = moved[:, :, 4:6, 6:8].mean((2, 3)) - torch.tensor([31.5, 19.5])
    limit = torch.tensor([width, height]) * MAX_SHIFT
    assert (centre.abs() <= limit + 1e-2).all()
    assert (centre.abs().amax(0) > limit / 2).all()


# --------------------------------------------------------------------------------- errors


@pytest.fixture
def copied(tmp_path):
    for name in ("classifier.safetensors", "classifier.json"):
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


def assert_refused(folder, code):
    with raises_code(code) as caught:
        load_classifier(folder)
    assert str(folder) in str(caught.value)


def test_changed_weight_is_detected(copied):
    load_classifier(copied)
    state = load_file(copied / "classifier.safetensors")
    state["head.bias"][3] = math.nextafter(float(state["head.bias"][3]) + 1e-6, 9)
    save_file(state, copied / "classifier.safetensors")
    assert_refused(copied, "hash-mismatch")


def test_renamed_classes_are_detected(copied):
    path = copied / "classifier.json"
    record = json.loads(path.read_text())
    record["config"]["classes"].reverse()
    path.write_text(json.dumps(record))
    assert_refused(copied, "hash-mismatch")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classifier.json", b"{"),
        ("classifier.json", b"[]"),
        ("classifier.json", b"{}"),
        ("classifier.json", b"\xff\xfe"),
        ("classifier.safetensors", b""),
        ("classifier.safetensors", b"\x10" + 100 * b"\0"),
    ],
)
def test_damaged_files_are_refused(copied, name, content):
    (copied / name).write_bytes(content)
    assert_refused(copied, "damaged-classifier")


def test_missing_files_are_refused(copied):
    (copied / "classifier.safetensors").unlink()
    assert_refused(copied, "no-classifier")


def test_invalid_use_is_refused(classifier):
    with raises_code("shape-mismatch"):
        classifier.predict(torch.zeros(2, 3, 28, 28))
    with raises_code("too-few-classes"):
        train_classifier(load_data(np.zeros((20, 8, 8), np.uint8)))
    with raises_code("no-labels"):
        classifier.count_correct(Split(torch.zeros(2, 1, 28, 28), None))
    with raises_code("not-scored"):
        _ = Classifier((1, 8, 8), ("a", "b")).accuracy


def test_training_from_the_command_line(tmp_path, capsys):
    data = stripes(1, n=60)
    parts = {}
    for name, split in data.splits().items():
        parts |= {f"x_{name}": split.images.numpy(), f"y_{name}": np.asarray(split.labels)}
    np.savez(tmp_path / "stripes.npz", allow_pickle=False, **parts)

    options = ["--out", str(tmp_path / "out"), "--steps", "20", "--data"]
    command = [sys.executable, "-W", "error", "-m", "latentarium.classifier", *options]
    done = subprocess.run(
        [*command, str(tmp_path / "stripes.npz")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert load_classifier(tmp_path / "out").name == "classifier-stripes.npz"
    with pytest.raises(SystemExit) as stop:
        main([*options, "no-such.npz"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "no-such.npz" in error
    assert "Traceback" not in error
