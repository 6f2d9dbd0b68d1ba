"""Settings of every test process, and the fixtures of tiny data.

One thread, so that parallel test processes don't slow each other down. No GPU, because
bit-identical results are promised for a CPU only.
"""

import os

import numpy as np
import pytest
import torch

from latentarium.data.dataset import Data
from support.settings import settings_classes
from support.tiny import tiny_arrays, tiny_data

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # for child processes
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # works because torch initializes CUDA lazily

for kind in settings_classes():
    # settings check their own values, with a message that beartype's would replace
    kind.__init__ = getattr(kind.__init__, "__wrapped__", kind.__init__)

pytest_plugins = ["support.browser"]


@pytest.fixture
def data() -> Data:
    """The tiny images with labels."""
    return tiny_data()


@pytest.fixture
def npz(tmp_path):
    """The tiny images with labels, as a file."""
    images, labels = tiny_arrays()
    path = tmp_path / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path
