"""Binary MNIST by its published protocols, and training on random binarizations."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from latentarium import presets
from latentarium.config import AutoencoderConfig, DataCard
from latentarium.data.batches import Batch
from latentarium.data.binarized_mnist import (
    DYNAMIC_FINGERPRINT,
    STATIC_COUNTS,
    binarized_for_comparison,
    dynamic_mnist,
    is_binary,
    is_published,
    static_file,
    static_mnist,
)
from latentarium.data.dataset import Data, Split, to_float
from latentarium.data.mnist import load_mnist
from latentarium.data.readers.amat import read_amat
from latentarium.data.readers.idx import read_idx
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.metrics.memorization import measure_memorization
from latentarium.models.autoencoder import Autoencoder
from latentarium.rng import Noise
from support.data_files import labels_of
from support.errors import raises_code
from support.tiny import tiny_data

RNG = np.random.default_rng(0)
SMALL_COUNTS = {"train": 12, "valid": 4, "test": 5}


@pytest.fixture(scope="module")
def dynamic():
    return dynamic_mnist()


def random_bits(n):
    return RNG.integers(0, 2, (n, 784))


def to_text(bits, line_end="\n"):
    return "".join(" ".join(map(str, row)) + line_end for row in bits)


def rows(images):
    return images.flatten(1).numpy()


def in_file_order():
    """The 60,000 training images of MNIST in the order of their file."""
    path = Path(str(files("latentarium.data"))) / "mnist" / "train-images-idx3-ubyte.gz"
    return read_idx(path).reshape(60_000, 784)


# ---------------------------------------------------------------------------------- dynamic


def test_dynamic_mnist_equals_the_published_binarization(dynamic):
    """Compare with NumPy's global generator, as the code of the literature uses it."""
    grey = in_file_order()
    state = np.random.get_state()  # noqa: NPY002  the protocol is this old generator
    np.random.seed(777)  # noqa: NPY002
    expected = [
        np.random.binomial(1, part / 255.0)  # noqa: NPY002
        for part in (grey[50_000:], rows(load_mnist().test.images))
    ]
    np.random.set_state(state)  # noqa: NPY002
    for split, bits in zip((dynamic.validation, dynamic.test), expected, strict=True):
        assert split.images.unique().tolist() == [0, 255]
        assert np.array_equal(rows(split.images) // 255, bits)
    assert np.array_equal(rows(dynamic.train.images), grey[:50_000])


def test_dynamic_mnist_keeps_the_labels_and_has_its_own_card(dynamic):
    assert [len(split) for split in dynamic.splits().values()] == [50_000, 10_000, 10_000]
    assert dynamic.card.source == "mnist-dynamic"
    assert dynamic.card.fingerprint == DYNAMIC_FINGERPRINT
    assert torch.equal(labels_of(dynamic.test), labels_of(load_mnist().test))
    assert load_data("mnist-dynamic").card == dynamic.card


def test_pixels_are_on_with_the_probability_of_their_grey_value(dynamic):
    grey = rows(load_mnist().test.images) / 255
    drawn = rows(dynamic.test.images) / 255
    assert (drawn[grey == 0] == 0).all()
    assert (drawn[grey == 1] == 1).all()
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        some = (grey > low) & (grey < high)
        error = np.sqrt((grey * (1 - grey))[some].sum()) / some.sum()
        assert abs(drawn[some].mean() - grey[some].mean()) < 4 * error


def test_only_unchanged_held_out_images_are_published(dynamic):
    card, test = dynamic.card, dynamic.test.images[:20]
    other = test.clone()
    other[7, 0, 14, 14] = 255 - other[7, 0, 14, 14]
    for data in (None, dynamic):  # None: the published images are loaded
        assert is_published(card, test, data)
        assert not is_published(card, other, data)
    assert is_published(card, test.float() / 127.5 - 1, dynamic)
    assert is_published(card, dynamic.validation.images[-20:], dynamic)
    thresholded = 255 * (load_mnist().test.images[:20] > 127).to(torch.uint8)
    assert not is_published(card, thresholded, dynamic)
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
def test_binary_images_have_only_the_two_extreme_values(images, binary):
    assert is_binary(images) is binary


# ---------------------------------------------------------------- training on binarizations


def binarizing(**changes):
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    torch.manual_seed(0)
    return Autoencoder(replace(config, binarize=True, **changes), tiny_data().card)


def test_encoder_and_likelihood_get_the_same_binarization_which_differs_between_steps(monkeypatch):
    model, seen = binarizing(), []
    encode, nll = model.encode, model.likelihood.nll
    monkeypatch.setattr(model, "encode", lambda x, y: seen.append(x) or encode(x, y))
    monkeypatch.setattr(model.likelihood, "nll", lambda o, x: seen.append(x) or nll(o, x))
    grey = torch.linspace(-1, 1, 120).reshape(1, 1, 12, 10).expand(400, -1, -1, -1)
    for step in (0, 1, 0):
        model.loss(Batch(grey, None), Noise(0, step))
    encoded, scored = seen[0::2], seen[1::2]
    for a, b in zip(encoded, scored, strict=True):
        assert torch.equal(a, b)
        assert is_binary(a)
    assert not torch.equal(encoded[0], encoded[1])
    assert torch.equal(encoded[0], encoded[2])
    # within 5 standard errors of 800 draws; never and always at the extremes
    share = (torch.cat(encoded[:2]).mean(0) + 1) / 2
    p = (grey[0] + 1) / 2
    assert bool(((share - p).abs() <= 5 * (p * (1 - p) / 800).sqrt()).all())


def test_binarizing_binary_images_changes_nothing():
    model = binarizing()
    plain = Autoencoder(replace(model.config, binarize=False), model.data)
    plain.load_state_dict(model.state_dict())
    x = 2 * torch.randint(2, (16, 1, 12, 10)).float() - 1
    rate = [m.loss(Batch(x, None), Noise(1)).terms["rate"] for m in (model, plain)]
    assert torch.equal(*rate)


def test_binarizing_needs_a_bernoulli_likelihood():
    with pytest.raises(UserError):
        AutoencoderConfig(binarize=True, likelihood="gaussian")


# ----------------------------------------------------------------------------------- static


@pytest.fixture
def static(tmp_path):
    """A folder with the three files, shorter than the published ones, and their content."""
    content = {part: random_bits(n) for part, n in SMALL_COUNTS.items()}
    for part, bits in content.items():
        static_file(tmp_path, part).write_text(to_text(bits))
    return tmp_path, content


def test_the_static_files_become_three_splits_without_labels(static):
    folder, content = static
    data = static_mnist(folder, SMALL_COUNTS)
    assert data.card.source == "mnist-static"
    assert data.card.image_shape == (1, 28, 28)
    for split, part in zip(data.splits().values(), content, strict=True):
        assert split.labels is None
        assert np.array_equal(rows(split.images), 255 * content[part])


def test_load_data_requires_the_published_number_of_lines_and_no_labels(static):
    folder, _ = static
    for source in (folder, str(folder), folder / "binarized_mnist_valid.amat"):
        with raises_code("truncated-file"):
            load_data(source)
        with raises_code("unexpected-labels"):
            load_data(source, "labels")


def test_load_data_reads_files_of_the_published_size(tmp_path):
    for part, n in STATIC_COUNTS.items():
        text = np.full((n, 784, 2), ord(" "), np.uint8)
        text[..., 0] = ord("0") + RNG.integers(0, 2, (n, 784), dtype=np.uint8)
        text[:, -1, 1] = ord("\n")
        static_file(tmp_path, part).write_bytes(text.tobytes())
    data = load_data(tmp_path)
    assert [len(split) for split in data.splits().values()] == [50_000, 10_000, 10_000]
    assert data.card.source == "mnist-static"
    assert load_data(tmp_path / "binarized_mnist_valid.amat").card == data.card
    for part in STATIC_COUNTS:
        static_file(tmp_path, part).unlink()  # 110 MB


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " \n", "\n\n"])
@pytest.mark.parametrize("block_size", [1, 7, 784, 1569, 1 << 22])
def test_reading_does_not_depend_on_block_size_or_line_ends(tmp_path, line_end, block_size):
    path, bits = tmp_path / "x.amat", random_bits(3)
    for content in (to_text(bits, line_end), to_text(bits, line_end).rstrip()):
        path.write_bytes(content.encode())
        images = read_amat(path, 3, block_size)
        assert np.array_equal(images.reshape(3, 784), 255 * bits)


