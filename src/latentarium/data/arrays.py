"""Convert arrays and tensors of images and labels into a data set with three splits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.image_arrays import MIN_SIDE as MIN_SIDE
from latentarium.data.image_arrays import to_images
from latentarium.data.label_arrays import to_labels
from latentarium.data.pixels import Rows, to_pixels
from latentarium.data.storage import Storage
from latentarium.data.value_kinds import NativeImages, ValueRange
from latentarium.errors import UserError
from latentarium.texts import Text

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
        problems: Sentences on what the reader finds doubtful.
        files: Names of the image files of each split; empty if the images are not files.
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
    problems: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def all_problems(self) -> tuple[str, ...]:
        """Return the problems, with one on the files that could not be read."""
        if not self.skipped:
            return self.problems
        count = len(self.skipped)
        shown = [*self.skipped[:3], *(["..."] if count > 3 else [])]
        broken = Text(
            "1 file is broken and left out: {files}."
            if count == 1
            else "{count:,} files are broken and left out: {files}.",
            count=count,
            files=shown,
        )
        return (*self.problems, broken)


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
    labels = to_labels(raw.labels, counts, raw.classes, raw.source)
    parts = {name: part for name, part in parts.items() if name not in labels.left_out}
    deep = {name: mask for name, mask in raw.deep.items() if name in parts}
    native = NativeImages(source=raw.source, parts=parts, deep=deep)
    rows = _divide({name: counts[name] for name in parts}, raw.source)
    pixels = to_pixels(native, rows, value_range, storage)
    splits, files = {}, {}
    for name, (part, positions) in rows.items():
        if part in raw.files:
            files[name] = tuple(raw.files[part][i] for i in positions)
        numbers = torch.from_numpy(labels.numbers[part][positions]) if labels.numbers else None
        splits[name] = Split(torch.from_numpy(pixels.images[name]), numbers)
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    channels, height, width = train.images.shape[1:]
    card = DataCard(
        source=raw.source,
        fingerprint=fingerprint(train, validation, test),
        image_shape=(channels, height, width),
        classes=labels.classes,
        value_range=pixels.value_range,
    )
    notes = (*raw.notes, *pixels.notes, *labels.notes)
    return Data(card, train, validation, test, notes, raw.all_problems(), files)


def _divide(counts: dict[str, int], source: str) -> dict[str, Rows]:
    """Return the images of each split.

    Missing splits are divided from the training images by the fixed permutation. The images of
    each split keep their order.
    """
    count = counts["train"]
    if count < MIN_IMAGES:
        raise UserError(
            Text(
                "{source} has {count} images, too few for three splits (train, validation "
                "and test): give at least {min_images} images.",
                source=source,
                count=count,
                min_images=MIN_IMAGES,
            ),
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
