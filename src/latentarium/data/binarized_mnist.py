"""Binary MNIST in the two protocols of the literature, whose likelihoods are not comparable.

    dynamic   training images stay grey, and each batch is binarized at random (a model with
              `binarize`); validation and test were binarized once, with a published seed
    static    all images were binarized once, and the result is published as three files

A third practice, grey pixels under a Bernoulli likelihood, needs no data set of its own: it gives
a cross-entropy, not a likelihood.

References:
    On the quantitative analysis of deep belief networks (Salakhutdinov and Murray, 2008)
    The neural autoregressive distribution estimator (Larochelle and Murray, 2011)
    Importance weighted autoencoders (Burda, Grosse and Salakhutdinov, 2016)
    VAE with a VampPrior (Tomczak and Welling, 2018), https://arxiv.org/abs/1705.07120
"""

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentarium.config import DataCard
from latentarium.data.arrays import RawData, to_data
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.mnist import read_shipped_file
from latentarium.data.readers.amat import read_amat
from latentarium.errors import UserError

DYNAMIC, STATIC = "mnist-dynamic", "mnist-static"
"""Names on the data cards."""
DYNAMIC_FINGERPRINT = "1a035f3505c96d3d50828536b1aab92805f5db996f00279809410c0da8c816ba"
"""Fingerprint of `dynamic_mnist`."""
DYNAMIC_SEED = 777
DYNAMIC_TRAIN = 50_000
"""Training images of the dynamic protocol."""
STATIC_COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
"""Images in each of the static files, by the part of the file name."""


def dynamic_mnist() -> Data:
    """Load the dynamic protocol, as in the code of Tomczak and Welling.

    Train is the first 50,000 of the 60,000 training images in file order, grey. Validation is the
    other 10,000 and test the 10,000 test images, both binarized once: NumPy's legacy generator
    `RandomState`, whose stream never changes, with seed 777 draws `binomial(1, pixel / 255)` image
    by image and row by row, first for validation, then for test. Using float32 (as there) or
    float64 changes no pixel (measured). Off and on are stored as 0 and 255.
    """
    with as_file(files("latentarium.data") / "mnist") as folder:
        grey = read_shipped_file(folder, "train-images-idx3")
        labels = read_shipped_file(folder, "train-labels-idx1")
        grey_test = read_shipped_file(folder, "t10k-images-idx3")
        labels_test = read_shipped_file(folder, "t10k-labels-idx1")
    random = np.random.RandomState(DYNAMIC_SEED)
    train = _to_split(grey[:DYNAMIC_TRAIN], labels[:DYNAMIC_TRAIN])
    validation = _to_split(_binarize(random, grey[DYNAMIC_TRAIN:]), labels[DYNAMIC_TRAIN:])
    test = _to_split(_binarize(random, grey_test), labels_test)
    card = DataCard(
        source=DYNAMIC,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(1, 28, 28),
        classes=tuple("0123456789"),
    )
    return Data(card, train, validation, test)


def static_mnist(folder: Path | str, counts: Mapping[str, int] = STATIC_COUNTS) -> Data:
    """Load the static protocol, which has no labels; see `read_static_mnist`."""
    return to_data(read_static_mnist(Path(folder), counts))


def read_static_mnist(folder: Path, counts: Mapping[str, int] = STATIC_COUNTS) -> RawData:
    """Read binarized_mnist_train.amat, ..._valid.amat and ..._test.amat.

    Larochelle and Murray (2011) published these files. They contain MNIST as binarized by
    Salakhutdinov and Murray (2008), each pixel once from a Bernoulli distribution with its grey
    value: 50,000, 10,000 and 10,000 lines of 784 zeros and ones, without labels. They don't ship
    in the package.

    Arguments:
        folder: Where the three files are.
        counts: The number of images in each file.

    Raises:
        UserError: A file is missing or has another content.
    """
    images = {}
    for part, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        path = static_file(folder, part)
        if not path.is_file():
            raise UserError(
                f"{folder} has no {path.name}: the static protocol needs all three files, "
                f"{', '.join(static_file(folder, p).name for p in STATIC_COUNTS)}.",
                code="file-not-found",
            )
        images[split] = read_amat(path, counts[part])
    return RawData(source=STATIC, images=images, labels={})


def static_file(folder: Path, part: str) -> Path:
    """Return the path of a static file; `part` is "train", "valid" or "test"."""
    return folder / f"binarized_mnist_{part}.amat"


def is_binary(images: Tensor) -> bool:
    """Return whether each pixel is off or on: 0 or 255 in uint8, -1 or 1 in floats."""
    low, high = (0, 255) if images.dtype == torch.uint8 else (-1, 1)
    return bool(((images == low) | (images == high)).all())


def is_published(card: DataCard, images: Tensor, data: Data | None = None) -> bool:
    """Return whether binary images are held-out images of a published protocol, bit for bit.

    Arguments:
        card: The card of the data that a model was trained on; it names the protocol.
        images: uint8 or floats (N, 1, 28, 28).
        data: The data set of the images. None loads the dynamic protocol's. The files of the
            static protocol don't ship, so without `data` no image belongs to it.
    """
    if card.source == DYNAMIC and card.fingerprint == DYNAMIC_FINGERPRINT:
        data = data or dynamic_mnist()
    # another folder may have the same name, but not the same split sizes
    elif card.source != STATIC or data is None or len(data.train) != STATIC_COUNTS["train"]:
        return False
    held_out = _packed(data.validation.images) | _packed(data.test.images)
    return data.card.fingerprint == card.fingerprint and _packed(images) <= held_out


def _packed(images: Tensor) -> set[bytes]:
    """Return each binary image as packed bits."""
    return {row.tobytes() for row in np.packbits((images.flatten(1) > 0).cpu().numpy(), axis=1)}


def _binarize(random: np.random.RandomState, grey: np.ndarray) -> np.ndarray:
    return random.binomial(1, grey.astype(np.float32) / np.float32(255)).astype(np.uint8) * 255


def _to_split(images: np.ndarray, labels: np.ndarray) -> Split:
    pixels = np.ascontiguousarray(images[:, None])
    return Split(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))
