"""Small data that every test can train on; one thread, so that tests don't fight; and no GPU,
since what is promised bit for bit is promised for a CPU."""

import os

import numpy as np
import pytest
import torch

from latentarium.data.dataset import Data
from latentarium.models.base import LatentModel
from latentarium.models.game import Player

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests begin
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # torch has not looked yet

pytest_plugins = ["support.browser"]


def tiny_arrays(n: int = 200, shape=(1, 12, 10), classes: int = 3, seed: int = 0):
    """Images whose bright rows say their class, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    images = rng.integers(0, 60, size=(n, *shape))
    for i, label in enumerate(labels):
        images[i, :, 3 * label : 3 * label + 3] += 180
    return images.astype(np.uint8), labels


def tiny_data(labelled: bool = True, shape=(1, 12, 10)) -> Data:
    """The same as `Data`."""
    import latentarium as la

    images, labels = tiny_arrays(shape=shape)
    return la.load_data(images, labels if labelled else None)


@pytest.fixture
def data() -> Data:
    return tiny_data()


@pytest.fixture
def npz(tmp_path):
    """The tiny images as a file."""
    images, labels = tiny_arrays()
    path = tmp_path / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path


def refused(capsys, *arguments: object) -> str:
    """Runs the command line, which must end by a sentence of refusal; with what it said before."""
    from latentarium import cli

    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.main([str(a) for a in arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("latentarium: ")
    return error


@pytest.fixture(scope="module")
def short_of_training():
    """Where measuring trains something, it does so for less long: the numbers are worse, and as
    many."""
    with pytest.MonkeyPatch.context() as patch:
        from functools import partial

        from latentarium.evaluation.evaluate import evaluate

        short = partial(evaluate, gan_train_steps=40, response_steps=10)
        patch.setattr("latentarium.evaluation.runs.evaluate", short)
        patch.setattr("latentarium.classifier.lookup.MAX_STEPS", 100)
        yield


class Mute(LatentModel):
    """A model that does nothing: a test gives it what it needs."""

    def players(self) -> list[Player]:
        raise AssertionError("nobody plays here")

    def decode(self, z, y=None):
        raise AssertionError("nothing is decoded here")

    def encode(self, x, y=None):
        raise AssertionError("nothing is encoded here")

    def reconstruct(self, x, y=None):
        raise AssertionError("nothing is encoded here")
