"""Read sources that return one item after another: data sets of torch, lists and generators.

An item is an image, an (image, label) pair, or a dict of them. The items are read once, and kept
as far as the memory allows; the others are read again when their images are converted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from latentarium.data.parts import (
    Part,
    image_file,
    is_array,
    lazy_image,
    to_numpy,
    unit_floats_to_uint8,
)
from latentarium.data.pixels import UNIT_FLOATS_NOTE
from latentarium.data.read_options import IMAGE_COLUMNS, LABEL_COLUMNS, ReadOptions
from latentarium.data.readers.image_files import MAX_BROKEN_SHARE, UNREADABLE
from latentarium.data.storage import Storage
from latentarium.errors import UserError

MAX_ITEMS = 5_000_000
"""Largest number of items that a source without a length may return."""


@dataclass
class _Items:
    """What is known about the items after all of them have been read once.

    Arguments:
        images: The images in order; None for an image that is not kept.
        labels: The labels in order.
        broken: Reasons by the positions of items that can't be read.
        unused: How many items have a part that is not used, by its description.
        kept_bytes: Memory that the images take.
        limits: The smallest and largest value of images of whole numbers.
        has_columns: Whether the items are dicts.
        has_floats: Whether floats in [0, 1] are converted.
    """

    images: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    unused: Counter[str] = field(default_factory=Counter)
    kept_bytes: int = 0
    limits: tuple[int, int] = (0, 0)
    has_columns: bool = False
    has_floats: bool = False


def sequence_part(
    count: int,
    get: Callable[[int], object],
    options: ReadOptions,
    where: str,
    *,
    classes: Sequence[str] = (),
    storage: Storage | None = None,
) -> Part:
    """Read the items of a source with a length.

    Arguments:
        count: The number of items.
        get: Function that returns an item by its position.
        options: How to read them; the keys name those of dicts.
        where: The name of the source in error messages.
        classes: The names of the classes; empty if the source names none.
        storage: Decides how much memory the items may take; None for the default storage.

    Raises:
        UserError: An item is not an image (code `wrong-type`), only some items have labels
            (`missing-labels`), or more than 5 % can't be read (`broken-images`).
    """
    storage = storage or Storage()
    found, max_bytes = _Items(), storage.max_in_memory // 2
    for position in range(count):
        _add(found, lambda i=position: get(i), options, where, max_bytes)

    def image_at(position: int) -> Any:  # noqa: ANN401
        kept = found.images[position]
        return _compact(_split(get(position), options)[0]) if kept is None else kept

    return _part(found, image_at, where, tuple(classes), storage)


def iterable_part(
    items: Iterable[object], options: ReadOptions, where: str, classes: Sequence[str] = ()
) -> Part:
    """Read the items of a source that can be read only once, such as a generator.

    Raises:
        UserError: As for `sequence_part`; or the items take too much memory (code
            `data-too-large`).
    """
    storage = Storage()
    found, iterator = _Items(), iter(items)
    for position in range(MAX_ITEMS + 1):
        try:
            item = next(iterator)
        except StopIteration:
            break
        _add(found, lambda item=item: item, options, where, None)
        if position == MAX_ITEMS or found.kept_bytes > storage.max_in_memory:
            raise UserError(
                f"{where} returns more than {position:,} items and does not end, or needs more "
                "than a quarter of the memory: give a list, a Dataset with a length, or a folder.",
                code="data-too-large",
            )
    return _part(found, found.images.__getitem__, where, tuple(classes), storage)


def _add(
    found: _Items,
    get: Callable[[], object],
    options: ReadOptions,
    where: str,
    max_bytes: int | None,
) -> None:
    """Read an item; keep its image if it does not exceed `max_bytes`, or if that is None."""
    position = len(found.images)
    image, label, unused = None, None, ()
    try:
        item = get()
        found.has_columns |= isinstance(item, Mapping)
        given, label, unused = _split(item, options)
        image = _compact(given)
        is_float = is_array(given) and "float" in str(given.dtype)
        found.has_floats |= is_float and image.dtype == np.uint8
        if isinstance(image, Image.Image):
            image.load()  # an open file would be kept open
    except UNREADABLE as error:
        if isinstance(error, UserError):
            raise
        found.broken[position] = (" ".join(str(error).split()) or type(error).__name__)[:80]
    else:
        if image is None:
            raise UserError(
                f"Item {position} of {where} has no image: give images, (image, label) pairs, or "
                "dicts with the keys image and label; name other keys in the argument `keys`.",
                code="wrong-type",
            )
    if isinstance(image, np.ndarray) and image.dtype.kind in "iu" and image.size:
        low, high = found.limits
        found.limits = min(low, int(image.min())), max(high, int(image.max()))
    found.unused.update(unused)
    found.labels.append(label)
    size = _memory(image)
    if max_bytes is not None and found.kept_bytes + size > max_bytes:
        found.images.append(None)
        return
    found.kept_bytes += size
    found.images.append(image)


def _split(item: Any, options: ReadOptions) -> tuple[Any, Any, tuple[str, ...]]:  # noqa: ANN401
    """Return the image and the label of an item, and descriptions of the parts not used."""
    if isinstance(item, Mapping) and not {"bytes", "path"} >= set(item):
        image_key = options.keys.get("images") or _first(item, IMAGE_COLUMNS)
        label_key = (
            options.label_column or options.keys.get("labels") or _first(item, LABEL_COLUMNS)
        )
        rest = tuple(
            f"the part {key!r} of the items" for key in item if key not in (image_key, label_key)
        )
        image = None if image_key is None else item.get(image_key)
        label = None if label_key is None else item.get(label_key)
    elif isinstance(item, list | tuple) and item and not _is_number(item[0]):
        image, label = item[0], item[1] if len(item) > 1 else None
        rest = tuple(f"part {i} of the items" for i in range(2, len(item)))
    else:
        image, label, rest = item, None, ()
    label, is_label = _label(label)
    if not is_label:
        rest = (*rest, "the second part of the items, which is not a label")
    return image, label, rest


def _label(label: Any) -> tuple[Any, bool]:  # noqa: ANN401
    """Return a label as a plain value, and whether it is a label: a value or a one-hot row."""
    if isinstance(label, np.generic) or (is_array(label) and np.ndim(label) == 0):
        return label.item(), True
    if is_array(label):
        row = to_numpy(label)
        one_hot = row.ndim == 1 and row.size > 1 and ((row == 0) | (row == 1)).all()
        if row.size == 1:
            return row.reshape(()).item(), True
        return (row, True) if one_hot and row.sum() == 1 else (None, False)
    if label is None or isinstance(label, str | bytes | bool | int | float):
        return label, True
    return None, False


def _compact(image: Any) -> Any:  # noqa: ANN401
    """Return floats in [0, 1] as uint8, which takes a quarter of the memory."""
    if not is_array(image):
        return image
    array = to_numpy(image)
    if array.dtype.kind != "f":
        return array
    try:
        return unit_floats_to_uint8(array)
    except ValueError:
        return array  # the conversion of all images reports the range


def _part(
    found: _Items,
    image_at: Callable[[int], Any],
    where: str,
    classes: tuple[str, ...],
    storage: Storage,
) -> Part:
    count = len(found.images)
    if not count:
        raise UserError(f"{where} has no images: give at least 10.", code="no-images")
    if len(found.broken) > MAX_BROKEN_SHARE * count:
        first = "; ".join(f"item {i}: {why}" for i, why in list(found.broken.items())[:3])
        raise UserError(
            f"{len(found.broken):,} of {count:,} items of {where} can't be read ({first}): "
            "correct or remove them.",
            code="broken-images",
        )
    intact = [i for i in range(count) if i not in found.broken]
    notes = [f"skipped item {i}: {why}" for i, why in list(found.broken.items())[:20]]
    if len(found.broken) > 20:
        notes.append(f"and {len(found.broken) - 20:,} more items skipped")
    notes += [f"not used: {what} ({n:,} items)" for what, n in found.unused.items()]
    notes += [UNIT_FLOATS_NOTE] * found.has_floats
    labels = [found.labels[i] for i in intact]
    if all(label is None for label in labels):
        labels = None
    elif any(isinstance(label, np.ndarray) for label in labels):
        labels = np.stack(labels)
    images = _stack(intact, found.images, image_at, storage)
    if images is None:
        for image in found.images:
            if isinstance(image, np.ndarray) and image.ndim not in (2, 3):
                raise UserError(
                    f"{where} has an image of shape {image.shape}: give all images the shape "
                    "(H, W), (H, W, C) or (C, H, W).",
                    code="ragged-array",
                )
            if isinstance(image, np.ndarray) and image.dtype.kind == "f":  # others are uint8
                raise UserError(
                    f"{where} has floats from {image.min():g} to {image.max():g}, not in [0, 1]: "
                    "divide them by the largest value that a pixel can have.",
                    code="out-of-range",
                )
        is_bytes = found.limits[0] >= 0 and found.limits[1] <= 255

        def open_at(position: int) -> Any:  # noqa: ANN401
            image = image_at(position)
            whole = isinstance(image, np.ndarray) and image.dtype.kind in "iu"
            return image.astype(np.uint8) if whole and is_bytes else image

        images = tuple(
            lazy_image(lambda i=i: open_at(i), f"{where}: item {i}")
            if found.images[i] is None or isinstance(found.images[i], np.ndarray)
            else image_file(found.images[i], f"{where}: item {i}")
            for i in intact
        )
    return Part(
        images=images,
        labels=labels,
        classes=classes,
        notes=tuple(notes),
        has_columns=found.has_columns,
    )


def _stack(
    positions: Sequence[int],
    kept: Sequence[Any],
    image_at: Callable[[int], Any],
    storage: Storage,
) -> np.ndarray | None:
    """Return images as one array; None if they are no arrays, or differ in shape or type."""
    kinds = {
        (image.shape, image.dtype) if isinstance(image, np.ndarray) else None
        for image in kept
        if image is not None
    }
    if len(kinds) != 1 or (kind := kinds.pop()) is None:
        return None
    shape, dtype = kind
    whole = (len(positions), *shape)
    images = storage.empty(whole) if dtype == np.uint8 else np.empty(whole, dtype)
    for row, position in enumerate(positions):
        image = image_at(position)
        if not isinstance(image, np.ndarray) or (image.shape, image.dtype) != kind:
            return None
        images[row] = image
    return images


def _first(item: Mapping[Any, Any], words: Iterable[str]) -> Any:  # noqa: ANN401
    known = set(words)
    return next((key for key in item if str(key).lower() in known), None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.generic)


def _memory(image: Any) -> int:  # noqa: ANN401
    if isinstance(image, Image.Image):
        return 4 * image.width * image.height
    if isinstance(image, np.ndarray):
        return image.nbytes
    return len(image) if isinstance(image, bytes) else 0
