import numpy as np
import pytest
import torch

import latentarium as la
from latentarium.errors import UserError
from latentarium.evaluation.gan_train import gan_train


def images_of(labels, seed=0, shape=(1, 12, 10)):
    """Noise, with bright rows that say the class."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, size=(len(labels), *shape))
    for i, label in enumerate(np.asarray(labels)):
        x[i, :, 3 * label : 3 * label + 3] += rng.integers(20, 180)
    return torch.from_numpy(x.astype(np.uint8))


@pytest.fixture(scope="module")
def data():
    labels = np.random.default_rng(1).integers(3, size=600)
    return la.load_data(images_of(labels).numpy(), labels)


def score(data, sample):
    return gan_train(sample, data, n=240, steps=40, seed=1)


def as_float(pixels):
    return pixels.float() / 127.5 - 1


def test_real_looking_samples_teach_as_much_as_real_images(data):
    found = score(data, lambda y: as_float(images_of(y, seed=7)))
    assert found.ceiling > 0.9
    assert found.accuracy > found.ceiling_interval[0] - 0.05
    assert found.n == 240


def test_samples_that_ignore_the_label_teach_nothing(data):
    found = score(data, lambda y: as_float(images_of(y.flip(0) % 1, seed=7)))
    assert found.accuracy < 0.6 < found.ceiling


def test_swapped_labels_teach_the_wrong_thing(data):
    found = score(data, lambda y: as_float(images_of((y + 1) % 3, seed=7)))
    assert found.accuracy < 0.3 < found.ceiling


def test_data_without_classes_are_a_sentence():
    unlabelled = la.load_data(images_of([0] * 100).numpy())
    with pytest.raises(UserError, match="needs labels"):
        gan_train(lambda y: torch.zeros(len(y), 1, 12, 10), unlabelled)
