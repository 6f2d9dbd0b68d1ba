"""Read the parts of a source from Python: the images of each split, with their labels."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from latentarium.data.arrays import RawData
from latentarium.data.label_values import LabelArray, label_array
from latentarium.data.read_options import ReadOptions, require_no_labels
from latentarium.data.readers.image_files import read_images
from latentarium.data.readers.label_rows import labels_by_split, read_label_file
from latentarium.data.readers.listing import SourceFile
from latentarium.data.readers.placement import PlacedImages
from latentarium.errors import UserError
from latentarium.files import read_regular_file

SPLIT_ORDER = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Part:
    """The images of one split, before they are read.

    Arguments:
        images: An array or tensor of images, or a tuple of files.
        labels: The labels, as `label_array` accepts them; None if there are none.
        classes: The names of the classes that the source declares; empty if it declares none.
        notes: What was left out.
        has_columns: Whether the images and labels come from named columns.
    """

    images: object
    labels: object = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_columns: bool = False

    def files(self) -> tuple[SourceFile, ...] | None:
        """Return the files, or None if the images are an array."""
        is_files = isinstance(self.images, tuple) and all(
            isinstance(file, SourceFile) for file in self.images
        )
        return self.images if is_files else None  # pyright: ignore[reportReturnType]


def read_parts(
    parts: Mapping[str, Part], source: str, options: ReadOptions, notes: Sequence[str] = ()
) -> RawData:
    """Read the images of all splits.

    Arguments:
        parts: The parts by split.
        source: The name of the source.
        options: How to read it.
        notes: What was left out before.

    Raises:
        UserError: Labels are given twice (code `unexpected-labels`), there is no training split
            (`no-train-split`), or images can't be read.
    """
    parts = {name: parts[name] for name in SPLIT_ORDER if name in parts}
    if "train" not in parts:
        raise UserError(
            f"{source} has no split named train (its splits are {', '.join(parts) or 'none'}): "
            "give training images.",
            code="no-train-split",
        )
    is_path = isinstance(options.labels, str | os.PathLike)
    if options.label_column and not is_path and not any(p.has_columns for p in parts.values()):
        require_no_labels(replace(options, labels=None), source)
    parts, more = _with_given_labels(parts, source, options)
    notes = [*notes, *(note for part in parts.values() for note in part.notes), *more]
    classes, parts, more = _declared_classes(parts, source)
    notes = tuple(dict.fromkeys([*notes, *more]))
    if not any(part.files() for part in parts.values()):
        return RawData(
            source=source,
            images={name: part.images for name, part in parts.items()},
            labels={name: part.labels for name, part in parts.items() if part.labels is not None},
            classes=classes,
            notes=notes,
        )
    files = {name: part.files() or _array_files(part.images, name) for name, part in parts.items()}
    placed = PlacedImages(
        files=tuple(file for part in files.values() for file in part),
        splits=tuple(name for name, part in files.items() for _ in part),
        labels=(),
        classes=(),
        notes=notes,
    )
    raw = read_images(placed, source, options.size)
    labels = {}
    for name, part in parts.items():
        if part.labels is not None:
            array = label_array(part.labels, len(files[name]), f"{source} ({name})")
            skipped = set(raw.skipped)
            kept = [i for i, file in enumerate(files[name]) if file.name not in skipped]
            labels[name] = array.take(kept)
    return replace(raw, labels=labels, classes=classes)


def _with_given_labels(
    parts: dict[str, Part], source: str, options: ReadOptions
) -> tuple[dict[str, Part], list[str]]:
    """Add the labels that the caller gives, and leave out splits without labels."""
    notes: list[str] = []
    labels = options.labels
    if isinstance(labels, str | os.PathLike):
        files = parts["train"].files() if len(parts) == 1 else None
        path = Path(labels).expanduser()
        labels, note = read_label_file(path, options.label_column, files)
        notes.append(note)
    if labels is not None:
        given = labels_by_split(labels, list(parts), source)
        if any(part.labels is not None for part in parts.values()):
            raise UserError(
                f"{source} already has labels: leave the argument `labels` out.",
                code="unexpected-labels",
            )
        parts = {
            name: replace(part, labels=given.get(name), classes=()) for name, part in parts.items()
        }
    if parts["train"].labels is None:
        return parts, notes
    left_out = [name for name, part in parts.items() if part.labels is None]
    notes += [f"the {name} split is left out: it has no labels" for name in left_out]
    return {name: part for name, part in parts.items() if name not in left_out}, notes


def _declared_classes(
    parts: dict[str, Part], source: str
) -> tuple[tuple[str, ...], dict[str, Part], list[str]]:
    """Return the classes that all splits declare, and the parts with labels that number them."""
    declared = {part.classes for part in parts.values()}
    if declared == {()} or any(part.labels is None for part in parts.values()):
        return (), parts, []
    arrays = {name: label_array(p.labels, None, source) for name, p in parts.items()}
    if len(declared) == 1:
        (classes,) = declared
        numbered = {name: _number(array, classes) for name, array in arrays.items()}
        if all(array is not None for array in numbered.values()):
            parts = {name: replace(p, labels=numbered[name]) for name, p in parts.items()}
            return classes, parts, []
        note = f"the {len(classes)} class names of {source} don't fit its labels: not used"
        return (), {n: replace(p, labels=arrays[n]) for n, p in parts.items()}, [note]
    named = {}  # the splits number their classes differently
    for name, part in parts.items():
        array = _number(arrays[name], part.classes)
        classes = part.classes if array is not None else ()
        named[name] = replace(part, labels=replace(array or arrays[name], classes=classes))
    return (), named, []


def _number(array: LabelArray, classes: tuple[str, ...]) -> LabelArray | None:
    """Return labels as positions in the class names; None if they don't fit."""
    if array.classes:
        return array if array.classes == classes else None
    values = array.values
    if values.dtype.kind == "i":
        fits = values.size == 0 or (values.min() >= -1 and values.max() < len(classes))
        return array if fits else None
    numbers = {name: number for number, name in enumerate(classes)} | {"": -1}
    if not set(values.tolist()) <= set(numbers):
        return None
    return replace(array, values=np.array([numbers[v] for v in values.tolist()], np.int64))


