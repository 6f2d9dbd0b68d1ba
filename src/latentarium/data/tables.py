"""Read a table with a column of images and, if there is one, a column of labels.

A column of images contains Pillow images, arrays, paths, the bytes of image files, or dicts with
"bytes" and "path". A column named split divides the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.items import sequence_part
from latentarium.data.label_values import label_array
from latentarium.data.parts import Part, image_file, is_array, lazy_content, lazy_image, to_numpy
from latentarium.data.read_options import IMAGE_COLUMNS, LABEL_COLUMNS, ReadOptions
from latentarium.data.readers.label_rows import find_label_column
from latentarium.data.readers.listing import IMAGE_SUFFIXES, SourceFile
from latentarium.errors import UserError

SPLIT_COLUMNS = {"split", "subset", "partition"}
"""Names of columns of splits, in lower case."""
MAX_SEARCHED = 100
"""Number of rows in which a value that is not missing is searched for."""
MAX_LISTED = 8
"""Largest number of columns that a message names."""


@runtime_checkable
class Table(Protocol):
    """A table in memory or on disk."""

    names: Sequence[str]
    classes: Mapping[str, tuple[str, ...]]
    """Names of the classes by the name of the column of their numbers."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def column(self, name: str) -> Any:  # noqa: ANN401  a column of any library
        """Return all values of a column."""
        ...

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401
        """Return one value."""
        ...


def table_parts(
    table: Table,
    options: ReadOptions,
    where: str,
    *,
    folder: Path | None = None,
    split: str = "train",
) -> dict[str, Part]:
    """Return the images and labels of a table by split.

    Arguments:
        table: The table.
        options: How to read it.
        where: The name of the table in error messages.
        folder: The folder that relative paths start from; None for the current folder.
        split: The split of all rows, if no column states splits.

    Raises:
        UserError: There is no column of images (code `no-images`), or a given column does not
            exist (`unknown-keys`, `no-label-column`).
    """
    if not len(table):
        raise UserError(f"{where} has no rows: give at least 10 images.", code="no-images")
    image_column, other_images = _image_column(table, options, where)
    label_column = _label_column(table, options, where, image_column)
    split_column = _split_column(table)
    used = {image_column, label_column, split_column}
    unused = [name for name in table.names if name not in used]
    notes = []
    if other_images:
        notes.append(
            f"images are read from the column {image_column!r}, not from {_list(other_images)}"
        )
    if rest := [name for name in unused if name not in other_images]:
        notes.append(f"columns that are not used: {_list(rest)}")
    labels = None
    if label_column is not None:
        labels = label_array(table.column(label_column), None, where)
    rows_by_split = {split: range(len(table))}
    if split_column is not None:
        states = [SPLIT_NAMES[str(s).lower()] for s in table.column(split_column)]
        rows_by_split = {
            name: [row for row, state in enumerate(states) if state == name]
            for name in dict.fromkeys(states)
        }
    classes = table.classes.get(label_column or "", ())
    parts = {}
    for name, rows in rows_by_split.items():
        part, kept = _images(table, image_column, rows, where, folder)
        own = None if labels is None else labels.take(kept)
        parts[name] = replace(
            part, labels=own, classes=classes, notes=(*notes, *part.notes), has_columns=True
        )
    return parts


def _images(
    table: Table, column: str, rows: Sequence[int], where: str, folder: Path | None
) -> tuple[Part, Sequence[int]]:
    """Return the images of some rows, and the rows that could be read."""
    first = _first_value(table, column)
    if is_array(first) or isinstance(first, list | tuple):
        part = sequence_part(
            len(rows),
            lambda i: (_nested_array(table.value(column, rows[i])), rows[i]),
            ReadOptions(),
            where,
        )
        kept: Any = part.labels
        return part, kept
    files = tuple(_file(table, column, row, first, where, folder) for row in rows)
    return Part(images=files), rows


def _first_value(table: Table, column: str) -> Any:  # noqa: ANN401
    """Return the first value of a column that is not missing."""
    values = (table.value(column, row) for row in range(min(len(table), MAX_SEARCHED)))
    return next((v for v in values if v is not None and not isinstance(v, float)), None)


def _nested_array(value: Any) -> np.ndarray:  # noqa: ANN401
    """Return an array of numbers, which some libraries return as an array of arrays."""
    array = to_numpy(value)
    return np.array(array.tolist()) if array.dtype == object else array


