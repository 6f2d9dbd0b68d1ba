"""Read labels in the order of the images: one value, line or row for each image.

A table that names the files of a list is matched by these names.
"""

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.label_values import is_label_like
from latentarium.data.read_options import LABEL_COLUMNS
from latentarium.data.readers.idx import is_idx_file, read_idx
from latentarium.data.readers.image_index import ImageIndex
from latentarium.data.readers.label_tables import labels_from_table
from latentarium.data.readers.listing import MAX_TABLE_BYTES, TABLE_SUFFIXES, SourceFile
from latentarium.data.readers.tables import (
    MISSING_TEXTS,
    TableError,
    parse_table,
    split_comments,
    split_delimiter_line,
)
from latentarium.errors import UserError
from latentarium.files import require_regular

MAX_LABEL_FILE_BYTES = 1 << 30
"""Largest size of a file of labels, in bytes."""
WHOLE_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.0*)?")
MALFORMED = (OSError, EOFError, ValueError, TypeError, KeyError, csv.Error, RecursionError)
"""Exceptions that the readers raise for malformed files."""


def labels_by_split(labels: object, splits: Sequence[str], where: str) -> dict[str, object]:
    """Return the labels that a caller gives for a source, by split.

    Arguments:
        labels: The labels, or a dict or sequence of those of each split.
        splits: The splits of the source, in order.
        where: The name of the source in error messages.

    Raises:
        UserError: The labels are not given by split (code `unexpected-labels`).
    """
    keys: list[object] = []
    if isinstance(labels, Mapping):
        keys = list(labels)
        named = {SPLIT_NAMES.get(str(name).lower(), str(name)): y for name, y in labels.items()}
        if set(named) <= set(splits):
            return named
    elif len(splits) == 1:
        return {splits[0]: labels}
    elif (
        isinstance(labels, list | tuple)
        and len(labels) == len(splits)
        and all(is_label_like(part) for part in labels)
    ):
        return dict(zip(splits, labels, strict=True))
    if len(splits) == 1:
        raise UserError(
            f"The labels are a dict with the keys {', '.join(map(str, keys[:3]))}, which "
            f"are no splits of {where}: give an array or a list with one label per image.",
            code="unexpected-labels",
        )
    raise UserError(
        f"{where} has the splits {', '.join(splits)}: give labels={{'train': ..., 'test': ...}} "
        "with the labels of each.",
        code="unexpected-labels",
    )


def read_label_file(
    path: Path, label_column: str, files: Sequence[SourceFile] | None
) -> tuple[object, str]:
    """Read a file of labels for a list of image files, or for images without names.

    Arguments:
        path: A table that names the files, or a file with one label for each image in their order.
        label_column: The column of labels in a table; "" to find it by its name.
        files: The image files; None if the images have no names.

    Returns:
        The labels in the order of the images, and a note on how they were read.

    Raises:
        UserError: As for `read_label_rows`; or the table is not usable.
    """
    named = _labels_by_name(path, label_column, files) if files else None
    if named is not None:
        return named, f"labels: from {path.name}, by the names of the files"
    rows = read_label_rows(path, label_column)
    return rows, f"labels: from {path.name}, one for each image in their order"


def _labels_by_name(
    path: Path, label_column: str, files: Sequence[SourceFile]
) -> list[str | None] | None:
    """Return the labels in a table that names files; None if it names none of them."""
    require_regular(path)
    if path.suffix.lower() not in TABLE_SUFFIXES or path.stat().st_size > MAX_TABLE_BYTES:
        return None
    try:
        table = parse_table(path.read_bytes(), path.name)
    except TableError:
        return None  # it may still contain one label in each row
    try:
        found = labels_from_table(table, ImageIndex(files, ""), label_column)
    except TableError as error:
        if error.code == "no-matching-rows":
            return None
        raise UserError(f"{path} {error}", code=error.code) from None
    return [found.labels.get(i) for i in range(len(files))]


def label_file_of(labels: object, source: Path) -> Path | None:
    """Return the path of a file of labels for image files; None if none is given.

    A path that does not exist in the current folder may be relative to the source.

    Raises:
        UserError: The labels are not a path (code `unexpected-labels`), or there is no such file.
    """
    if labels is None:
        return None
    if not isinstance(labels, str | os.PathLike):
        raise UserError(
            f"The images in {source} have names and no order: give labels as the path of a file "
            "that names them, such as labels.csv with the columns filename and label.",
            code="unexpected-labels",
        )
    path = Path(labels).expanduser()
    if not path.exists() and source.is_dir() and (source / path).exists():
        path = source / path
    require_regular(path)
    return path


