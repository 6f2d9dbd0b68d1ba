"""Tiny images that a model learns in seconds, and a model stub."""

import numpy as np

import latentarium as la
from latentarium.data.dataset import Data
from latentarium.models.base import LatentModel
from latentarium.models.game import Player


def tiny_arrays(
    n: int = 200, shape: tuple[int, int, int] = (1, 12, 10), classes: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images (n, C, H, W), uint8, whose class decides which rows are bright, and
    their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    images = rng.integers(0, 60, size=(n, *shape))
    for i, label in enumerate(labels):
        images[i, :, 3 * label : 3 * label + 3] += 180
    return images.astype(np.uint8), labels


def tiny_data(labelled: bool = True, shape: tuple[int, int, int] = (1, 12, 10)) -> Data:
    """Return the same images as `Data`."""
    images, labels = tiny_arrays(shape=shape)
    return la.load_data(images, labels if labelled else None)


class ModelStub(LatentModel):
    """A model whose methods all fail; a test overrides the ones that it needs."""

    def players(self) -> list[Player]:
        raise AssertionError("players is not expected to be called")

    def decode(self, z, y=None):
        raise AssertionError("decode is not expected to be called")

    def encode(self, x, y=None):
        raise AssertionError("encode is not expected to be called")

    def reconstruct(self, x, y=None, *, batch_size=1):
        raise AssertionError("reconstruct is not expected to be called")
