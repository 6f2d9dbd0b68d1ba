from dataclasses import replace

import numpy as np
import pytest
import torch
from support.data_files import labels_of

from conftest import tiny_data
from latentarium import presets
from latentarium.config import AutoencoderConfig
from latentarium.data import binarized_mnist
from latentarium.data.batches import Batch
from latentarium.data.binarized_mnist import (
    DYNAMIC_FINGERPRINT,
    dynamic_mnist,
    is_binary,
    is_published,
    read_amat,
    static_mnist,
)
from latentarium.data.mnist import load_mnist
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.models.autoencoder import Autoencoder
from latentarium.random import Noise

RNG = np.random.default_rng(0)
SMALL = {"train": 12, "valid": 4, "test": 5}


@pytest.fixture(scope="module")
def dynamic():
    return dynamic_mnist()


def bits(n):
    return RNG.integers(0, 2, (n, 784))


def text(rows, end="\n"):
    return "".join(" ".join(map(str, row)) + end for row in rows)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the three files, shorter than the published ones, and what they hold."""
    monkeypatch.setattr(binarized_mnist, "ROWS", SMALL)
    held = {part: bits(n) for part, n in SMALL.items()}
    for part, rows in held.items():
        (tmp_path / f"binarized_mnist_{part}.amat").write_text(text(rows))
    return tmp_path, held


# ---------------------------------------------------------------------------------- dynamic


def test_dynamic_mnist_is_the_published_draw(dynamic):
    """The draw written once more as the literature's code does it: numpy's global state."""
    plain = load_mnist()
    state = np.random.get_state()  # noqa: NPY002  the protocol is this old generator
    np.random.seed(777)  # noqa: NPY002
    drawn = [
        np.random.binomial(1, grey)  # noqa: NPY002
        for grey in (in_file_order(plain)[50_000:] / 255.0, rows(plain.test.images) / 255.0)
    ]
    np.random.set_state(state)  # noqa: NPY002
    for split, expected in zip((dynamic.validation, dynamic.test), drawn, strict=True):
        assert split.images.unique().tolist() == [0, 255]
        assert np.array_equal(rows(split.images) // 255, expected)
    assert np.array_equal(rows(dynamic.train.images), in_file_order(plain)[:50_000])


def rows(images):
    return images.flatten(1).numpy()


def in_file_order(plain):
    """The 60,000 training images, from the shipped file itself."""
    from importlib.resources import files
    from pathlib import Path

    from latentarium.data.readers.idx import read_idx

    path = Path(str(files("latentarium.data"))) / "mnist" / "train-images-idx3-ubyte.gz"
    return read_idx(path).reshape(60_000, 784)


def test_dynamic_mnist_keeps_labels_and_says_what_it_is(dynamic):
    assert [len(split) for split in dynamic.splits().values()] == [50_000, 10_000, 10_000]
    assert dynamic.card.source == "mnist-dynamic"
    assert dynamic.card.fingerprint == DYNAMIC_FINGERPRINT
    assert torch.equal(labels_of(dynamic.test), labels_of(load_mnist().test))
    assert load_data("mnist-dynamic").card == dynamic.card


def test_a_drawn_image_is_on_as_often_as_it_is_bright(dynamic):
    grey = rows(load_mnist().test.images) / 255
    drawn = rows(dynamic.test.images) / 255
    assert (drawn[grey == 0] == 0).all()
    assert (drawn[grey == 1] == 1).all()
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        some = (grey > low) & (grey < high)
        error = np.sqrt((grey * (1 - grey))[some].sum()) / some.sum()
        assert abs(drawn[some].mean() - grey[some].mean()) < 4 * error


def test_held_out_images_are_known_and_others_are_not(dynamic):
    card, test = dynamic.card, dynamic.test.images[:20]
    for data in (None, dynamic):
        assert is_published(card, test, data)
        assert is_published(card, test.float() / 127.5 - 1, data)
        assert is_published(card, dynamic.validation.images[-20:], data)
        other = test.clone()
        other[7, 0, 14, 14] = 255 - other[7, 0, 14, 14]
        assert not is_published(card, other, data)
        thresholded = 255 * (load_mnist().test.images[:20] > 127).to(torch.uint8)
        assert not is_published(card, thresholded, data)
    assert not is_published(replace(card, source="photos"), test, dynamic)
    assert not is_published(replace(card, fingerprint="f"), test, dynamic)


@pytest.mark.parametrize(
    ("images", "binary"),
    [
        (torch.tensor([0, 255], dtype=torch.uint8), True),
        (torch.tensor([0, 1], dtype=torch.uint8), False),
        (torch.tensor([-1.0, 1.0]), True),
        (torch.tensor([0.0, 1.0]), False),
        (torch.tensor([-1.0, 0.99]), False),
    ],
)
def test_binary_means_every_pixel_at_an_end(images, binary):
    assert is_binary(images) is binary


# ----------------------------------------------------------------------- training on draws


def binarizing(**changes):
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    torch.manual_seed(0)
    return Autoencoder(replace(config, binarize=True, **changes), tiny_data().card)


def test_encoder_and_likelihood_see_one_draw_that_is_new_with_each_move(monkeypatch):
    model, seen = binarizing(), []
    encode, nll = model.encode, model.likelihood.nll
    monkeypatch.setattr(model, "encode", lambda x, y: seen.append(x) or encode(x, y))
    monkeypatch.setattr(model.likelihood, "nll", lambda o, x: seen.append(x) or nll(o, x))
    grey = torch.linspace(-1, 1, 120).reshape(1, 1, 12, 10).expand(400, -1, -1, -1)
    for step in (0, 1, 0):
        model.loss(Batch(grey, None), Noise(0, step))
    encoded, judged = seen[0::2], seen[1::2]
    for a, b in zip(encoded, judged, strict=True):
        assert torch.equal(a, b)
        assert is_binary(a)
    assert not torch.equal(encoded[0], encoded[1])
    assert torch.equal(encoded[0], encoded[2])
    # on as often as grey, within 5 standard errors of 800 draws; never and always at the ends
    share = (torch.cat(encoded[:2]).mean(0) + 1) / 2
    p = (grey[0] + 1) / 2
    assert bool(((share - p).abs() <= 5 * (p * (1 - p) / 800).sqrt()).all())


def test_what_is_binary_already_trains_the_same_with_and_without():
    model = binarizing()
    plain = Autoencoder(replace(model.config, binarize=False), model.data)
    plain.load_state_dict(model.state_dict())
    x = 2 * torch.randint(2, (16, 1, 12, 10)).float() - 1
    rate = [m.loss(Batch(x, None), Noise(1)).terms["rate"] for m in (model, plain)]
    assert torch.equal(*rate)


def test_drawing_pixels_needs_a_bernoulli_likelihood():
    with pytest.raises(UserError, match="set likelihood to 'bernoulli'"):
        AutoencoderConfig(binarize=True, likelihood="gaussian")


# ----------------------------------------------------------------------------------- static


def test_the_static_files_become_three_splits_without_labels(folder):
    path, held = folder
    data = static_mnist(path)
    assert data.card.source == "mnist-static"
    assert data.card.image_shape == (1, 28, 28)
    for split, part in zip(data.splits().values(), held, strict=True):
        assert split.labels is None
        assert np.array_equal(rows(split.images), 255 * held[part])
    for source in (path, str(path), path / "binarized_mnist_valid.amat"):
        assert load_data(source).card == data.card
    with pytest.raises(UserError, match="its own labels"):
        load_data(path, "labels")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n", "\n\n"])
@pytest.mark.parametrize("block", [1, 7, 784, 1569, 1 << 22])
def test_reading_does_not_depend_on_blocks_or_line_ends(tmp_path, monkeypatch, end, block):
    monkeypatch.setattr(binarized_mnist, "BLOCK", block)
    path, held = tmp_path / "x.amat", bits(3)
    for content in (text(held, end), text(held, end).rstrip()):
        path.write_bytes(content.encode())
        assert np.array_equal(read_amat(path, 3).reshape(3, 784), 255 * held)


@pytest.mark.parametrize("block", [13, 1 << 22])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.replace("0", "2", 1), "holds '2'"),
        (lambda t: t.replace("0 ", "0", 1), "where a 0 or a 1 and a space are due"),
        (lambda t: t.replace("0", "0.0", 1), r"holds '\.'"),
        (lambda t: t.replace("\n", " 1\n", 1), "a line of 785 values"),
        (lambda t: t.replace("\n", " ", 1), "a line of 1568 values"),
        (lambda t: t + t, "more than 4 lines"),
        (lambda t: t[: len(t) // 2], "holds 1,568 values, not 4 lines"),
        (lambda t: t[:-40], "cut off"),
        (lambda t: "", "holds 0 values"),
    ],
)
def test_anything_else_in_a_static_file_is_a_sentence(tmp_path, monkeypatch, spoil, says, block):
    monkeypatch.setattr(binarized_mnist, "BLOCK", block)
    path = tmp_path / "x.amat"
    path.write_text(spoil(text(np.eye(4, 784, dtype=int))))
    with pytest.raises(UserError, match=says):
        read_amat(path, 4)


def test_a_double_line_at_the_end_is_not_taken_for_two(tmp_path):
    path = tmp_path / "x.amat"
    path.write_text(text(bits(2), " "))
    with pytest.raises(UserError, match="cut off"):
        read_amat(path, 2)


def test_a_static_file_that_is_missing_is_named(folder):
    path, _ = folder
    (path / "binarized_mnist_valid.amat").unlink()
    with pytest.raises(UserError, match=r"has no binarized_mnist_valid\.amat"):
        load_data(path)
    with pytest.raises(UserError, match="can't be read"):
        read_amat(path, 3)
