"""Find the labels of images in the tables of a source, or in a table that the user names."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from latentarium.data.readers.file_names import printable, unique_names
from latentarium.data.readers.image_index import ImageIndex, folder_of
from latentarium.data.readers.label_tables import TableLabels, labels_from_table
from latentarium.data.readers.listing import (
    MAX_TABLE_BYTES,
    TABLE_NAMES,
    Listing,
    SourceFile,
)
from latentarium.data.readers.tables import TableError, parse_table
from latentarium.errors import UserError
from latentarium.files import require_regular


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
    listing: Listing, files: Sequence[SourceFile], path: Path | None, column: str
) -> ImageLabels:
    """Return the labels in the table at a path, or else in the tables of the source.

    Arguments:
        listing: The files of the source.
        files: The images, whose numbers are their positions.
        path: A table that the user names.
        column: The column of labels; "" to find it by its name.

    Raises:
        UserError: The table that the user names, or the column, is missing or not usable.
    """
    if path is not None:
        return _from_path(path, listing, files, column)
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
                notes.append(f"{table.name} is not used, since {used[-1][0].name} has labels")
                continue
            try:
                parsed = parse_table(_read(table), table.name)
                has_shards |= parsed.has_shards
                found = labels_from_table(parsed, ImageIndex(files, folder), column)
            except TableError as error:
                if error.code == "unknown-column" and column:
                    unknown_column = error
                problems.append(f"{table.name} is not used: it {error}")
                continue
            if found.labels:
                used.append((table, found))
            else:
                notes += [f"{table.name}: {note}" for note in found.notes or ("has no labels",)]
    if column and not used and not any(file.label is not None for file in files):
        reason = f"{problems[0]}" if problems else "There is no table of labels."
        raise UserError(
            f"label_column is {printable(column)}, but no labels are found. {reason}",
            code="unknown-column" if unknown_column or not problems else "unusable-labels",
        )
    return replace(_merge(used, files, notes, problems), has_shards=has_shards)


def _from_path(
    path: Path, listing: Listing, files: Sequence[SourceFile], column: str
) -> ImageLabels:
    """Return the labels in a table that the user names."""
    try:
        require_regular(path)
        if path.is_dir():
            raise UserError(f"{path} is a folder: give a file of labels.", code="not-a-file")
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise UserError(
                f"{path} has more than {MAX_TABLE_BYTES >> 20} MiB: give a table with the file "
                "names and the labels only.",
                code="file-too-large",
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The labels {path} can't be read ({error.strerror}): check the path.",
            code="file-not-found",
        ) from None
    same = [file for file in listing.label_files if file.name == path.name]
    inside = next((f for f in listing.label_files if _is_at(path, f)), None) or (same or [None])[0]
    base = folder_of(inside.name) if inside is not None else ""
    try:
        found = labels_from_table(parse_table(content, path.name), ImageIndex(files, base), column)
    except TableError as error:
        raise UserError(f"{path} {error}", code=error.code) from None
    if not found.labels:
        raise UserError(f"{path} has no labels: give another file.", code="missing-labels")
    table = SourceFile(name=path.name, version="", size=0, read=lambda: content)
    notes = [
        f"{file.name} is not used, since {path.name} is given"
        for file in listing.label_files
        if file is not inside
    ]
    return replace(_merge([(table, found)], files, notes, []), is_named=True)


def _is_at(path: Path, file: SourceFile) -> bool:
    """Return whether a path ends with the path of a file in a source."""
    return path.resolve().as_posix().endswith("/" + file.name)


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
                    f"{files[i].name} has the label {printable(label)} in {table.name}, and "
                    "another label in another table: remove one of the tables.",
                    code="conflicting-labels",
                )
        splits |= found.splits
    stated = [
        f"labels: from {table.name}" + "".join(f"; {note}" for note in found.notes)
        for table, found in used
    ]
    return ImageLabels(
        source=" and ".join(table.name for table, _ in used),
        labels=_printable_labels(labels),
        splits=splits,
        notes=(*stated, *notes),
        problems=tuple(problems),
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
        raise TableError(f"can't be read ({error}): replace it.", "damaged-file") from None
