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
from latentarium.classifier.classifier import Judge, load_judge, save_judge
from latentarium.classifier.training import ROTATION, SHIFT, ZOOM, augment, train_judge
from latentarium.data.dataset import Split, to_float
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.rng import Noise

SHIPPED = Path(latentarium.classifier.__file__).parent / "mnist"


def stripes(channels, n=240, height=12, width=19, seed=0):
    """Two classes: horizontal and vertical stripes of random phase under noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    axis = np.where(labels[:, None, None], np.arange(height)[:, None], np.arange(width))
    wave = np.sin(axis * 1.6 + rng.uniform(0, 6, n)[:, None, None])
    images = 128 + 60 * wave[:, None] + rng.normal(0, 20, (n, channels, height, width))
    return load_data(images.clip(0, 255).astype(np.uint8), labels)


@pytest.fixture(scope="module")
def judge():
    return load_judge()


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist")


def test_the_shipped_judge_is_as_good_as_its_record_says(judge, mnist):
    right = judge.correct(mnist.test)
    # another machine's arithmetic may tip an image on the edge, not more
    assert abs(right - judge.record["correct"]) <= 1
    assert judge.record["n"] == len(mnist.test) == 10_000
    assert judge.accuracy == judge.record["correct"] / 10_000
    assert judge.accuracy >= 0.993
    low, high = judge.record["interval"]
    assert low < judge.accuracy < high
    z = 1.959963984540054  # both ends of Wilson's interval solve (p - x)^2 = z^2 x (1 - x) / n
    for end in (low, high):
        assert (judge.accuracy - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 10_000)
    assert judge.record["data"]["fingerprint"] == mnist.card.fingerprint
    assert judge.classes == mnist.card.classes
    assert judge.name == "judge-mnist"
    assert (SHIPPED / "classifier.safetensors").stat().st_size < 2**20


def test_features_carry_the_decision_and_batches_do_not_matter(judge, mnist):
    pixels = mnist.test.images[:300]
    features = judge.features(pixels)
    assert features.shape == (300, 96)
    assert torch.allclose(judge.head(features), judge.logits(pixels), atol=1e-5)
    assert torch.allclose(judge.features(pixels, batch_size=7), features, atol=1e-4)
    assert torch.allclose(judge.features(to_float(pixels)), features, atol=1e-5)
    assert torch.allclose(judge.probabilities(pixels).sum(1), torch.ones(300))
    assert torch.equal(judge.predict(pixels), judge.logits(pixels, batch_size=11).argmax(1))
    assert judge.predict(pixels[:0]).shape == (0,)
    assert not features.requires_grad


def test_judging_leaves_the_mode_as_it_was():
    judge = Judge((1, 8, 8), ("a", "b")).train()
    before = judge.hash
    judge.predict(torch.randn(5, 1, 8, 8))
    assert judge.training
    assert judge.hash == before  # no statistics moved


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 9), (2, 1, 1), (4, 64, 64), (1, 8, 130)])
def test_any_shape_fits(shape):
    judge = Judge(shape, ("a", "b", "c"))
    images = torch.randn(3, *shape)
    assert judge.features(images).shape == (3, judge.num_features)
    assert judge.logits(images).shape == (3, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_training_learns_what_is_easily_told_apart(channels, tmp_path):
    lines = []
    data = stripes(channels)
    judge = train_judge(data, steps=60, batch_size=64, checks=3, progress=lines.append)
    fresh = stripes(channels, n=400, seed=1).train
    assert judge.correct(fresh) / len(fresh) > 0.95
    assert judge.correct(data.test) == judge.record["correct"]
    assert len(lines) == 3
    assert "0 s left" in lines[-1]
    save_judge(judge, tmp_path / "kept")
    again = load_judge(tmp_path / "kept")
    assert again.hash == judge.hash
    assert again.record == judge.record
    assert torch.equal(again.logits(fresh.images), judge.logits(fresh.images))


def test_training_is_a_function_of_the_seed():
    data = stripes(1, n=80)
    state = torch.random.get_rng_state()
    first, again, other = (train_judge(data, steps=4, checks=2, seed=s).hash for s in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), state)  # the caller's numbers are untouched


def test_test_images_have_no_say_in_training_and_alone_make_the_score():
    """With every test label wrong, a choice made on test would keep the worst weights."""
    data = stripes(1, n=240)
    assert data.test.labels is not None
    wrong = dataclasses.replace(data, test=Split(data.test.images, 1 - data.test.labels))
    judge = train_judge(data, steps=40, checks=8)
    misled = train_judge(wrong, steps=40, checks=8)
    assert judge.hash == misled.hash
    assert judge.record["correct"] > 20
    assert judge.record["correct"] + misled.record["correct"] == len(data.test)


def test_augmentation_is_a_similarity_in_pixels_and_never_a_mirror():
    """The image of a coordinate field tells where each pixel was taken from."""
    height, width = 40, 64
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(64.0), indexing="ij")
    field = torch.stack([columns, rows]).expand(30, 2, height, width)
    moved = augment(field, Noise("test"))[:, :, 15:25, 25:39]  # far from the border
    right, down = moved.diff(dim=3)[:, :, :9], moved.diff(dim=2)[..., :13]
    assert right.std((2, 3)).max() < 1e-3  # affine
    right, down = right.mean((2, 3)), down.mean((2, 3))
    zoom = right.norm(dim=1)
    assert torch.allclose(zoom, down.norm(dim=1), atol=1e-3)
    assert (right * down).sum(1).abs().max() < 1e-3  # a right angle stays one
    assert (right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]).min() > 0  # no mirror
    assert 1 - ZOOM - 1e-3 < zoom.min() < zoom.max() < 1 + ZOOM + 1e-3
    angle = torch.atan2(right[:, 1], right[:, 0])
    assert ROTATION / 2 < angle.abs().max() < ROTATION + 1e-3
    centre = moved[:, :, 4:6, 6:8].mean((2, 3)) - torch.tensor([31.5, 19.5])
    limit = torch.tensor([width, height]) * SHIFT
    assert (centre.abs() <= limit + 1e-2).all()
    assert (centre.abs().amax(0) > limit / 2).all()


# ------------------------------------------------------------------------------- mistakes


@pytest.fixture
def copied(tmp_path):
    for name in ("classifier.safetensors", "classifier.json"):
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


def refuses(folder, says):
    with pytest.raises(UserError) as caught:
        load_judge(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


def test_one_changed_weight_is_found_out(copied):
    load_judge(copied)
    state = load_file(copied / "classifier.safetensors")
    state["head.bias"][3] = math.nextafter(float(state["head.bias"][3]) + 1e-6, 9)
    save_file(state, copied / "classifier.safetensors")
    refuses(copied, "is not the one its record describes")


def test_renamed_classes_are_found_out(copied):
    path = copied / "classifier.json"
    record = json.loads(path.read_text())
    record["config"]["classes"].reverse()
    path.write_text(json.dumps(record))
    refuses(copied, "is not the one its record describes")


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
def test_damaged_files(copied, name, content):
    (copied / name).write_bytes(content)
    refuses(copied, "is damaged")


def test_missing_files(copied):
    (copied / "classifier.safetensors").unlink()
    refuses(copied, "There is no judge")


def test_unfit_use_is_one_sentence(judge):
    with pytest.raises(UserError, match="judges images of shape"):
        judge.predict(torch.zeros(2, 3, 28, 28))
    with pytest.raises(UserError, match="at least 2 classes"):
        train_judge(load_data(np.zeros((20, 8, 8), np.uint8)))
    with pytest.raises(UserError, match="need labels"):
        judge.correct(Split(torch.zeros(2, 1, 28, 28), None))
    with pytest.raises(UserError, match="has no score yet"):
        _ = Judge((1, 8, 8), ("a", "b")).accuracy


def test_the_training_script(tmp_path):
    data = stripes(1, n=60)
    parts = {}
    for name, split in data.splits().items():
        parts |= {f"x_{name}": split.images.numpy(), f"y_{name}": np.asarray(split.labels)}
    np.savez(tmp_path / "stripes.npz", allow_pickle=False, **parts)

    def run(source):
        command = [sys.executable, "-W", "error", "-m", "latentarium.classifier"]
        command += ["--data", source, "--out", str(tmp_path / "out"), "--steps", "20"]
        return subprocess.run(command, capture_output=True, text=True)

    done = run(str(tmp_path / "stripes.npz"))
    assert done.returncode == 0, done.stderr
    assert "is right on" in done.stdout
    assert load_judge(tmp_path / "out").name == "judge-stripes.npz"
    failed = run("no-such.npz")
    assert failed.returncode == 2
    assert "There is no file or folder no-such.npz" in failed.stderr
    assert "Traceback" not in failed.stderr