# ---------------------------------------------------------------------------------- files


_READING = threading.Lock()
"""Data sets in Python are read by one thread at a time."""


def image_file(value: object, name: str, folder: Path | None = None) -> SourceFile:
    """Return an image of any kind as a file.

    Arguments:
        value: A path, the bytes of a file, a Pillow image, an array, or a dict with "bytes" and
            "path", as in data sets of the hub.
        name: The name in messages; a path is named by itself.
        folder: The folder that relative paths start from; None for the current folder.

    Raises:
        UserError: The value is none of these (code `wrong-type`).
    """
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str | os.PathLike):
        path = Path(os.fsdecode(value)).expanduser()
        path = path if folder is None else folder / path
        return SourceFile(name=str(path), version="", size=_size(path), read=_reader(path))
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        return SourceFile(name=name, version="", size=len(content), read=lambda: content)
    if isinstance(value, Image.Image) or is_array(value):
        return lazy_image(lambda: value, name, size=_memory(value))
    if value is None or isinstance(value, float):  # None, or NaN in a table
        raise UserError("it has no image", code="no-images")
    raise UserError(
        f"{name} is of type {type(value).__name__}; give a path, a Pillow image, an array, or the "
        "bytes of an image file.",
        code="wrong-type",
    )


def lazy_image(get: Callable[[], Any], name: str, size: int = 0) -> SourceFile:
    """Return an image that `get` returns, as a Pillow image or an array, as a file.

    `get` is called by one thread at a time.
    """

    def open_image() -> Image.Image:
        with _READING:
            value = get()
        return value if isinstance(value, Image.Image) else array_image(value)

    return SourceFile(name=name, version="", size=size, read=lambda: b"", open_image=open_image)


def lazy_content(get: Callable[[], Any], name: str, folder: Path | None = None) -> SourceFile:
    """Return an image file of which `get` returns the bytes or the path."""

    def read() -> bytes:
        return image_file(get(), name, folder).read()

    return SourceFile(name=name, version="", size=0, read=read)


def _array_files(images: object, split: str) -> tuple[SourceFile, ...]:
    sequence: Any = images
    return tuple(image_file(sequence[i], f"{split} image {i}") for i in range(len(sequence)))


def _reader(path: Path) -> Callable[[], bytes]:
    return lambda: read_regular_file(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # reading it reports the problem


def _memory(value: Any) -> int:  # noqa: ANN401  a Pillow image or an array
    if isinstance(value, Image.Image):
        return 4 * value.width * value.height
    return int(np.prod(value.shape)) * 8


# --------------------------------------------------------------------------------- arrays


def is_array(value: object) -> bool:
    """Return whether a value is a tensor, or an array of NumPy or of another library."""
    return isinstance(value, np.ndarray | torch.Tensor) or (
        hasattr(value, "__array__") and hasattr(value, "shape") and hasattr(value, "dtype")
        and not isinstance(value, np.generic | Image.Image)
    )  # fmt: skip


def to_numpy(value: Any) -> np.ndarray:  # noqa: ANN401  any kind of array
    """Return an array or a tensor as an array of NumPy, without a copy where possible.

    Raises:
        UserError: Some values are masked (code `masked-array`), or a tensor has no values
            (`wrong-type`).
    """
    if np.ma.is_masked(value):
        raise UserError(
            "An image has masked values: replace them with its method `filled`.",
            code="masked-array",
        )
    if isinstance(value, torch.Tensor):
        if value.is_meta:
            raise UserError(
                "An image is a tensor on the device meta, which has no values: give a tensor on "
                "the CPU.",
                code="wrong-type",
            )
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    return np.asarray(value)


def array_image(value: object) -> Image.Image:
    """Return one image, an array (H, W), (H, W, C) or (C, H, W), as a Pillow image.

    Raises:
        ValueError: The shape or the range is not supported.
    """
    array = to_numpy(value)
    if array.ndim == 3 and array.shape[0] in (1, 2, 3, 4) and array.shape[2] not in (1, 2, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        array = unit_floats_to_uint8(array)
    if array.ndim == 2 and array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = array if array.dtype == np.uint16 else array.astype(np.int32)
    elif array.dtype != np.uint8 or not (array.ndim == 2 or array.shape[2:] in ((2,), (3,), (4,))):
        raise ValueError(f"an array of type {array.dtype} and shape {array.shape}")
    return Image.fromarray(np.ascontiguousarray(array))


def unit_floats_to_uint8(array: np.ndarray) -> np.ndarray:
    """Convert floats x in [0, 1] to round(255 x).

    Raises:
        ValueError: A value is outside [0, 1] or not finite.
    """
    if array.size and not (array.min() >= 0 and array.max() <= 1):  # also false for NaN
        raise ValueError(f"floats from {array.min():g} to {array.max():g}, not in [0, 1]")
    return (array * 255).round().astype(np.uint8)
