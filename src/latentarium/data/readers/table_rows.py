"""The splits that the rows of a table state, and notes on rows that are not used."""

from collections import Counter

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.readers.file_names import printable
from latentarium.data.readers.image_index import AMBIGUOUS
from latentarium.data.readers.left_out import examples_text
from latentarium.data.readers.name_columns import cell_text
from latentarium.data.readers.tables import Table
from latentarium.texts import Text

SPLIT_COLUMNS = {"split", "subset", "partition", "set"}
"""Names of columns that state splits, as `plain` returns them."""


def splits_of(table: Table, images: list[int | None], at: int | None) -> dict[int, str]:
    """Return the split of each image if a column states one for all of them."""
    if at is None:
        return {}
    words = [cell_text(row[at]).lower() for row in table.rows]
    found = {
        i: SPLIT_NAMES.get(word, "")
        for i, word in zip(images, words, strict=True)
        if i is not None and i >= 0
    }
    return found if all(found.values()) and "train" in found.values() else {}


def split_problems(table: Table, at: int) -> list[str]:
    """Return a problem if most values of a column are splits, but not all of them."""
    words = [cell_text(row[at]) for row in table.rows]
    others = [word for word in words if word.lower() not in SPLIT_NAMES]
    if not others or len(others) > len(words) / 2:
        return []
    return [
        Text(
            "states splits in the column {column}, but {count:,} of its {total:,} values, such as "
            "{value!r}, are not train, validation or test, so the column is not used: correct "
            "these values.",
            column=printable(table.header[at]),
            count=len(others),
            total=len(words),
            value=printable(others[0]),
        )
    ]


def row_notes(table: Table, images: list[int | None], names: int) -> list[str]:
    """Return notes on the rows that name no image, several images, or an image again.

    Arguments:
        table: The table.
        images: The image of each row; see `ImageIndex.match`.
        names: The column of file names.
    """
    notes = []
    for meaning in (None, AMBIGUOUS):
        rows = [row for row, i in zip(table.rows, images, strict=True) if i == meaning]
        listed = examples_text((printable(cell_text(row[names])) for row in rows), len(rows))
        if rows and meaning is None:
            notes.append(
                Text(
                    "1 row without an image ({names})"
                    if len(rows) == 1
                    else "{count:,} rows without an image ({names})",
                    count=len(rows),
                    names=listed,
                )
            )
        elif rows:
            notes.append(
                Text(
                    "1 row that fits several images ({names})"
                    if len(rows) == 1
                    else "{count:,} rows that fit several images ({names})",
                    count=len(rows),
                    names=listed,
                )
            )
    counts = Counter(i for i in images if i is not None and i >= 0)
    repeated = sum(count - 1 for count in counts.values())
    if repeated:
        notes.append(
            Text("1 repeated row" if repeated == 1 else "{count:,} repeated rows", count=repeated)
        )
    return notes