def read_label_rows(path: Path, label_column: str = "") -> object:
    """Read labels in the order of the images.

    Arguments:
        path: A .npy, .csv, .tsv, .json, .jsonl or .txt file (one label in each line), or an IDX
            file.
        label_column: The column of a table; "" for the column that is named like labels.

    Returns:
        An array or a list, as `label_array` accepts it.

    Raises:
        UserError: The file is missing (code `file-not-found`), damaged (`damaged-file`) or too
            large, or has no column of labels (`no-label-column`).
    """
    require_regular(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the file of labels in it.", code="not-a-file")
    suffix = path.suffix.lower()
    if is_idx_file(path):
        return read_idx(path)
    if path.stat().st_size > MAX_LABEL_FILE_BYTES:
        raise UserError(
            f"{path} has more than {MAX_LABEL_FILE_BYTES:,} bytes: give a file of labels.",
            code="file-too-large",
        )
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix in READERS:
            text = path.read_bytes().decode("utf-8-sig", "replace")
            return READERS[suffix](text, label_column, path)
    except UserError:
        raise
    except MALFORMED as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(
            f"{path} can't be read as labels ({reason}): save it again as plain numbers or names.",
            code="damaged-file",
        ) from None
    raise UserError(
        f"{path} has a format in which labels can't be read: give a .npy, .csv, .tsv, .json, "
        ".jsonl, .txt or IDX file.",
        code="not-idx" if not suffix else "unknown-format",
    )


def _read_lines(text: str, label_column: str, path: Path) -> list[Any]:
    lines = text.splitlines()
    return numbers_or_text([line.strip() for line in lines])


def _read_table(text: str, label_column: str, path: Path) -> list[Any]:
    stated, text = split_delimiter_line(text)
    _, text = split_comments(text)
    first = text.partition("\n")[0]
    delimiter = stated or max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not rows:
        raise ValueError("it is empty")
    header = [name.strip() for name in rows[0]]
    if len(header) == 1 and not label_column and header[0].lower() not in LABEL_COLUMNS:
        return numbers_or_text([row[0].strip() for row in rows])
    column = header.index(find_label_column(header, label_column, path))
    return numbers_or_text([row[column].strip() if column < len(row) else "" for row in rows[1:]])


def _read_json(text: str, label_column: str, path: Path) -> list[Any]:
    content = json.loads(text)
    if isinstance(content, Mapping):
        known = [key for key in content if str(key).lower() in LABEL_COLUMNS]
        key = label_column or (known[0] if known else "")
        if key:
            content = content[key]
        elif any(isinstance(value, list | dict) for value in content.values()):
            raise ValueError("it has no key labels")
        else:
            content = list(content.values())
    if not isinstance(content, list):
        raise ValueError("it is not a list")
    if content and all(isinstance(row, Mapping) for row in content):
        column = find_label_column(list(content[0]), label_column, path)
        return [row.get(column) for row in content]
    if content and all(isinstance(row, list) and len(row) == 2 for row in content):
        return [label for _, label in content]  # dataset.json of StyleGAN: [name, label]
    return content


def _read_json_lines(text: str, label_column: str, path: Path) -> list[Any]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, Mapping) for row in rows):
        return rows
    column = find_label_column(list(rows[0]) if rows else [], label_column, path)
    return [row.get(column) for row in rows]


READERS = {
    ".txt": _read_lines,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
}
"""Functions that read labels from a text, by the suffix of the file."""


def find_label_column(columns: Sequence[str], label_column: str, where: object) -> str:
    """Return the column that contains the labels.

    Arguments:
        columns: The names of all columns.
        label_column: The name that is given; "" to find it.
        where: The name of the table in error messages.

    Raises:
        UserError: There is no such column (code `no-label-column`).
    """
    if label_column in columns:
        return label_column
    if not label_column:
        for name in columns:
            if name.lower() in LABEL_COLUMNS:
                return name
    missing = f"named {label_column!r}" if label_column else "of labels"
    raise UserError(
        f"{where} has no column {missing} (its columns are {', '.join(columns)}): give "
        "--label-column NAME, in Python label_column=NAME.",
        code="no-label-column",
    )


def numbers_or_text(texts: Sequence[str]) -> list[Any]:
    """Return texts as whole numbers if all are whole numbers; a missing one as None."""
    values = [None if text in MISSING_TEXTS else text or None for text in texts]
    known = [text for text in values if text is not None]
    if known and all(WHOLE_NUMBER.fullmatch(text) for text in known):
        return [None if text is None else int(text.partition(".")[0]) for text in values]
    return values
