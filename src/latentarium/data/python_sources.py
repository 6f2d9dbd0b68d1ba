"""Read data from Python objects: arrays, lists, tuples, dicts, data sets and tables.

Every object is converted to parts (images and labels by split), which `read_parts` reads.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.items import iterable_part, sequence_part
from latentarium.data.label_values import is_label_like
from latentarium.data.named_arrays import SPLITS_OF_PARTS, select_arrays
from latentarium.data.parts import Part, image_file, is_array, read_parts, to_numpy
from latentarium.data.read_options import ReadOptions, require_no_keys
from latentarium.data.readers.hugging_face import dataset_parts, is_hugging_face, read_datasets
from latentarium.data.readers.listing import IMAGE_SUFFIXES
from latentarium.data.readers.parquet import ArrowTable, is_arrow_table
from latentarium.data.tables import Frame, is_frame, table_parts
from latentarium.data.torch_sources import class_names, is_torch_source, torch_part
from latentarium.errors import UserError

NAME = "arrays"
"""The name of the data on the data card."""
MAX_PARTS = 6
"""A sequence of at most this length may be parts such as (x, y, x_test, y_test). A longer one
consists of images."""

Parts = dict[str, Part]


def read_python_source(source: object, options: ReadOptions) -> RawData:
    """Read images and labels from an object that is not a name or a path; see `load_data`.

    Raises:
        UserError: Objects of this type can't be read (code `unknown-source`), the images or
            labels are not recognized (`wrong-type`), or they can't be read.
    """
    _require_readable(source)
    if is_hugging_face(source):
        return read_datasets(source, "datasets", options)
    parts, notes = _parts_of(source, options)
    if not isinstance(source, Mapping) and not any(part.has_columns for part in parts.values()):
        require_no_keys(options, f"A source of type {type(source).__name__}")
    return read_parts(parts, NAME, options, notes)


def _require_readable(source: object) -> None:
    """Refuse objects that contain no images, or that may be read only with their path."""
    kind, fix = type(source).__name__, ""
    if source is None:
        fix = "give a name, a path or images"
    elif isinstance(source, bytes | bytearray | memoryview):
        fix = "write them to a file and give its path, or give a list with the bytes of each image"
    elif hasattr(source, "read") and not is_array(source):
        fix = "close the file and give its path"
    elif isinstance(source, Image.Image):
        fix = "it is a single image; give a list of at least 10 images"
    elif isinstance(source, int | float | complex | np.generic | set | frozenset | type):
        fix = "give a name, a path, or images in an array or a list"
    if fix:
        raise UserError(
            f"load_data can't read an object of type {kind}: {fix}.", code="unknown-source"
        )


def _parts_of(source: Any, options: ReadOptions) -> tuple[Parts, list[str]]:  # noqa: ANN401
    """Return the parts of an object by split, and notes."""
    if is_frame(source):
        return table_parts(Frame(source), options, "the table"), []
    if is_arrow_table(source):
        return table_parts(ArrowTable(source), options, "the table"), []
    if isinstance(source, Mapping):
        return _parts_of_dict(source, options)
    if isinstance(source, list | tuple):
        return _parts_of_sequence(source, options)
    return {"train": _part(source, options)}, []


def _part(source: Any, options: ReadOptions) -> Part:  # noqa: ANN401
    """Return one part of a source: a collection of images, with or without labels."""
    if isinstance(source, Part):
        return source
    if is_torch_source(source):
        return torch_part(source, options, type(source).__name__)
    if is_hugging_face(source) or _is_table(source) or isinstance(source, Mapping):
        parts, notes = _single_parts(source, options)
        if set(parts) != {"train"}:
            raise UserError(
                f"A {type(source).__name__} with the splits {', '.join(parts)} is given as one "
                "split: give only one split of it.",
                code="wrong-type",
            )
        return replace(parts["train"], notes=(*parts["train"].notes, *notes))
    if isinstance(source, list | tuple):
        return _part_of_list(source, options)
    if is_array(source):
        array = source if isinstance(source, torch.Tensor) else to_numpy(source)
        if isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "OUTS":
            return _part_of_list(array.tolist(), options)
        return Part(images=array)
    if hasattr(source, "to_list") and hasattr(source, "__len__"):  # a column of pandas or polars
        return _part_of_list(source.to_list(), options)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return sequence_part(
            len(source), source.__getitem__, options, "the data set", classes=class_names(source)
        )
    if isinstance(source, Iterable):
        return iterable_part(source, options, f"the {type(source).__name__}")
    raise UserError(
        f"load_data can't read an object of type {type(source).__name__}: give a name, a path, an "
        "array, a list of images, a dict, a data set or a table.",
        code="unknown-source",
    )


def _single_parts(source: Any, options: ReadOptions) -> tuple[Parts, list[str]]:  # noqa: ANN401
    if is_hugging_face(source):
        return dataset_parts(source, "train", options, "the data set"), []
    return _parts_of(source, options)


# ----------------------------------------------------------------------------------- dicts


def _parts_of_dict(source: Mapping[Any, Any], options: ReadOptions) -> tuple[Parts, list[str]]:
    """Read {"images": x, "labels": y}, {"x_train": ..., ...} or {"train": ..., "test": ...}."""
    by_name = {str(key): value for key, value in source.items()}
    splits = {name: SPLIT_NAMES.get(name.lower()) for name in by_name}
    if by_name and None not in splits.values() and not options.keys:
        parts: Parts = {}
        for name, split in splits.items():
            assert split is not None
            if split in parts:
                raise UserError(
                    f"The dict has two keys for the split {split}: {', '.join(by_name)}. Give one "
                    "key for each split.",
                    code="duplicate-arrays",
                )
            parts[split] = _split_part(by_name[name], options)
        return parts, []
    selected = select_arrays({name: _shape(v) for name, v in by_name.items()}, options, "the dict")
    classes = () if selected.classes is None else by_name[selected.classes]
    parts = {
        split: replace(
            _part(by_name[key], options),
            labels=by_name[selected.labels[split]] if split in selected.labels else None,
            classes=tuple(str(name) for name in classes),
        )
        for split, key in selected.images.items()
    }
    return parts, list(selected.notes)


def _split_part(value: Any, options: ReadOptions) -> Part:  # noqa: ANN401
    """Read the value of a split: images, (images, labels), or a dict of them."""
    if isinstance(value, list | tuple):
        parts, notes = _parts_of_sequence(value, options)
        if len(parts) == 1:
            part = next(iter(parts.values()))
            return replace(part, notes=(*part.notes, *notes))
    return _part(value, options)


def _shape(value: Any) -> tuple[int, ...] | None:  # noqa: ANN401
    """Return the shape of an array, or of the array that a list stands for."""
    if is_array(value):
        return tuple(value.shape)
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
        return None
    if is_label_like(value):
        return (len(value),) if not _are_images(value) else (len(value), 0, 0)
    return (len(value), 0, 0)  # images of any kind


# ------------------------------------------------------------------------------- sequences


def _parts_of_sequence(source: Sequence[Any], options: ReadOptions) -> tuple[Parts, list[str]]:
    """Read a list of images, or parts such as (x, y), (x, y, x_test, y_test) or [train, test]."""
    if not source:
        raise UserError("The list has no images: give at least 10.", code="no-images")
    elements = _flatten(source) if len(source) <= MAX_PARTS else []
    if not any(is_images for _, is_images in elements):
        return {"train": _part_of_list(source, options)}, []
    images = [element for element, is_images in elements if is_images]
    labels = [element for element, is_images in elements if not is_images]
    if len(labels) > len(images) or not all(y is None or is_label_like(y) for y in labels):
        raise UserError(
            "The parts of the tuple are not recognized as images and labels (they are "
            f"{', '.join(_kind(element) for element, _ in elements)}): call "
            "load_data(images, labels=y), or give ((x, y), (x_test, y_test)).",
            code="wrong-type",
        )
    splits = SPLITS_OF_PARTS.get(len(images))
    if splits is None:
        raise UserError(
            f"The source has {len(images)} parts with images: give at most three (train, "
            "validation and test), or a dict of splits.",
            code="wrong-type",
        )
    labels += [None] * (len(images) - len(labels))
    parts: Parts = {}
    for split, x, y in zip(splits, images, labels, strict=True):
        part = _part(x, options)
        parts[split] = part if y is None else replace(part, labels=y)
    notes = [f"{len(images)} parts, read as {', '.join(splits)}"] if len(images) > 1 else []
    return parts, notes


def _flatten(source: Sequence[Any]) -> list[tuple[Any, bool]]:
    """Return the parts of a short sequence, with pairs unpacked, and which of them are images."""
    if _is_flat_pair(source):
        return [(source[0], True), (source[1], False)]
    elements: list[tuple[Any, bool]] = []
    for element in source:
        is_pair = isinstance(element, list | tuple) and len(element) == 2
        if is_pair and (_is_collection(element[0]) or _is_flat_pair(element)):
            elements += [(element[0], True), (element[1], False)]
        else:
            elements.append((element, _is_collection(element)))
    return elements


def _is_flat_pair(value: Sequence[Any]) -> bool:
    """Return whether a value is a table of flat images and their labels; it is refused later."""
    if len(value) != 2 or not (is_array(value[0]) and len(value[0].shape) == 2):
        return False
    return is_label_like(value[1]) and len(value[1]) == len(value[0])


def _is_collection(value: Any) -> bool:  # noqa: ANN401
    """Return whether a value contains several images: arrays of images, lists, data sets."""
    if is_torch_source(value) or is_hugging_face(value) or _is_table(value):
        return True
    shape = tuple(value.shape) if is_array(value) else ()
    if len(shape) == 3:  # one colour image, or several grey ones
        return not {shape[0], shape[2]} & {1, 2, 3, 4}
    return len(shape) == 4 or _are_images(value)


def _is_table(value: object) -> bool:
    return is_frame(value) or is_arrow_table(value)


def _are_images(value: Any) -> bool:  # noqa: ANN401
    """Return whether a list or a column contains images or their paths."""
    is_column = hasattr(value, "to_list") or (isinstance(value, np.ndarray) and value.ndim == 1)
    if not (isinstance(value, list | tuple) or is_column):
        return False
    first = next(iter(value), None)
    if isinstance(first, str):
        return Path(first).suffix.lower() in IMAGE_SUFFIXES or Path(first).is_file()
    if isinstance(first, bytes | Path | Image.Image):
        return True
    return is_array(first) and to_numpy(first).ndim in (2, 3)


def _kind(value: Any) -> str:  # noqa: ANN401
    name = type(value).__name__
    if is_array(value):
        return f"{name} of shape {tuple(value.shape)}"
    return f"{name} of length {len(value)}" if hasattr(value, "__len__") else name


def _part_of_list(source: Sequence[Any], options: ReadOptions) -> Part:
    """Read a list of images of one kind, or of items such as (image, label) pairs."""
    first = next((value for value in source if value is not None), None)
    if isinstance(first, str | Path | bytes):
        return Part(images=_files(source))
    if isinstance(first, list | tuple) and not _is_nested_numbers(first):
        return sequence_part(len(source), source.__getitem__, options, "the list")
    if isinstance(first, Mapping | Image.Image) or is_array(first):
        return sequence_part(len(source), source.__getitem__, options, "the list")
    return Part(images=source)


def _is_nested_numbers(value: Any) -> bool:  # noqa: ANN401
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, int | float)


def _files(source: Sequence[Any]) -> tuple[Any, ...]:
    files = tuple(image_file(value, f"image {i}") for i, value in enumerate(source))
    paths = [value for value in source if isinstance(value, str | os.PathLike)]
    if paths and not any(os.path.lexists(path) for path in paths):
        raise UserError(
            f"None of the {len(paths):,} paths exists (the first is {os.fspath(paths[0])!r}): "
            "check them; relative paths start from the current folder.",
            code="file-not-found",
        )
    return files