@pytest.mark.parametrize("block_size", [13, 1 << 22])
@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda t: t.replace("0", "2", 1), "not-binary"),
        (lambda t: t.replace("0 ", "0", 1), "not-binary"),
        (lambda t: t.replace("0", "0.0", 1), "not-binary"),
        (lambda t: t.replace("\n", " 1\n", 1), "wrong-line-length"),
        (lambda t: t.replace("\n", " ", 1), "wrong-line-length"),
        (lambda t: t + t, "too-many-lines"),
        (lambda t: t[: len(t) // 2], "truncated-file"),
        (lambda t: t[:-40], "truncated-file"),
        (lambda t: "", "truncated-file"),
    ],
)
def test_any_other_content_of_a_static_file_is_refused(tmp_path, damage, code, block_size):
    path = tmp_path / "x.amat"
    path.write_text(damage(to_text(np.eye(4, 784, dtype=int))))
    with raises_code(code):
        read_amat(path, 4, block_size)


def test_two_images_on_one_line_are_refused(tmp_path):
    path = tmp_path / "x.amat"
    path.write_text(to_text(random_bits(2), " "))
    with raises_code("truncated-file"):
        read_amat(path, 2)


def test_a_missing_static_file_is_named(static):
    folder, _ = static
    static_file(folder, "valid").unlink()
    static_file(folder, "train").write_text(to_text(random_bits(12)))
    with raises_code("file-not-found") as caught:
        static_mnist(folder, SMALL_COUNTS)
    assert "binarized_mnist_valid.amat" in str(caught.value)
    with raises_code("unreadable-file"):
        read_amat(folder, 3)


