"""Convert arrays and tensors of images and labels into a data set with three splits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, check_labels, fingerprint
from latentarium.data.image_arrays import MIN_SIDE as MIN_SIDE
from latentarium.data.image_arrays import to_array, to_images
from latentarium.data.pixels import Rows, to_pixels
from latentarium.data.storage import Storage
from latentarium.data.value_kinds import NativeImages, ValueRange
from latentarium.errors import UserError

SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test", "testing": "test",
}  # fmt: skip
"""Splits by the names that folders, files and data sets of the hub use for them."""
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
        deep: For image files, which images of each split have more than 8 bits per value; empty if
            none has, or if the images are arrays, whose type and values decide.
    """

    source: str
    images: dict[str, object]
    labels: dict[str, object]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    deep: Mapping[str, np.ndarray] = field(default_factory=dict)


def fixed_permutation(n: int) -> np.ndarray:
    """Return the permutation of n images that defines the splits; it depends only on n."""
    # NumPy guarantees that the stream of RandomState never changes, unlike newer generators
    return np.random.RandomState(SPLIT_SEED).permutation(n)


def to_data(
    raw: RawData, storage: Storage | None = None, value_range: ValueRange | None = None
) -> Data:
    """Convert the arrays of a reader to a data set with three splits and a data card.

    Each missing validation or test split is made from a tenth of the training images, which a
    fixed permutation chooses.

    Arguments:
        raw: Images and labels by split.
        storage: Allocates the arrays of the splits; None for the default storage.
        value_range: The range of a run, to scale images of more than 8 bits like its training
            images; None for the range of these training images.

    Raises:
        UserError: The images or labels have an invalid type, shape or value.
    """
    storage = storage or Storage()
    parts = {name: to_images(part, _name_of(raw, name)) for name, part in raw.images.items()}
    counts = {name: len(part) for name, part in parts.items()}
    native = NativeImages(source=raw.source, parts=parts, deep=raw.deep)
    rows = _divide(counts, raw.source)
    labels, classes = to_labels(raw, counts)
    pixels = to_pixels(native, rows, value_range, storage)
    splits = {}
    for name, (part, positions) in rows.items():
        numbers = torch.from_numpy(labels[part][positions]) if labels else None
        splits[name] = Split(torch.from_numpy(pixels.images[name]), numbers)
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    channels, height, width = train.images.shape[1:]
    card = DataCard(
        source=raw.source,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(channels, height, width),
        classes=classes,
        value_range=pixels.value_range,
    )
    return Data(card, train, validation, test, (*raw.notes, *pixels.notes))


def to_labels(
    raw: RawData, counts: dict[str, int]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Convert labels to class numbers.

    If the source names no classes, the sorted distinct labels (whole numbers or strings) of all
    splits are the classes.

    Arguments:
        raw: Labels by split.
        counts: Number of images by split.

    Returns:
        Class numbers, int64 of shape (N,), by split, and the names of the classes. Both are empty
        if there are no labels.

    Raises:
        UserError: Only some splits have labels, the number of labels differs from the number of
            images, or the labels are neither whole numbers nor strings.
    """
    given = {name: part for name, part in raw.labels.items() if part is not None}
    if not given:
        return {}, ()
    arrays = {}
    for name, count in counts.items():
        where = _name_of(raw, name)
        if name not in given:
            raise UserError(
                f"{where} has no labels, but other splits have labels: give labels for all splits "
                "or for none.",
                code="missing-labels",
            )
        arrays[name] = _label_array(given[name], count, where)
    all_labels = np.concatenate(list(arrays.values()))
    if raw.classes:
        if all_labels.dtype.kind not in "iu":
            raise UserError(
                f"The labels of {raw.source} are names, although a list of class names is given: "
                "give class numbers as labels, or leave the list out.",
                code="wrong-type",
            )
        for name, part in arrays.items():
            numbers = torch.from_numpy(part.astype(np.int64))
            check_labels(numbers, raw.classes, _name_of(raw, name))
        return {name: part.astype(np.int64) for name, part in arrays.items()}, raw.classes
    if all_labels.dtype.kind in "iu" and all_labels.min() < 0:
        raise UserError(
            f"{raw.source} has the label {all_labels.min()}; labels must be at least 0. Number "
            "the classes from 0, or leave the labels out.",
            code="negative-label",
        )
    distinct = np.unique(all_labels)
    numbered = {
        name: np.searchsorted(distinct, part.astype(distinct.dtype)).astype(np.int64)
        for name, part in arrays.items()
    }
    return numbered, tuple(str(value) for value in distinct)


def _label_array(values: object, count: int, where: str) -> np.ndarray:
    array = to_array(values, f"labels of {where}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise UserError(
            f"The labels of {where} have shape {array.shape}; give one class number or name per "
            "image.",
            code="wrong-shape",
        )
    if len(array) != count:
        raise UserError(
            f"{where} has {len(array):,} labels for {count:,} images: give one label per image.",
            code="label-count",
        )
    if array.dtype.kind not in "iuU":
        raise UserError(
            f"The labels of {where} have type {array.dtype}; give whole numbers or names.",
            code="wrong-type",
        )
    return array


def _divide(counts: dict[str, int], source: str) -> dict[str, Rows]:
    """Return the images of each split.

    Missing splits are divided from the training images by the fixed permutation. The images of
    each split keep their order.
    """
    count = counts["train"]
    if count < MIN_IMAGES:
        raise UserError(
            f"{source} has {count} images, too few for three splits (train, validation and test): "
            f"give at least {MIN_IMAGES} images.",
            code="too-few-images",
        )
    held_out = [name for name in ("validation", "test") if name not in counts]
    shares = {2: (0.1, 0.1), 1: (0.1,), 0: ()}[len(held_out)]
    sizes = [max(1, math.floor(share * count)) for share in shares]
    order, start = fixed_permutation(count), 0
    rows = {name: Rows(name, np.arange(n)) for name, n in counts.items()}
    for name, size in zip(["train", *held_out], [count - sum(sizes), *sizes], strict=True):
        rows[name] = Rows("train", np.sort(order[start : start + size]))
        start += size
    return rows


def _name_of(raw: RawData, split: str) -> str:
    return raw.source if len(raw.images) == 1 else f"{raw.source} ({split})"
