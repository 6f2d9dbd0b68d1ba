"""Convert arrays and tensors of images and labels into a data set with three splits."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.label_arrays import to_labels
from latentarium.data.storage import Storage
from latentarium.errors import UserError

SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test", "testing": "test",
}  # fmt: skip
"""Splits by the names that folders, files and data sets of the hub use for them."""
MIN_SIDE = 8
"""Smallest height and width of an image in pixels."""
MIN_IMAGES = 10
"""Smallest number of images that can be divided into three splits."""
SPLIT_SEED = 1998


@dataclass(frozen=True, kw_only=True)
class RawData:
    """The images of a reader, before they are converted and divided into splits.

    Arguments:
        source: The name for the data card.
        images, labels: Arrays or tensors by split: always "train", and "validation" and "test" if
            the source has these splits.
        classes: Names of the classes. If empty, the sorted distinct labels are the classes.
        notes: Short descriptions of what the reader changed or left out.
        skipped: Names of files that could not be read.
        problems: Sentences on what the reader finds doubtful.
    """

    source: str
    images: dict[str, object]
    labels: dict[str, object]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def all_problems(self) -> tuple[str, ...]:
        """Return the problems, with one on the files that could not be read."""
        if not self.skipped:
            return self.problems
        count = len(self.skipped)
        shown = ", ".join([*self.skipped[:3], *(["..."] if count > 3 else [])])
        broken = (
            f"{count:,} {'file is' if count == 1 else 'files are'} broken and left out: {shown}."
        )
        return (*self.problems, broken)


def fixed_permutation(n: int) -> np.ndarray:
    """Return the permutation of n images that defines the splits; it depends only on n."""
    # NumPy guarantees that the stream of RandomState never changes, unlike newer generators
    return np.random.RandomState(SPLIT_SEED).permutation(n)


def to_data(raw: RawData, storage: Storage | None = None) -> Data:
    """Convert the arrays of a reader to a data set with three splits and a data card.

    Each missing validation or test split is made from a tenth of the training images, which a
    fixed permutation chooses.

    Arguments:
        raw: Images and labels by split.
        storage: Allocates the arrays of the splits; None for the default storage.

    Raises:
        UserError: The images or labels have an invalid type, shape or value.
    """
    images = {name: to_pixels(part, _name_of(raw, name)) for name, part in raw.images.items()}
    counts = {name: len(part) for name, part in images.items()}
    labels = to_labels(raw.labels, counts, raw.classes, raw.source)
    splits = {}
    for name, pixels in images.items():
        if name not in labels.left_out:
            numbers = torch.from_numpy(labels.numbers[name]) if labels.numbers else None
            splits[name] = Split(torch.from_numpy(pixels), numbers)
    held_out = [name for name in ("validation", "test") if name not in splits]
    shares = {2: (0.8, 0.1, 0.1), 1: (0.9, 0.1), 0: (1.0,)}[len(held_out)]
    parts = _divide(splits["train"], raw.source, shares, storage or Storage())
    splits |= dict(zip(["train", *held_out], parts, strict=True))
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    channels, height, width = train.images.shape[1:]
    card = DataCard(
        source=raw.source,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(channels, height, width),
        classes=labels.classes,
    )
    notes = (*raw.notes, *labels.notes)
    return Data(card, train, validation, test, notes, raw.all_problems())


def to_pixels(values: object, where: str) -> np.ndarray:
    """Convert images to uint8 (N, C, H, W).

    Height and width are at least 8, so an axis shorter than 8 is the channel axis. If neither the
    second nor the last axis is shorter than 8, the second axis is the channel axis.

    Arguments:
        values: Images of shape (N, H, W), (N, H, W, C) or (N, C, H, W): uint8 from 0 to 255, or
            floats x in [0, 1], which are converted to round(255 x).
        where: The name of the images in error messages.

    Raises:
        UserError: The type, shape or range is not supported, there are no images, or a side has
            fewer than 8 pixels.
    """
    array = _to_array(values, where)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] < MIN_SIDE <= array.shape[1]:
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim != 4:
        raise UserError(
            f"{where} has shape {array.shape}; reshape it to (N, H, W), (N, H, W, C) or "
            "(N, C, H, W).",
            code="wrong-shape",
        )
    if 0 in array.shape:
        raise UserError(
            f"{where} has shape {array.shape}, which contains no images: give at least "
            f"{MIN_IMAGES} images.",
            code="no-images",
        )
    height, width = array.shape[2:]
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"{where} has images of {height} x {width} pixels; enlarge them to at least "
            f"{MIN_SIDE} x {MIN_SIDE}.",
            code="image-too-small",
        )
    return np.ascontiguousarray(_to_uint8(array, where))


def _to_uint8(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise UserError(
            f"{where} has type {array.dtype}; give uint8 from 0 to 255 or floats from 0 to 1.",
            code="wrong-type",
        )
    if not np.isfinite(array).all():
        raise UserError(
            f"{where} has values that are not finite: replace or remove them.", code="not-finite"
        )
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        fix = "divide them by the largest value that a pixel can have"
        if low >= -1 and high <= 1:
            fix = "map [-1, 1] to [0, 1] with (x + 1) / 2"
        elif low < 0:
            fix = "rescale them to [0, 1]"
        raise UserError(
            f"{where} has floats from {low:g} to {high:g}, not in [0, 1]: {fix}.",
            code="out-of-range",
        )
    return (array * 255).round().astype(np.uint8)


def _to_array(values: object, where: str) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    try:
        array = np.asarray(values)
    except ValueError:
        raise UserError(
            f"The elements of {where} differ in shape: give all of them the same shape.",
            code="ragged-array",
        ) from None
    if array.dtype.hasobject:
        raise UserError(
            f"{where} is an array of Python objects: give an array of numbers.",
            code="object-array",
        )
    return array


def _divide(split: Split, source: str, shares: tuple[float, ...], storage: Storage) -> list[Split]:
    """Divide a split by the fixed permutation; the images of each part keep their order."""
    count = len(split)
    if count < MIN_IMAGES:
        raise UserError(
            f"{source} has {count} images, too few for three splits (train, validation and test): "
            f"give at least {MIN_IMAGES} images.",
            code="too-few-images",
        )
    sizes = [max(1, math.floor(share * count)) for share in shares[1:]]
    order, parts, start = fixed_permutation(count), [], 0
    for size in (count - sum(sizes), *sizes):
        index = np.sort(order[start : start + size])
        labels = None if split.labels is None else split.labels[torch.from_numpy(index)]
        images = torch.from_numpy(storage.take(split.images.numpy(), index))
        parts.append(Split(images, labels))
        start += size
    return parts


def _name_of(raw: RawData, split: str) -> str:
    return raw.source if len(raw.images) == 1 else f"{raw.source} ({split})"
