"""Find the column of a table whose values name the images."""

from typing import NamedTuple

from latentarium.data.readers.file_names import printable
from latentarium.data.readers.image_index import AMBIGUOUS, ImageIndex
from latentarium.data.readers.tables import LABEL_COLUMNS, NAME_COLUMNS, Table, TableError, plain
from latentarium.texts import Text

INDEX_COLUMNS = {"", "index", "unnamed:0"}
"""Names of columns that number the rows."""
MAX_SEARCHED_COLUMNS, MAX_SEARCHED_ROWS = 20, 1000
"""Number of columns and rows that are searched for file names."""
MIN_SHARE = 0.5
"""A column that names fewer images than this share of the most is not one of file names."""
MIN_RIVAL_SHARE = 0.9
"""A column that names this share of the most images may be meant just as well."""


class NameColumn(NamedTuple):
    """A column that may name the images.

    Arguments:
        at: The number of the column.
        images: The image that each row means, as `ImageIndex.match` returns it.
        size: The number of images that it names.
        kind: How likely the column is meant, the most important sign first: whether most of its
            names have the suffix of their image, whether the column is named like file names, and
            whether it is not named like numbers of rows.
    """

    at: int
    images: list[int | None]
    size: int
    kind: tuple[bool, bool, bool]


def find_name_column(table: Table, index: ImageIndex) -> int | None:
    """Return the column that names the images; None if none does.

    Names with a suffix count more than numbers, which may just count the rows, and a column that
    is named like file names counts more than others.

    Raises:
        TableError: Two columns are equally good, but mean different images (code
            `ambiguous-column`).
    """
    found = [column for i in _candidates(table) if (column := _column(table, index, i)).size]
    most = max((column.size for column in found), default=0)
    found = [column for column in found if column.size >= MIN_SHARE * most]
    found.sort(key=lambda column: (*column.kind, column.size), reverse=True)
    for other in found[1:]:
        if other.kind == found[0].kind:
            _require_agreement(table, found[0], other)
    return found[0].at if found else None


def rival_columns(table: Table, index: ImageIndex, names: int) -> list[int]:
    """Return the other columns that could name the images, but mean other ones."""
    chosen = _column(table, index, names)
    others = [
        _column(table, index, i)
        for i in _candidates(table)
        if i != names and not is_index(table, i)
    ]
    return [
        other.at
        for other in others
        if other.size >= MIN_RIVAL_SHARE * chosen.size and _disagree(chosen, other)
    ]


def cell_text(value: object) -> str:
    """Return the text of a cell; whole numbers have no fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def is_index(table: Table, i: int) -> bool:
    """Return whether a column numbers the rows."""
    return plain(table.header[i]) in INDEX_COLUMNS


def _candidates(table: Table) -> list[int]:
    names = [plain(name) for name in table.header]
    labels = {plain(name) for name in LABEL_COLUMNS}
    known = [i for i, name in enumerate(names) if name in NAME_COLUMNS]
    others = [i for i, name in enumerate(names) if name not in NAME_COLUMNS and name not in labels]
    return known + others[:MAX_SEARCHED_COLUMNS]


def _column(table: Table, index: ImageIndex, i: int) -> NameColumn:
    names = [cell_text(row[i]) for row in table.rows[:MAX_SEARCHED_ROWS]]
    images = index.match(names)
    count = len(set(images) - {None})
    exact = set(index.match(names, with_suffix=True)) - {None} if count else set()
    return NameColumn(
        at=i,
        images=images,
        size=count,
        kind=(
            len(exact) > count / 2,
            plain(table.header[i]) in NAME_COLUMNS,
            not is_index(table, i),
        ),
    )


def _require_agreement(table: Table, best: NameColumn, other: NameColumn) -> None:
    if other.size >= MIN_RIVAL_SHARE * best.size and _disagree(best, other):
        row = next(k for k, pair in enumerate(_pairs(best, other)) if len(set(pair)) > 1)
        first, second = (
            Text(
                "{value} in {column}",
                value=printable(cell_text(table.rows[row][c.at])),
                column=printable(table.header[c.at]),
            )
            for c in (best, other)
        )
        raise TableError(
            Text(
                "has two columns that name different images (row {row} has {first}, and "
                "{second}): remove the column that does not name the image.",
                row=row + 1,
                first=first,
                second=second,
            ),
            "ambiguous-column",
        )


def _disagree(a: NameColumn, b: NameColumn) -> bool:
    return any(x != y and None not in (x, y) and AMBIGUOUS not in (x, y) for x, y in _pairs(a, b))


def _pairs(a: NameColumn, b: NameColumn) -> list[tuple[int | None, int | None]]:
    return list(zip(a.images, b.images, strict=True))
