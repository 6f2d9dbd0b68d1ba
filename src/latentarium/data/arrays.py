"""From arrays and tensors to splits: what is an image, what a label, and what goes where."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, check_labels, fingerprint
from latentarium.data.room import rows_of
from latentarium.errors import UserError

SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test", "testing": "test",
}  # fmt: skip
"""What a split may be called, in a folder, a file or on a hub."""
SMALLEST_SIDE = 8
FEWEST = 10
SPLIT_SEED = 1998


@dataclass(frozen=True, kw_only=True)
class Raw:
    """What a reader found, before splits are made.

    Arguments:
        source: The name that the card keeps.
        images, labels: By split: "train", and "validation" and "test" where the source has them.
        classes: Names of the classes; empty: the distinct labels, in order.
        notes: What the reader did to the images on the way, or left out.
    """

    source: str
    images: dict[str, object]
    labels: dict[str, object]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def fixed_permutation(n: int) -> np.ndarray:
    """The order by which splits are chosen: a function of n alone, on every machine."""
    # NumPy promises that this old generator's stream never changes; the new ones may change
    return np.random.RandomState(SPLIT_SEED).permutation(n)


def to_data(raw: Raw) -> Data:
    """Converts, splits and describes what a reader found.

    The training images are divided by a fixed permutation: a tenth each for validation and test,
    where the source has no such split of its own.

    Raises:
        UserError: The images or labels can't be used; the sentence says why.
    """
    images = {name: to_pixels(part, _say(raw, name)) for name, part in raw.images.items()}
    labels, classes = to_labels(raw, {name: len(part) for name, part in images.items()})
    parts = {}
    for name, pixels in images.items():
        numbers = torch.from_numpy(labels[name]) if labels else None
        parts[name] = Split(torch.from_numpy(pixels), numbers)
    held_out = [name for name in ("validation", "test") if name not in parts]
    shares = {2: (0.8, 0.1, 0.1), 1: (0.9, 0.1), 0: (1.0,)}[len(held_out)]
    made = _divide(parts["train"], raw.source, shares)
    parts |= dict(zip(["train", *held_out], made, strict=True))
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
    channels, height, width = train.images.shape[1:]
    card = DataCard(
        source=raw.source,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(channels, height, width),
        classes=classes,
    )
    return Data(card, train, validation, test, raw.notes)


def to_pixels(values: object, where: str) -> np.ndarray:
    """Images as uint8 (N, C, H, W).

    Accepts uint8 (0 to 255) or floats in [0, 1] (stored as round(255 x)), shaped (N, H, W),
    (N, H, W, C) or (N, C, H, W). As sides are at least 8, an axis below 8 is the channels; where
    neither end is below 8, the channels come first.

    Raises:
        UserError: Another type, shape or range; no images; sides below 8 pixels.
    """
    array = _array(values, where)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] < SMALLEST_SIDE <= array.shape[1]:
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim != 4:
        raise UserError(
            f"{where} has shape {array.shape}; reshape it to (N, H, W), (N, H, W, C) or "
            "(N, C, H, W)."
        )
    if 0 in array.shape:
        raise UserError(f"{where} has shape {array.shape}, so no images: give at least {FEWEST}.")
    height, width = array.shape[2:]
    if min(height, width) < SMALLEST_SIDE:
        raise UserError(
            f"{where} has images of {height} x {width} pixels; enlarge them to at least "
            f"{SMALLEST_SIDE} x {SMALLEST_SIDE}."
        )
    return np.ascontiguousarray(_to_uint8(array, where))


def to_labels(raw: Raw, counts: dict[str, int]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Labels as class numbers for each split, and the classes' names.

    Without given class names, the distinct labels (whole numbers or names) in order are the
    classes, over all splits together.
    """
    given = {name: part for name, part in raw.labels.items() if part is not None}
    if not given:
        return {}, ()
    arrays = {}
    for name, count in counts.items():
        where = _say(raw, name)
        if name not in given:
            raise UserError(f"{where} has no labels but others have: give labels for all or none.")
        arrays[name] = _label_array(given[name], count, where)
    together = np.concatenate(list(arrays.values()))
    if raw.classes:
        if together.dtype.kind not in "iu":
            raise UserError(f"The labels of {raw.source} are names: give no class names beside.")
        for name, part in arrays.items():
            numbers = torch.from_numpy(part.astype(np.int64))
            check_labels(numbers, raw.classes, _say(raw, name))
        return {name: part.astype(np.int64) for name, part in arrays.items()}, raw.classes
    if together.dtype.kind in "iu" and together.min() < 0:
        raise UserError(
            f"The labels of {raw.source} hold {together.min()}: give whole numbers from 0, or "
            "leave the labels out."
        )
    distinct = np.unique(together)
    numbered = {
        name: np.searchsorted(distinct, part.astype(distinct.dtype)).astype(np.int64)
        for name, part in arrays.items()
    }
    return numbered, tuple(str(value) for value in distinct)


def _to_uint8(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise UserError(
            f"{where} has type {array.dtype}; give uint8 from 0 to 255 or floats from 0 to 1."
        )
    if not np.isfinite(array).all():
        raise UserError(f"{where} holds values that are not finite: replace or drop them.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        mend = "divide them by their largest possible value"
        if low >= -1 and high <= 1:
            mend = "map [-1, 1] to [0, 1] with (x + 1) / 2"
        elif low < 0:
            mend = "rescale them to [0, 1]"
        raise UserError(f"{where} holds floats from {low:g} to {high:g}, not in [0, 1]: {mend}.")
    return (array * 255).round().astype(np.uint8)


def _label_array(values: object, count: int, where: str) -> np.ndarray:
    array = _array(values, f"The labels of {where}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise UserError(
            f"The labels of {where} have shape {array.shape}; give one class number or name per "
            "image."
        )
    if len(array) != count:
        raise UserError(
            f"{where} has {len(array):,} labels for {count:,} images: give one for each."
        )
    if array.dtype.kind not in "iuU":
        raise UserError(
            f"The labels of {where} have type {array.dtype}; give whole numbers or names."
        )
    return array


def _array(values: object, where: str) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        raise UserError(f"{where} has parts of unequal shape: give all images one size.") from None
    if array.dtype.hasobject:
        raise UserError(f"{where} holds Python objects: give an array of numbers of one size.")
    return array


def _divide(split: Split, source: str, shares: tuple[float, ...]) -> list[Split]:
    """Parts of a split by the fixed permutation; within a part, the order is kept."""
    count = len(split)
    if count < FEWEST:
        raise UserError(
            f"{source} has {count} images, too few for train, validation and test: give at "
            f"least {FEWEST}."
        )
    sizes = [max(1, math.floor(share * count)) for share in shares[1:]]
    order, parts, start = fixed_permutation(count), [], 0
    for size in (count - sum(sizes), *sizes):
        index = np.sort(order[start : start + size])
        labels = None if split.labels is None else split.labels[torch.from_numpy(index)]
        images = torch.from_numpy(rows_of(split.images.numpy(), index))
        parts.append(Split(images, labels))
        start += size
    return parts


def _say(raw: Raw, split: str) -> str:
    return raw.source if len(raw.images) == 1 else f"{raw.source} ({split})"
