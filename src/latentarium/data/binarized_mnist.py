"""Binary MNIST in the two protocols of the literature, whose likelihoods are not comparable.

    dynamic   training images stay grey, and the model binarizes each batch at random (setting
              `binarize`); validation and test images are binarized once, with a published seed
    static    all images were binarized once, and the result is published as three files

A third practice evaluates a Bernoulli likelihood on the grey pixels of the data set "mnist". The
result is a cross-entropy, not a likelihood.

References:
    On the quantitative analysis of deep belief networks (Salakhutdinov and Murray, 2008)
    The neural autoregressive distribution estimator (Larochelle and Murray, 2011)
    Importance weighted autoencoders (Burda, Grosse and Salakhutdinov, 2016)
    VAE with a VampPrior (Tomczak and Welling, 2018), https://arxiv.org/abs/1705.07120
"""

from collections.abc import Mapping
from dataclasses import replace
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
"""Names of the two data sets on their data cards."""
DYNAMIC_FINGERPRINT = "1a035f3505c96d3d50828536b1aab92805f5db996f00279809410c0da8c816ba"
"""Fingerprint of `dynamic_mnist`."""
DYNAMIC_SEED = 777
DYNAMIC_TRAIN = 50_000
"""Training images of the dynamic protocol."""
STATIC_COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
"""Number of images in each static file, by the word in its file name."""
PROBE = 100
"""Number of images that are checked first, since most data are not binary."""


def dynamic_mnist() -> Data:
    """Load MNIST for the dynamic protocol, as the code of Tomczak and Welling does.

    The train split is the first 50,000 of the 60,000 published training images, in file order and
    with grey pixels. The validation split is the remaining 10,000 training images, and the test
    split is the 10,000 published test images. Both are binarized once: NumPy's `RandomState(777)`,
    whose stream never changes, draws `binomial(1, pixel / 255)` image by image and row by row,
    first for validation and then for test. Tomczak and Welling use float32; float64 was measured
    to give the same pixels. Black and white pixels are stored as 0 and 255.
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
    """Load MNIST for the static protocol, without labels; see `read_static_mnist`."""
    return to_data(read_static_mnist(Path(folder), counts))


def read_static_mnist(folder: Path, counts: Mapping[str, int] = STATIC_COUNTS) -> RawData:
    """Read binarized_mnist_train.amat, ..._valid.amat and ..._test.amat.

    Larochelle and Murray (2011) published these files. They contain MNIST as Salakhutdinov and
    Murray (2008) binarized it: each pixel was drawn once from a Bernoulli distribution whose
    probability is the grey value. The files have 50,000, 10,000 and 10,000 lines of 784 zeros and
    ones, and no labels. The package does not contain them.

    Arguments:
        folder: The folder with the three files.
        counts: The number of images that each file must have, by the word in its file name.

    Raises:
        UserError: A file is missing or damaged, or has another number of images.
    """
    images = {}
    for part, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        path = static_file(folder, part)
        if not path.is_file():
            raise UserError(
                f"{folder} has no {path.name}: give a folder with all three files of the static "
                f"protocol ({', '.join(static_file(folder, p).name for p in STATIC_COUNTS)}).",
                code="file-not-found",
            )
        images[split] = read_amat(path, counts[part])
    return RawData(source=STATIC, images=images, labels={})


def static_file(folder: Path, part: str) -> Path:
    """Return the path of a static file; `part` is "train", "valid" or "test"."""
    return folder / f"binarized_mnist_{part}.amat"


def is_binary(images: Tensor) -> bool:
    """Return whether each pixel is black or white: 0 or 255 in uint8, -1 or 1 in floats."""
    low, high = (0, 255) if images.dtype == torch.uint8 else (-1, 1)
    return bool(((images == low) | (images == high)).all())


def binarized_for_comparison(data: Data) -> Data:
    """Return the data with training images like the held-out ones.

    If the held-out images are binary and the training images grey, as in the dynamic protocol,
    each training pixel is drawn once, with its grey value as the probability of white. Otherwise
    every sample would be nearer to training images than to held-out ones, just by their greys.
    Other data are returned as they are.
    """
    train, held_out = data.train.images, (data.validation.images, data.test.images)
    if is_binary(train[:PROBE]) or not is_binary(data.test.images[:PROBE]):
        return data
    if not all(is_binary(images) for images in held_out):
        return data
    in_bytes = train.dtype == torch.uint8
    grey = train if in_bytes else 127.5 * (train + 1)
    random = np.random.RandomState(DYNAMIC_SEED)
    binary = torch.from_numpy(_binarize(random, grey.numpy()))
    images = binary if in_bytes else (binary / 127.5 - 1).to(train.dtype)
    return replace(data, train=replace(data.train, images=images))


def is_published(card: DataCard, images: Tensor, data: Data | None = None) -> bool:
    """Return whether all images are validation or test images of a published protocol.

    The comparison is exact: every bit of a binary image must be the same.

    Arguments:
        card: The card of the data that a model was trained on; it names the protocol.
        images: uint8 or floats (N, 1, 28, 28).
        data: The data set that the images come from. None loads the data of the dynamic protocol.
            The package does not contain the files of the static protocol, so for that protocol the
            result without `data` is False.
    """
    if card.source == DYNAMIC and card.fingerprint == DYNAMIC_FINGERPRINT:
        data = data or dynamic_mnist()
    # a folder of other images may have the same name, but hardly the same number of them
    elif card.source != STATIC or data is None or len(data.train) != STATIC_COUNTS["train"]:
        return False
    held_out = _packed(data.validation.images) | _packed(data.test.images)
    return data.card.fingerprint == card.fingerprint and _packed(images) <= held_out


def _packed(images: Tensor) -> set[bytes]:
    """Return the set of binary images, each as packed bits."""
    return {row.tobytes() for row in np.packbits((images.flatten(1) > 0).cpu().numpy(), axis=1)}


def _binarize(random: np.random.RandomState, grey: np.ndarray) -> np.ndarray:
    return random.binomial(1, grey.astype(np.float32) / np.float32(255)).astype(np.uint8) * 255


def _to_split(images: np.ndarray, labels: np.ndarray) -> Split:
    pixels = np.ascontiguousarray(images[:, None])
    return Split(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))
