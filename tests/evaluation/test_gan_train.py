"""GAN-train on samples that are right, random or systematically wrong."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium.evaluation.gan_train import gan_train
from support.errors import raises_code


def images_of(labels, seed=0, shape=(1, 12, 10)):
    """Noise with bright rows whose position shows the class."""
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


def test_samples_like_real_images_reach_the_ceiling(data):
    result = score(data, lambda y: as_float(images_of(y, seed=7)))
    assert result.ceiling > 0.9
    assert result.accuracy > result.ceiling_interval[0] - 0.05
    assert result.n == 240


def test_samples_that_ignore_the_label_reach_chance_level(data):
    result = score(data, lambda y: as_float(images_of(y.flip(0) % 1, seed=7)))
    assert result.accuracy < 0.6 < result.ceiling


def test_samples_with_swapped_labels_are_below_chance_level(data):
    result = score(data, lambda y: as_float(images_of((y + 1) % 3, seed=7)))
    assert result.accuracy < 0.3 < result.ceiling


def test_data_without_classes_are_refused():
    unlabelled = la.load_data(images_of([0] * 100).numpy())
    with raises_code("too-few-classes"):
        gan_train(lambda y: torch.zeros(len(y), 1, 12, 10), unlabelled)
