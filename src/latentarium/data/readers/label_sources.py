"""Find the labels of images in the tables of a source, or in a table that the user names."""

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.readers.file_names import printable, unique_names
from latentarium.data.readers.image_index import ImageIndex, folder_of
from latentarium.data.readers.label_tables import TableLabels, labels_from_table
from latentarium.data.readers.listing import (
    MAX_TABLE_BYTES,
    TABLE_NAMES,
    Listing,
    SourceFile,
)
from latentarium.data.readers.tables import Table, TableError, parse_table
from latentarium.errors import UserError
from latentarium.files import require_regular
from latentarium.texts import Text, join_clauses, text_of


@dataclass(frozen=True, kw_only=True)
class ImageLabels:
    """The labels that tables state.

    Arguments:
        source: The names of the tables that are used.
        labels: The label of each image by the image's number; empty if no table is used.
        splits: The split of each image by the image's number, if a table states it.
        is_named: Whether the user names the table.
        has_shards: Whether the folders of the images are shards and not classes.
        notes: Short descriptions of what is used, and of what is not.
        problems: Sentences on tables that are not used.
    """

    source: str = ""
    labels: dict[int, str] = field(default_factory=dict)
    splits: dict[int, str] = field(default_factory=dict)
    is_named: bool = False
    has_shards: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def find_labels(
    listing: Listing,
    files: Sequence[SourceFile],
    splits: Sequence[str],
    path: Path | None,
    column: str,
) -> ImageLabels:
    """Return the labels in the table at a path, or else in the tables of the source.

    Arguments:
        listing: The files of the source.
        files: The images, whose numbers are their positions.
        splits: The split of each image that its folder states.
        path: A table that the user names.
        column: The column of labels; "" to find it by its name.

    Raises:
        UserError: The table that the user names, or the column, is missing or not usable.
    """
    if path is not None:
        return _from_path(path, listing, files, splits, column)
    by_folder: dict[str, list[SourceFile]] = defaultdict(list)
    for table in listing.label_files:
        by_folder[folder_of(table.name)].append(table)
    used: list[tuple[SourceFile, TableLabels]] = []
    notes: list[str] = []
    problems: list[str] = []
    unknown_column: TableError | None = None
    has_shards = False
    for folder, tables in sorted(by_folder.items()):
        for table in sorted(tables, key=_priority):
            if any(folder_of(other.name) == folder for other, _ in used):
                notes.append(
                    Text(
                        "{name} is not used, since {other} has labels",
                        name=table.name,
                        other=used[-1][0].name,
                    )
                )
                continue
            try:
                parsed = parse_table(_read(table), table.name)
                has_shards |= parsed.has_shards
                found = _labels_of(parsed, table.name, files, splits, column)
            except TableError as error:
                if error.code == "unknown-column" and column:
                    unknown_column = error
                problems.append(
                    Text(
                        "{name} is not used: it {problem}", name=table.name, problem=text_of(error)
                    )
                )
                continue
            if found.labels:
                used.append((table, found))
            else:
                notes += [
                    Text("{name}: {note}", name=table.name, note=note)
                    for note in found.notes or (Text("has no labels"),)
                ]
    if column and not used and not any(file.label is not None for file in files):
        reason = problems[0] if problems else Text("There is no table of labels.")
        raise UserError(
            Text(
                "--label-column is {column}, but no labels are found. {reason}",
                column=printable(column),
                reason=reason,
            ),
            code="unknown-column" if unknown_column or not problems else "unusable-labels",
        )
    return replace(_merge(used, files, notes, problems), has_shards=has_shards)


def _from_path(
    path: Path,
    listing: Listing,
    files: Sequence[SourceFile],
    splits: Sequence[str],
    column: str,
) -> ImageLabels:
    """Return the labels in a table that the user names."""
    try:
        require_regular(path)
        if path.is_dir():
            raise UserError(
                Text("{path} is a folder: give a file of labels.", path=path), code="not-a-file"
            )
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise UserError(
                Text(
                    "{path} has more than {mebibytes} MiB: give a table with the file names "
                    "and the labels only.",
                    path=path,
                    mebibytes=MAX_TABLE_BYTES >> 20,
                ),
                code="file-too-large",
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            Text(
                "The labels {path} can't be read ({reason}): check the path.",
                path=path,
                reason=error.strerror,
            ),
            code="file-not-found",
        ) from None
    tables = [*(file.name for file in listing.label_files), *listing.other_tables]
    same = [name for name in tables if name == path.name]
    inside = next((name for name in tables if _is_at(path, name)), same[0] if same else path.name)
    try:
        found = _labels_of(parse_table(content, path.name), inside, files, splits, column)
    except TableError as error:
        raise UserError(
            Text("{path} {problem}", path=path, problem=text_of(error)), code=error.code
        ) from None
    if not found.labels:
        raise UserError(
            Text("{path} has no labels: give another file.", path=path), code="missing-labels"
        )
    table = SourceFile(name=path.name, version="", size=0, read=lambda: content)
    notes: list[str] = [
        Text("{name} is not used, since {other} is given", name=file.name, other=path.name)
        for file in listing.label_files
        if file.name != inside
    ]
    return replace(_merge([(table, found)], files, notes, []), is_named=True)


