"""Parse tables of labels: CSV, TSV, JSON Lines, and JSON in several forms.

file_name,label                                          .csv, .tsv, .txt
{"file_name": "1.png", "label": "cat"}                   .jsonl, a line for each image
[{"file_name": "1.png", "label": "cat"}, ...]            .json
{"labels": [["00000/1.png", 3], ...]}                    .json of StyleGAN
{"1.png": "cat", ...}                                    .json
{"cat": ["1.png", ...], "dog": ["2.png", ...]}           .json
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.readers.encodings import decode_texts
from latentarium.data.readers.listing import IMAGE_SUFFIXES
from latentarium.texts import Text

LABEL_COLUMNS = (
    "label", "labels", "class", "class_name", "classname", "cls", "class_label", "label_name",
    "category", "category_name", "target", "y", "class_id", "label_id", "category_id",
)  # fmt: skip
"""Names of columns and JSON keys that contain labels, in order of priority."""
NAME_COLUMNS = {
    "filename", "file", "filepath", "fname", "image", "imagename", "imagefile", "imagefilename",
    "imagepath", "imageid", "img", "imgname", "imgpath", "imgid", "picture", "photo", "path",
    "name", "id", "key",
}  # fmt: skip
"""Names of columns that contain file names, as `plain` returns them."""
MISSING_TEXTS = {"NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "None", "null", "NULL"}
"""Texts that stand for a missing label in text files, as other programs write them."""
DELIMITERS = ",\t;|"
CELL_END = re.compile(r"[,\t;| ]")
DELIMITER_LINE = re.compile(r'"?sep=(.)"?\r?', re.IGNORECASE)
MAX_COLUMNS = 10_000
BYTE_ORDER_MARKS = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\xff\xfe", b"\xfe\xff")


class TableError(ValueError):
    """A table has no usable labels.

    Arguments:
        message: Why, as the end of a sentence whose subject is the table, with what to do.
        code: A stable identifier in kebab-case.
    """

    def __init__(self, message: str, code: str = "unusable-labels") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Table:
    """A parsed table.

    Arguments:
        header: The names of the columns; in a .csv, the first row, which may also be data.
        rows: The values of each row, without the header.
        has_header: Whether the header is certainly not data.
        is_text: Whether all values are texts, as in a .csv.
        has_shards: Whether the folders of the images are shards, as in StyleGAN's archives.
        notes: Short descriptions of what was changed.
    """

    header: tuple[str, ...]
    rows: list[Sequence[object]]
    has_header: bool
    is_text: bool = False
    has_shards: bool = False
    notes: tuple[str, ...] = ()


def parse_table(content: bytes, name: str) -> Table:
    """Parse a table by the suffix of its name.

    Raises:
        TableError: The table is malformed.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if content[:4] == b"PAR1" or suffix == ".parquet" or content[:2] in (b"PK", b"\x1f\x8b"):
        raise TableError("is not a text file: save it as .csv, .tsv or .jsonl.", "unknown-format")
    text, notes = _decode(content)
    try:
        if suffix in (".jsonl", ".ndjson"):
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
            return _from_records(values, notes)
        if suffix == ".json":
            return _from_json(json.loads(text), notes)
        return _from_csv(text, notes)
    except (ValueError, RecursionError, csv.Error) as error:
        if isinstance(error, TableError):
            raise
        reason = (
            Text("nested too deeply") if isinstance(error, RecursionError) else str(error)[:100]
        )
        raise TableError(
            Text("is malformed ({reason}): correct it.", reason=reason), "damaged-file"
        ) from None


def _decode(content: bytes) -> tuple[str, tuple[str, ...]]:
    for mark in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            try:
                return content.decode("utf-32" if len(mark) == 4 else "utf-16"), ()
            except UnicodeDecodeError:
                raise TableError("is not text: save it as UTF-8.", "damaged-file") from None
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        if b"\0" in content[:1000]:
            raise TableError("is not text: save it as UTF-8.", "damaged-file") from None
    lines, encoding = decode_texts(content.splitlines())
    return "\n".join(lines), (Text("is not UTF-8; read as {encoding}", encoding=encoding),)


