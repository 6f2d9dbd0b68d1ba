import pytest
import torch

from latentarium.classifier.classifier import load_classifier
from latentarium.data.mnist import load_mnist
from latentarium.data.stacked_mnist import MODES, stacked_mnist
from support.errors import raises_code


def image_set(images):
    return {image.numpy().tobytes() for image in images.flatten(0, 1)}


def test_channels_are_digits_of_the_same_split_and_the_label_is_their_number():
    data = stacked_mnist(400, 300)
    assert data.card.image_shape == (3, 28, 28)
    assert data.card.classes[:2] == ("000", "001")
    assert len(data.card.classes) == MODES
    mnist = load_mnist().splits()
    for name, split in data.splits().items():
        assert len(split) == (400 if name == "train" else 300)
        assert image_set(split.images) <= image_set(mnist[name].images)
        assert split.labels is not None
        digits = torch.stack([split.labels // 100, split.labels // 10 % 10, split.labels % 10], 1)
        predicted = load_classifier().predict(split.images.flatten(0, 1)[:, None]).view(-1, 3)
        assert float((predicted == digits).float().mean()) > 0.98


def test_triples_are_a_function_of_the_seed():
    a, b, c = stacked_mnist(50, 20), stacked_mnist(50, 20), stacked_mnist(50, 20, seed=1)
    assert a.card == b.card
    assert a.card.fingerprint != c.card.fingerprint
    assert torch.equal(a.test.images, b.test.images)


def test_all_modes_are_equally_frequent():
    labels = stacked_mnist(1, 20_000).test.labels
    assert labels is not None
    counts = labels.bincount(minlength=MODES)
    assert int((counts > 0).sum()) == MODES
    assert counts.float().std() < 8  # 4.5 by chance, and MNIST's digits differ in frequency


@pytest.mark.parametrize(("n", "held_out"), [(0, 5), (5, 0), (-1, 5)])
def test_empty_splits_are_refused(n, held_out):
    with raises_code("invalid-size"):
        stacked_mnist(n, held_out)