def _is_at(path: Path, name: str) -> bool:
    """Return whether a path ends with the path of a file in a source."""
    return path.resolve().as_posix().endswith("/" + name)


def _labels_of(
    table: Table, name: str, files: Sequence[SourceFile], splits: Sequence[str], column: str
) -> TableLabels:
    """Return the labels in a table.

    If its names fit images of several splits, such as train/0.png and test/0.png, they are those
    of the split that the name of the table states, or of the only split that has all of them.

    Arguments:
        table: The parsed table.
        name: Its path in the source.
        files: The images.
        splits: The split of each image.
        column: The column of labels; "" to find it by its name.

    Raises:
        TableError: As for `labels_from_table`.
    """
    folder = folder_of(name)
    error: TableError | None = None
    found: TableLabels | None = None
    try:
        found = labels_from_table(table, ImageIndex(files, folder), column)
        if not found.ambiguous:
            return found
    except TableError as reason:
        if reason.code != "ambiguous-rows":
            raise
        error = reason
    by_split: dict[str, TableLabels] = {}
    for split in sorted(set(splits) - {""}):
        numbers = [i for i, other in enumerate(splits) if other == split]
        with suppress(TableError):
            part = labels_from_table(table, ImageIndex(files, folder, numbers), column)
            if not part.ambiguous:
                note = Text("its names are read as those of {split} images", split=split)
                by_split[split] = replace(part, notes=(note, *part.notes))
    stated = _split_in(name)
    whole = [split for split, part in by_split.items() if not part.unmatched]
    if stated in by_split:
        return by_split[stated]
    if len(whole) == 1:
        return by_split[whole[0]]
    if "train" in whole and [
        split for split in whole if len(by_split[split].labels) == by_split[split].count
    ] == ["train"]:
        return by_split["train"]
    if found is None:
        raise error or TableError("names none of the images.")
    return found


def _split_in(name: str) -> str:
    """Return the split that the name of a table states, as in trainLabels.csv; or ""."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", stem)
    stated = {SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES}
    return next(iter(stated)) if len(stated) == 1 else ""


def _merge(
    used: list[tuple[SourceFile, TableLabels]],
    files: Sequence[SourceFile],
    notes: list[str],
    problems: list[str],
) -> ImageLabels:
    """Join the labels of several tables, such as one for each split."""
    labels: dict[int, str] = {}
    splits: dict[int, str] = {}
    for table, found in used:
        for i, label in found.labels.items():
            if labels.setdefault(i, label) != label:
                raise UserError(
                    Text(
                        "{name} has the label {label} in {table}, and another label in another "
                        "table: remove one of the tables.",
                        name=files[i].name,
                        label=printable(label),
                        table=table.name,
                    ),
                    code="conflicting-labels",
                )
        splits |= found.splits
    stated = [
        join_clauses([Text("labels: from {name}", name=table.name), *found.notes])
        for table, found in used
    ]
    return ImageLabels(
        source=" and ".join(table.name for table, _ in used),
        labels=_printable_labels(labels),
        splits=splits,
        notes=(*stated, *notes),
        problems=(
            *(
                Text("{name} {problem}", name=table.name, problem=p)
                for table, found in used
                for p in found.problems
            ),
            *problems,
        ),
    )


def _printable_labels(labels: dict[int, str]) -> dict[int, str]:
    """Return labels in normal form C without control characters; different ones stay different."""
    distinct = sorted(set(labels.values()))
    shown = dict(zip(distinct, unique_names(distinct), strict=True))
    return {i: shown[label] for i, label in labels.items()}


def _priority(table: SourceFile) -> tuple[int, str]:
    stem = table.name.rpartition("/")[2].rpartition(".")[0].lower()
    return TABLE_NAMES.index(stem), table.name


def _read(table: SourceFile) -> bytes:
    try:
        return table.read()
    except Exception as error:  # zipfile and zlib raise many types of exceptions
        raise TableError(
            Text("can't be read ({problem}): replace it.", problem=text_of(error)), "damaged-file"
        ) from None