def _from_csv(text: str, notes: tuple[str, ...]) -> Table:
    stated, text = split_delimiter_line(text)
    comments, text = split_comments(text)
    if comments:
        note = Text(
            "1 comment line above the table not used"
            if comments == 1
            else "{count:,} comment lines above the table not used",
            count=comments,
        )
        notes = (*notes, note)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = stated or max(DELIMITERS, key=first.count)
    if delimiter in first:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True
        )
        rows = [[cell.strip() for cell in row] for row in reader if any(map(str.strip, row))]
    else:  # a list such as "img/1.png 3"
        rows = [line.rsplit(maxsplit=1) for line in text.splitlines() if line.strip()]
    if not rows:
        raise TableError("is empty.")
    width = len(rows[0])
    if width > MAX_COLUMNS:
        raise TableError(
            Text(
                "has {width:,} columns: keep those of the file names and the labels.", width=width
            )
        )
    for number, row in enumerate(rows, start=1):
        if len(row) > width and any(row[width:]):
            raise TableError(
                Text(
                    "has {count} values in row {number}, but {width} columns: put values "
                    "that contain the delimiter in quotes.",
                    count=len(row),
                    number=number,
                    width=width,
                ),
                "damaged-file",
            )
    padded = [row[:width] + [""] * (width - len(row)) for row in rows]
    return Table(
        header=tuple(padded[0]),
        rows=list(padded[1:]),
        has_header=False,
        is_text=True,
        notes=notes,
    )


def split_delimiter_line(text: str) -> tuple[str, str]:
    """Return the delimiter that the first line of a .csv states for Excel, as in `sep=;`.

    Returns:
        The delimiter, "" if none is stated, and the text without this line.
    """
    first, _, rest = text.partition("\n")
    match = DELIMITER_LINE.fullmatch(first)
    return (match[1], rest) if match else ("", text)


def split_comments(text: str) -> tuple[int, str]:
    """Remove the lines above a table that start with "#".

    The last of them stays, without its "#", if it names a known column and the next line does
    not, as in files of `numpy.savetxt`. A line that starts with the name of an image file is a
    row.

    Returns:
        The number of lines that are removed, and the text without them.
    """
    lines = text.splitlines(keepends=True)
    count = 0
    while count < len(lines) and _is_comment(lines[count]):
        count += 1
    if not count:
        return 0, text
    header = lines[count - 1].lstrip("# \t")
    rest = "".join(lines[count:])
    above, below = _cells(header, rest), _cells(rest, rest)
    known = NAME_COLUMNS | {plain(name) for name in LABEL_COLUMNS}
    is_header = (
        len(above) == len(below) and not known.isdisjoint(above) and known.isdisjoint(below)
    )
    return (count - 1, header + rest) if is_header else (count, rest)


def _is_comment(line: str) -> bool:
    first = CELL_END.split(line.strip().lower())[0]
    return first.startswith("#") and PurePosixPath(first).suffix not in IMAGE_SUFFIXES


def _cells(text: str, table: str) -> list[str]:
    """Split the first line of a text at the delimiter of a table."""
    delimiter = max(DELIMITERS, key=table.partition("\n")[0].count)
    line = text.partition("\n")[0]
    return [plain(cell.strip(" \"'")) for cell in line.split(delimiter)]


def plain(name: object) -> str:
    """Return a column's name in lower case, without spaces, hyphens and underscores."""
    return "".join(c for c in str(name).lower().strip() if c not in " -_")


