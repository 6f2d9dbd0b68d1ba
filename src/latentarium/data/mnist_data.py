"""MNIST as it ships in the package: 70,000 handwritten digits (LeCun, Cortes, Burges, 1998)."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.idx import parse_idx, read_bytes
from latentarium.errors import UserError
from latentarium.files import sha256

CHECKSUMS = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of the unpacked files."""
VALIDATION = 5_000


def load_mnist(folder: Path | None = None) -> Data:
    """Train 55,000, validation 5,000 (a fixed choice from the 60,000) and test 10,000.

    Arguments:
        folder: Where the four files are; None: in the package.

    Raises:
        UserError: A file is missing or isn't the canonical one.
    """
    if folder is None:
        with as_file(files("latentarium.data") / "mnist") as shipped:
            return load_mnist(shipped)
    images, labels = (
        read_shipped(folder, "train-images-idx3"),
        read_shipped(folder, "train-labels-idx1"),
    )
    order = fixed_permutation(len(images))
    chosen, rest = np.sort(order[:VALIDATION]), np.sort(order[VALIDATION:])
    train = _split(images[rest], labels[rest])
    validation = _split(images[chosen], labels[chosen])
    test = _split(
        read_shipped(folder, "t10k-images-idx3"), read_shipped(folder, "t10k-labels-idx1")
    )
    card = DataCard(
        source="mnist",
        fingerprint=fingerprint(train, validation, test),
        image_shape=(1, 28, 28),
        classes=tuple("0123456789"),
    )
    return Data(card, train, validation, test)


def read_shipped(folder: Path, name: str) -> np.ndarray:
    """One of the four files that ship, checked by its sha256.

    Raises:
        UserError: It is missing or changed.
    """
    path = folder / f"{name}-ubyte.gz"
    content = read_bytes(path)
    if sha256(content) != CHECKSUMS[name]:
        raise UserError(f"{path} is not the MNIST file that ships: install latentarium again.")
    return parse_idx(content, path)


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(torch.from_numpy(images[:, None]), torch.from_numpy(labels.astype(np.int64)))