def _file(
    table: Table, column: str, row: int, first: object, where: str, folder: Path | None
) -> SourceFile:
    name = f"{where}: row {row}"
    if isinstance(first, str | Path):
        path = table.value(column, row)
        if isinstance(path, str | Path):  # named by its path
            return image_file(path, name, folder)
    if isinstance(first, Image.Image):
        return lazy_image(lambda: table.value(column, row), name)
    return lazy_content(lambda: table.value(column, row), name, folder)


def _image_column(table: Table, options: ReadOptions, where: str) -> tuple[str, list[str]]:
    """Return the column of images, and other columns that also contain images."""
    given = options.keys.get("images")
    if given is not None:
        if given not in table.names:
            raise UserError(
                f"{where} has no column {given!r} (its columns are {_list(table.names)}): correct "
                "the argument `keys`.",
                code="unknown-keys",
            )
        return given, []
    columns = [name for name in table.names if _has_images(table, name)]
    if not columns:
        raise UserError(
            f"{where} has no column of images or of their paths (its columns are "
            f"{_list(table.names)}): name it with --keys images=COLUMN, in Python "
            "keys='images=COLUMN'. If each pixel has its own column, reshape the values to "
            "(N, H, W) and give the array.",
            code="no-images",
        )
    columns.sort(key=lambda name: name.lower() not in IMAGE_COLUMNS)
    return columns[0], columns[1:]


def _has_images(table: Table, name: str) -> bool:
    """Return whether the first known value of a column is an image."""
    value = _first_value(table, name)
    if isinstance(value, Mapping):
        return "bytes" in value or "path" in value
    if isinstance(value, str):
        return Path(value).suffix.lower() in IMAGE_SUFFIXES
    if isinstance(value, Path | Image.Image | bytes | bytearray):
        return True
    try:
        return (is_array(value) or isinstance(value, list)) and _nested_array(value).ndim in (2, 3)
    except ValueError:  # lists of unequal length
        return False


def _label_column(table: Table, options: ReadOptions, where: str, image_column: str) -> str | None:
    if options.labels is not None:  # then `label_column` is a column of the file of labels
        return None
    given = options.label_column or options.keys.get("labels", "")
    if given:
        return find_label_column(table.names, given, where)
    others = [name for name in table.names if name != image_column]
    declared = [name for name in others if name in table.classes]
    named = [name for name in others if name.lower() in LABEL_COLUMNS and _is_flat(table, name)]
    return next(iter([*declared, *named]), None)


def _is_flat(table: Table, name: str) -> bool:
    """Return whether the values of a column are no lists, such as the boxes of a detector."""
    value = table.value(name, 0)
    return not isinstance(value, Mapping | list | tuple | np.ndarray)


def _split_column(table: Table) -> str | None:
    for name in table.names:
        if name.lower() in SPLIT_COLUMNS:
            values = {str(value).lower() for value in table.column(name)}
            if values <= set(SPLIT_NAMES) and "train" in {SPLIT_NAMES[v] for v in values}:
                return name
    return None


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{', '.join(map(str, names[:MAX_LISTED]))}{more}"


# ----------------------------------------------------------------------------- DataFrames


class Frame:
    """A DataFrame of pandas or polars.

    Arguments:
        frame: The DataFrame.
        classes: Names of the classes by column.
    """

    def __init__(self, frame: Any, classes: Mapping[str, tuple[str, ...]] | None = None) -> None:  # noqa: ANN401
        self._frame = frame
        self._keys = {str(name): name for name in frame.columns}
        self.names: Sequence[str] = list(self._keys)
        self.classes: Mapping[str, tuple[str, ...]] = classes or {}
        self._columns: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._frame)

    def column(self, name: str) -> Any:  # noqa: ANN401
        return self._frame[self._keys[name]]

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401
        if name not in self._columns:
            column = self.column(name)
            self._columns[name] = getattr(column, "array", column)  # pandas: without the index
        return self._columns[name][row]


def is_frame(source: object) -> bool:
    """Return whether an object is a DataFrame of pandas or polars."""
    module = type(source).__module__.partition(".")[0]
    return type(source).__name__ == "DataFrame" and module in ("pandas", "polars", "modin")