def _from_json(values: object, notes: tuple[str, ...]) -> Table:
    if isinstance(values, list):
        return _from_records(values, notes)
    if not isinstance(values, dict):
        raise TableError("is neither a JSON object nor a list.")
    if "labels" in values and len(values) <= 2:  # StyleGAN
        labels = values["labels"]
        pairs = list(labels.items()) if isinstance(labels, dict) else labels or []
        if isinstance(pairs, list):
            return replace(_from_records(pairs, notes), has_shards=True)
    by_class = _files_by_class(values)
    if by_class:
        return _from_records(by_class, notes)
    columns = list(values.values())
    if 1 < len(columns) <= MAX_COLUMNS:
        rows: list[Sequence[object]] = []
        if all(isinstance(c, list) and len(c) == len(columns[0]) for c in columns):
            rows = list(zip(*columns, strict=True))  # {"file_name": [...], "label": [...]}
        elif all(isinstance(c, dict) and list(c) == list(columns[0]) for c in columns):
            rows = [tuple(c[key] for c in columns) for key in columns[0]]  # pandas' to_json
        if rows:
            return Table(header=tuple(values), rows=rows, has_header=True, notes=notes)
    if columns and not any(isinstance(value, list | dict) for value in columns):
        return _from_records([list(item) for item in values.items()], notes)
    raise TableError(
        Text(
            "has the keys {keys}, a form that is not known: give objects such as "
            '{{"file_name": "1.png", "label": "cat"}}.',
            keys=list(values)[:5],
        ),
        "unknown-format",
    )


def _files_by_class(values: Mapping[str, object]) -> list[object]:
    """Return pairs of a file and its class if an object has a list of files for each class.

    Lists of equal length may also be columns: they are files if all have the suffixes of images.
    """
    lists = [files for files in values.values() if isinstance(files, list)]
    files = [file for column in lists for file in column]
    if len(lists) < max(2, len(values)) or not all(isinstance(file, str) for file in files):
        return []
    if all(name.lower() in SPLIT_NAMES for name in values):
        return []
    are_images = all(PurePosixPath(file.lower()).suffix in IMAGE_SUFFIXES for file in files)
    if len({len(column) for column in lists}) == 1 and not are_images:
        return []
    return [[file, name] for name, column in zip(values, lists, strict=True) for file in column]


def _from_records(values: Sequence[object], notes: tuple[str, ...]) -> Table:
    """Convert a list of objects, or of pairs of a file name and a label."""
    if values and all(isinstance(value, dict) for value in values):
        records: list[Mapping[str, object]] = [v for v in values if isinstance(v, dict)]
        header = dict.fromkeys(str(key) for record in records for key in record)
        if len(header) > MAX_COLUMNS:
            raise TableError(
                Text(
                    "has {count:,} different keys: give the same keys each time.",
                    count=len(header),
                )
            )
        rows = [tuple(record.get(key) for key in header) for record in records]
        return Table(header=tuple(header), rows=list(rows), has_header=True, notes=notes)
    if all(isinstance(v, list | tuple) and len(v) == 2 for v in values):
        pairs = [v for v in values if isinstance(v, list | tuple)]
        return Table(
            header=("file_name", "label"),
            rows=[tuple(pair) for pair in pairs],
            has_header=True,
            notes=notes,
        )
    raise TableError(
        "is not a list of objects with the same keys or of pairs: give objects such as "
        '{"file_name": "1.png", "label": "cat"}.',
        "unknown-format",
    )


def to_label(value: object) -> str | None:
    """Return the label that a value states; None if it states none.

    Raises:
        TableError: The value states several labels or a number with a fraction.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list | tuple):
        if len(value) == 1:
            return to_label(value[0])
        if not value:
            return None
        ones = [i for i, x in enumerate(value) if isinstance(x, int | float) and x == 1]
        if len(ones) == 1 and all(isinstance(x, int | float) and x in (0, 1) for x in value):
            return str(ones[0])  # a one-hot vector
        raise TableError(
            "has several labels or a vector for an image, but a model takes one class: give one "
            "label for each image.",
            "multi-label",
        )
    if isinstance(value, float) and not value.is_integer():
        raise TableError(
            Text(
                "has the label {value:g}, a number with a fraction, but labels are "
                "classes: divide the values into classes, or choose another column.",
                value=value,
            ),
            "not-classes",
        )
    if isinstance(value, int | float):
        return str(value) if isinstance(value, bool) else str(int(value))
    raise TableError("has labels that are neither names nor numbers: change them.")
