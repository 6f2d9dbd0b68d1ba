"""MNIST, which ships in the package: 70,000 handwritten digits (LeCun, Cortes, Burges, 1998)."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.readers.idx import parse_idx, read_bytes
from latentarium.errors import UserError
from latentarium.files import sha256

CHECKSUMS = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the decompressed files."""
NUM_VALIDATION = 5_000


def load_mnist(folder: Path | None = None) -> Data:
    """Load 55,000 training, 5,000 validation and 10,000 test images.

    A fixed permutation chooses the validation images from the 60,000 published training images.

    Arguments:
        folder: The folder with the four files; None for the files in the package.

    Raises:
        UserError: A file is missing or differs from the published file.
    """
    if folder is None:
        with as_file(files("latentarium.data") / "mnist") as shipped:
            return load_mnist(shipped)
    images, labels = (
        read_shipped_file(folder, "train-images-idx3"),
        read_shipped_file(folder, "train-labels-idx1"),
    )
    order = fixed_permutation(len(images))
    chosen, rest = np.sort(order[:NUM_VALIDATION]), np.sort(order[NUM_VALIDATION:])
    train = _to_split(images[rest], labels[rest])
    validation = _to_split(images[chosen], labels[chosen])
    test = _to_split(
        read_shipped_file(folder, "t10k-images-idx3"),
        read_shipped_file(folder, "t10k-labels-idx1"),
    )
    card = DataCard(
        source="mnist",
        fingerprint=fingerprint(train, validation, test),
        image_shape=(1, 28, 28),
        classes=tuple("0123456789"),
    )
    return Data(card, train, validation, test)


def read_shipped_file(folder: Path, name: str) -> np.ndarray:
    """Read one of the four files and verify its checksum.

    Arguments:
        folder: The folder with the four files.
        name: A key of `CHECKSUMS`.

    Raises:
        UserError: The file is missing or differs from the published file.
    """
    path = folder / f"{name}-ubyte.gz"
    content = read_bytes(path)
    if sha256(content) != CHECKSUMS[name]:
        raise UserError(
            f"{path} is not the published MNIST file (its checksum differs): install latentarium "
            "again.",
            code="checksum-mismatch",
        )
    return parse_idx(content, path)


def _to_split(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(torch.from_numpy(images[:, None]), torch.from_numpy(labels.astype(np.int64)))