def dithered(images):
    """Binarize grey images at random."""
    return ((torch.rand(images.shape) * 255 < images).to(torch.uint8)) * 255


def grey_and_binary():
    """Grey training images, and held-out images of the same kind that are binary."""
    torch.manual_seed(0)
    grey = torch.rand(900, 1, 1, 8).expand(-1, -1, 8, -1).mul(255).to(torch.uint8)
    validation, test = (Split(dithered(part), None) for part in (grey[500:700], grey[700:]))
    card = DataCard(source="bars", fingerprint="0", image_shape=(1, 8, 8), classes=())
    return Data(card, Split(grey[:500].contiguous(), None), validation, test)


def test_grey_training_images_are_binarized_for_comparisons_with_binary_ones():
    data = grey_and_binary()
    compared = binarized_for_comparison(data)
    assert is_binary(compared.train.images)
    assert compared.train.images.dtype == torch.uint8
    assert compared.test is data.test
    assert binarized_for_comparison(data).train.images.equal(compared.train.images)
    # each pixel is white as often as its grey value says
    dark = data.train.images < 64
    assert compared.train.images[dark].float().mean() / 255 == pytest.approx(0.125, abs=0.02)
    floats = replace(data, train=Split(to_float(data.train.images), None))
    assert is_binary(binarized_for_comparison(floats).train.images)


def test_data_whose_splits_are_alike_stay_as_they_are():
    data = grey_and_binary()
    for alike in (
        replace(data, validation=data.train, test=data.train),
        replace(data, train=data.test),
        replace(data, validation=data.train),
    ):
        assert binarized_for_comparison(alike) is alike


def test_binary_samples_are_not_nearer_to_grey_training_images_only_by_their_greys():
    data = grey_and_binary()
    held_out = torch.cat([data.validation.images, data.test.images])
    samples = to_float(data.train.images[:100]) * 0.9 + 0.1 * torch.rand(100, 1, 8, 8)
    as_it_is = measure_memorization(samples.roll(1, 3), data.train.images, held_out)
    compared = binarized_for_comparison(data).train.images
    fair = measure_memorization(samples.roll(1, 3), compared, held_out)
    assert as_it_is.nearer_to_training > 0.9
    assert fair.nearer_to_training < 0.75
