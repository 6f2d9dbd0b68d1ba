"""Read the labels of images from a table."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from latentarium.data.readers.file_names import printable
from latentarium.data.readers.image_index import AMBIGUOUS, ImageIndex
from latentarium.data.readers.left_out import examples_text
from latentarium.data.readers.name_columns import (
    cell_text,
    find_name_column,
    is_index,
    rival_columns,
)
from latentarium.data.readers.table_rows import (
    SPLIT_COLUMNS,
    row_notes,
    split_problems,
    splits_of,
)
from latentarium.data.readers.tables import (
    LABEL_COLUMNS,
    MISSING_TEXTS,
    NAME_COLUMNS,
    Table,
    TableError,
    plain,
    to_label,
)
from latentarium.texts import Text

INTEGER = re.compile(r"[+-]?[0-9]+")
BINARY = {"0", "1", "0.0", "1.0", "-1", "True", "False"}
MAX_DISTINCT_SHARE = 0.5
"""Largest number of classes per image of a column that is not known to contain labels."""
MAX_AMBIGUOUS_SHARE = 0.5
"""Largest share of rows that fit several images; more are hardly meant."""
MIN_CHECKED = 20
"""Number of images from which on that number is checked."""


@dataclass(frozen=True, kw_only=True)
class TableLabels:
    """The labels that a table states.

    Arguments:
        labels: The label of each image by the image's number.
        splits: The split of each image by the image's number; empty if the table states none.
        count: Number of images that the table may refer to: those below its folder.
        notes: Short descriptions of what is used, and of what is not.
        problems: Sentences on what is doubtful, whose subject is the table.
        unmatched: Number of rows that name no image.
        ambiguous: Number of rows that fit several images.
    """

    labels: dict[int, str]
    count: int
    problems: tuple[str, ...] = ()
    unmatched: int = 0
    ambiguous: int = 0
    splits: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def labels_from_table(table: Table, index: ImageIndex, column: str = "") -> TableLabels:
    """Find the columns of file names and of labels, and return the label of each image.

    Arguments:
        table: The parsed table.
        index: The images.
        column: The name of the column of labels, or its number from 1 in a table without column
            names; "" to find it.

    Raises:
        TableError: No row names an image, no column contains labels, or images have several
            labels.
    """
    if not table.rows and table.has_header:
        return TableLabels(labels={}, count=index.count, notes=(Text("has no labels"),))
    table, names, images = _find_images(table, index)
    others = [i for i, name in enumerate(table.header) if i != names]
    splits_at = next((i for i in others if plain(table.header[i]) in SPLIT_COLUMNS), None)
    splits = splits_of(table, images, splits_at)
    if splits:
        others.remove(splits_at or 0)
    problems = [] if splits or splits_at is None else split_problems(table, splits_at)
    _require_unique(table, names, images, index)
    matched = [(i, row) for i, row in zip(images, table.rows, strict=True) if i is not None]
    used = [(i, row) for i, row in matched if i != AMBIGUOUS]
    at, values = _find_labels(table, others, [row for _, row in used], column)
    labels: dict[int, str] = {}
    for (i, _), label in zip(used, values, strict=True):
        if label is not None and labels.setdefault(i, label) != label:
            raise TableError(
                Text(
                    "has the labels {first} and {second} for one image, but a model takes one "
                    "class: give one row for each image.",
                    first=printable(labels[i]),
                    second=printable(label),
                ),
                "multi-label",
            )
    notes = [*table.notes, *row_notes(table, images, names)]
    missing = values.count(None)
    if labels and missing:
        one, many = (
            Text("1 row without a label"),
            Text("{count:,} rows without a label", count=missing),
        )
        notes.append(one if missing == 1 else many)
    rivals = [printable(table.header[i]) for i in rival_columns(table, index, names) if i != at]
    if rivals:
        notes.append(
            Text(
                "the images are named by the column {column}, not by {rivals}, which would "
                "mean other images",
                column=printable(table.header[names]),
                rivals=examples_text(rivals, len(rivals)),
            )
        )
    unused = [printable(table.header[i]) for i in others if i != at and not is_index(table, i)]
    if at is not None and unused:
        listed = examples_text(unused, len(unused))
        notes.append(
            Text(
                "1 column not used ({names})"
                if len(unused) == 1
                else "{count:,} columns not used ({names})",
                count=len(unused),
                names=listed,
            )
        )
    return TableLabels(
        labels=labels,
        count=index.count,
        unmatched=images.count(None),
        ambiguous=images.count(AMBIGUOUS),
        splits=splits,
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _find_images(table: Table, index: ImageIndex) -> tuple[Table, int, list[int | None]]:
    """Return the table, whose rows are all data, the column of file names, and each row's image.

    Raises:
        TableError: No row names an image.
    """
    names = find_name_column(table, index)
    known = names is not None and plain(table.header[names]) in NAME_COLUMNS
    if not table.has_header and not known:  # the first row may be data
        numbered = Table(
            header=tuple(str(i + 1) for i in range(len(table.header))),
            rows=[table.header, *table.rows],
            has_header=True,
            is_text=table.is_text,
            notes=table.notes,
        )
        if any(index.match([name])[0] is not None for name in table.header[:20]):
            table, names = numbered, find_name_column(numbered, index)
    if names is None:
        listed = [cell_text(value) for row in table.rows[:1] for value in row[:3]]
        raise TableError(
            Text(
                "names none of the images (its first row is {row!r}): give paths "
                "relative to its folder.",
                row=printable(", ".join(listed))[:60],
            ),
            "no-matching-rows",
        )
    return table, names, index.match([cell_text(row[names]) for row in table.rows])


def _require_unique(
    table: Table, names: int, images: Sequence[int | None], index: ImageIndex
) -> None:
    """Check that most rows of a table do not fit several images."""
    several = [k for k, i in enumerate(images) if i == AMBIGUOUS]
    if len(several) <= MAX_AMBIGUOUS_SHARE * len(images):
        return
    name = cell_text(table.rows[several[0]][names])
    raise TableError(
        Text(
            "has {count:,} of {total:,} rows that fit several images (such as "
            "{name}, which fits {fitting}): give paths relative to its folder, with "
            "suffixes. If it has the labels of one split, move it into the folder of "
            "this split.",
            count=len(several),
            total=len(images),
            name=printable(name),
            fitting=index.fitting(name)[:2],
        ),
        "ambiguous-rows",
    )


def _find_labels(
    table: Table, others: list[int], rows: Sequence[Sequence[object]], column: str
) -> tuple[int | None, list[str | None]]:
    """Return the column of labels, None for one-hot columns, and the label of each row."""
    if column:
        at = next((i for i in others if table.header[i] == column), None)
        if at is None:
            at = next((i for i in others if plain(table.header[i]) == plain(column)), None)
        if at is None:
            listed = ", ".join(printable(table.header[i]) for i in others[:20])
            raise TableError(
                Text(
                    "has no column named {column}: choose one of {names}.",
                    column=printable(column),
                    names=listed or "-",
                ),
                "unknown-column",
            )
        return at, _column(table, rows, at)
    candidates = []
    for name in LABEL_COLUMNS:
        candidates += [i for i in others if plain(table.header[i]) == plain(name)]
    candidates = [i for i in dict.fromkeys(candidates) if any(_filled(row[i]) for row in rows)]
    if candidates:
        at = _one_of(table, candidates, rows)
        return at, _require_classes(_column(table, rows, at), table.header[at])
    rest = [i for i in others if not is_index(table, i) and any(_filled(row[i]) for row in rows)]
    one_hot = _one_hot(table, rest, rows)
    if one_hot is None:  # other columns of names or numbers are no classes
        classes = [i for i in rest if plain(table.header[i]) not in NAME_COLUMNS]
        one_hot = _one_hot(table, classes, rows)
    if one_hot is not None:
        return None, one_hot
    if len(rest) == 1:
        return rest[0], _require_classes(_column(table, rows, rest[0]), table.header[rest[0]])
    if not rest:
        return None, [None] * len(rows)
    listed = ", ".join(printable(table.header[i]) for i in rest[:10])
    raise TableError(
        Text(
            "has no column named label (its columns are {names}): name the column of "
            "labels with --label-column.",
            names=listed,
        ),
        "unknown-column",
    )


def _one_of(table: Table, candidates: list[int], rows: Sequence[Sequence[object]]) -> int:
    """Return the column to use of several columns of labels.

    If they divide the images in the same way, it is the first that has names instead of numbers.
    """
    columns = {i: [cell_text(row[i]) for row in rows] for i in candidates}
    first = columns[candidates[0]]
    for i, values in columns.items():
        pairs = set(zip(first, values, strict=True))
        if not len(pairs) == len(set(first)) == len(set(values)):
            raise TableError(
                Text(
                    "has the columns {first} and {second}, which divide the images "
                    "differently: choose one of them with --label-column.",
                    first=table.header[candidates[0]],
                    second=table.header[i],
                ),
                "ambiguous-column",
            )
    named = [i for i, values in columns.items() if not all(map(_is_number, values))]
    return (named or candidates)[0]


def _one_hot(
    table: Table, columns: list[int], rows: Sequence[Sequence[object]]
) -> list[str | None] | None:
    """Return the label of each row in a table with a column for each class; None if it is not."""
    if len(columns) < 2 or any(cell_text(row[i]) not in BINARY for row in rows for i in columns):
        return None
    labels: list[str | None] = []
    for row in rows:
        ones = [i for i in columns if cell_text(row[i]) in ("1", "1.0", "True")]
        if len(ones) != 1:
            raise TableError(
                Text(
                    "has a column for each class, but {count} classes for an image: choose "
                    "one of the columns with --label-column.",
                    count=len(ones),
                ),
                "multi-label",
            )
        labels.append(table.header[ones[0]])
    return labels


def _column(table: Table, rows: Sequence[Sequence[object]], at: int) -> list[str | None]:
    """Return the labels in a column, None for a missing one; whole numbers have no fraction.

    -1 means that the label is missing, unless the only other number is 1.

    Raises:
        TableError: The column has several labels for an image, or numbers with fractions.
    """
    values = [row[at] for row in rows]
    if table.is_text:
        values = [None if value in MISSING_TEXTS else value for value in values]
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if texts and any("." in text for text in texts) and all(map(_is_number, texts)):
        numbers = {text: float(text) for text in texts}
        values = [numbers.get(v, v) if isinstance(v, str) else v for v in values]
    labels = [to_label(value) for value in values]
    distinct = set(labels) - {None, "-1"}
    if distinct != {"1"} and all(INTEGER.fullmatch(label) for label in distinct if label):
        labels = [None if label == "-1" else label for label in labels]
    return labels


def _require_classes(labels: list[str | None], name: str) -> list[str | None]:
    distinct = {label for label in labels if label is not None}
    if len(labels) >= MIN_CHECKED and len(distinct) > MAX_DISTINCT_SHARE * len(labels):
        raise TableError(
            Text(
                "has {count:,} different values in the column {name} for "
                "{total:,} images, so these are hardly classes: name the column of "
                "labels with --label-column.",
                count=len(distinct),
                name=printable(name),
                total=len(labels),
            ),
            "not-classes",
        )
    return labels


def _filled(value: object) -> bool:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return not missing and value not in ("", [])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
