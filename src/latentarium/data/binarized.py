"""Binary MNIST, in the two protocols of the literature, whose likelihoods don't compare.

    dynamic   training images stay grey, and each batch is drawn anew from them (a model with
              `binarize`); validation and test were drawn once, with a published seed
    static    all images were drawn once, and the draw itself is published as three files

A third habit, grey pixels under a Bernoulli likelihood, needs no data of its own: it gives a
cross-entropy, not a likelihood.

References:
    On the quantitative analysis of deep belief networks (Salakhutdinov and Murray, 2008)
    The neural autoregressive distribution estimator (Larochelle and Murray, 2011)
    Importance weighted autoencoders (Burda, Grosse and Salakhutdinov, 2016)
    VAE with a VampPrior (Tomczak and Welling, 2018), https://arxiv.org/abs/1705.07120
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentarium.config import DataCard
from latentarium.data.arrays import Raw, to_data
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.mnist_data import read_shipped
from latentarium.errors import UserError

DYNAMIC, STATIC = "mnist-dynamic", "mnist-static"
DYNAMIC_FINGERPRINT = "1a035f3505c96d3d50828536b1aab92805f5db996f00279809410c0da8c816ba"
"""Of the card of `dynamic_mnist`."""
SEED, TRAIN = 777, 50_000
ROWS = {"train": 50_000, "valid": 10_000, "test": 10_000}
"""Images in each of the static files."""
SIDE = 28
BLOCK = 1 << 22
"""Bytes of text held at once."""


def dynamic_mnist() -> Data:
    """The dynamic protocol as Tomczak and Welling's code has it: train is the first 50,000 of the
    60,000 training images in file order, grey; validation is the other 10,000, and test the
    10,000 test images, both drawn once.

    The draw: numpy's legacy generator (`RandomState`, whose stream never changes) with seed 777,
    `binomial(1, x)` of x = pixel / 255, image after image and row after row, first validation,
    then test. Whether x is float32 (as there) or float64 changes no pixel (measured). Stored as
    0 and 255.
    """
    with as_file(files("latentarium.data") / "mnist") as folder:
        grey = read_shipped(folder, "train-images-idx3")
        labels = read_shipped(folder, "train-labels-idx1")
        grey_test = read_shipped(folder, "t10k-images-idx3")
        labels_test = read_shipped(folder, "t10k-labels-idx1")
    random = np.random.RandomState(SEED)
    train = _split(grey[:TRAIN], labels[:TRAIN])
    validation = _split(_draw(random, grey[TRAIN:]), labels[TRAIN:])
    test = _split(_draw(random, grey_test), labels_test)
    card = DataCard(
        source=DYNAMIC,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(1, SIDE, SIDE),
        classes=tuple("0123456789"),
    )
    return Data(card, train, validation, test)


def static_mnist(folder: Path | str) -> Data:
    """The static protocol, from the folder of `read_static_mnist`; no labels.

    Raises:
        UserError: As `read_static_mnist`.
    """
    return to_data(read_static_mnist(Path(folder)))


def read_static_mnist(folder: Path) -> Raw:
    """Reads binarized_mnist_train.amat, ..._valid.amat and ..._test.amat.

    These are the files that Larochelle published with the NADE paper (Larochelle and Murray,
    2011): MNIST as Salakhutdinov and Murray (2008) drew it once, each pixel from a Bernoulli with
    its grey value; 50,000, 10,000 and 10,000 lines of 784 zeros and ones, as text, without labels.
    They don't ship in the package.

    Raises:
        UserError: A file is missing, or holds something else than these lines.
    """
    images = {}
    for part, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        path = static_file(folder, part)
        if not path.is_file():
            raise UserError(
                f"{folder} has no {path.name}: the static protocol needs all three files, "
                f"{', '.join(static_file(folder, p).name for p in ROWS)}."
            )
        images[split] = read_amat(path, ROWS[part])
    return Raw(source=STATIC, images=images, labels={})


def static_file(folder: Path, part: str) -> Path:
    """Where a part ("train", "valid", "test") lies in a folder."""
    return folder / f"binarized_mnist_{part}.amat"


def read_amat(path: Path, rows: int) -> np.ndarray:
    """Reads lines of 784 zeros and ones, block by block, as uint8 images of 0 and 255.

    Raises:
        UserError: The file can't be read, holds anything else, or another number of lines.
    """
    pixels = SIDE * SIDE
    images = np.empty(rows * pixels, np.uint8)
    filled, begun, before = 0, 0, ord("\n")
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                text = np.frombuffer(block, np.uint8)
                digit = (text == ord("0")) | (text == ord("1"))
                other = ~(digit | (text == ord(" ")) | (text == ord("\n")) | (text == ord("\r")))
                touching = digit & np.concatenate([[before in b"01"], digit[:-1]])
                if other.any() or touching.any():
                    wrong = text[np.flatnonzero(other | touching)[0]].tobytes().decode("latin-1")
                    raise UserError(
                        f"{path} holds {wrong!r} where a 0 or a 1 and a space are due: give the "
                        "file as it was published."
                    )
                values = text[digit]
                # digits before each line's end, from the last line's end on
                ends = begun + np.cumsum(digit)[text == ord("\n")]
                lengths = np.diff(ends, prepend=0)
                if ((lengths != pixels) & (lengths != 0)).any():  # an empty line says nothing
                    raise UserError(
                        f"{path} has a line of {int(lengths[lengths != pixels][0])} values, not "
                        f"{pixels}: give the file as it was published."
                    )
                begun += len(values) - (int(ends[-1]) if len(ends) else 0)
                if filled + len(values) > len(images):
                    raise UserError(
                        f"{path} has more than {rows:,} lines: give the file as it was published."
                    )
                images[filled : filled + len(values)] = (values - ord("0")) * 255
                filled, before = filled + len(values), block[-1]
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): mend that.") from None
    if filled < len(images) or begun not in (0, pixels):  # the last line may have no end
        raise UserError(
            f"{path} is cut off: it holds {filled:,} values, not {rows:,} lines of {pixels}: "
            "fetch or copy it again."
        )
    return images.reshape(rows, 1, SIDE, SIDE)


def is_binary(images: Tensor) -> bool:
    """Whether every pixel is off or on: 0 or 255 as stored, -1 or 1 as models see it."""
    low, high = (0, 255) if images.dtype == torch.uint8 else (-1, 1)
    return bool(((images == low) | (images == high)).all())


def is_published(card: DataCard, images: Tensor, data: Data | None = None) -> bool:
    """Whether binary images are, bit for bit, held-out images of a published protocol.

    Arguments:
        card: Of the data that a model was trained on: it names the protocol.
        images: As stored or as models see them.
        data: What the images are from; None loads the dynamic protocol's. The static one's files
            don't ship, so without them nothing is of it.
    """
    if card.source == DYNAMIC and card.fingerprint == DYNAMIC_FINGERPRINT:
        data = data or dynamic_mnist()
    # a folder of other images may bear the name, but is divided in another way
    elif card.source != STATIC or data is None or len(data.train) != ROWS["train"]:
        return False
    held_out = _packed(data.validation.images) | _packed(data.test.images)
    return data.card.fingerprint == card.fingerprint and _packed(images) <= held_out


def _packed(images: Tensor) -> set[bytes]:
    """Binary images as bits."""
    return {row.tobytes() for row in np.packbits((images.flatten(1) > 0).cpu().numpy(), axis=1)}


def _draw(random: np.random.RandomState, grey: np.ndarray) -> np.ndarray:
    return random.binomial(1, grey.astype(np.float32) / np.float32(255)).astype(np.uint8) * 255


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    pixels = np.ascontiguousarray(images[:, None])
    return Split(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))
