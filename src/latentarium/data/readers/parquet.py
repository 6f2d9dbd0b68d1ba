"""Read .parquet files with the optional dependency `pyarrow`, or else with polars or pandas."""

import bisect
import importlib
import itertools
import json
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.parts import Part, read_parts
from latentarium.data.read_options import ReadOptions
from latentarium.data.tables import Frame, Table, table_parts
from latentarium.errors import UserError

SUFFIXES = (".parquet", ".pq")


def find_parquet_files(path: Path) -> list[Path]:
    """Return the .parquet file itself, or those in a folder and in its sub-folder data."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    for folder in (path, path / "data"):  # a data set of the hub has a folder data
        if folder.is_dir():
            files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
            if files:
                return sorted(files)
    return []


def read_parquet(files: Sequence[Path], path: Path, options: ReadOptions) -> RawData:
    """Read one or several .parquet files.

    Arguments:
        files: The files. If the names of all of them start with the name of a split, such as
            train-00000-of-00002.parquet, they are splits.
        path: The file or folder that the user gave.
        options: How to read them.

    Raises:
        UserError: No package can read them (code `missing-package`), a file is damaged
            (`damaged-file`), or there is no column of images (`no-images`).
    """
    splits = [_split_of(file) for file in files]
    if any(split is None for split in splits):
        splits = [None] * len(files)
    parts: dict[str, Part] = {}
    for split in dict.fromkeys(splits):
        own = [file for file, its in zip(files, splits, strict=True) if its == split]
        where = path.name if split is None else f"{path.name} ({split})"
        table = _open(own)
        found = table_parts(table, options, where, folder=own[0].parent, split=split or "train")
        parts |= found if split is None else {split: found[next(iter(found))]}
    return read_parts(parts, path.resolve().name, options)


def _split_of(path: Path) -> str | None:
    words = re.split(r"[\W\d_]+", path.stem.lower())
    return SPLIT_NAMES.get(words[0])


def _open(files: Sequence[Path]) -> Table:
    for name in ("pyarrow.parquet", "polars", "pandas"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        try:
            if name == "pyarrow.parquet":
                return ParquetTable(files, module)
            frames = [module.read_parquet(file) for file in files]
            return Frame(module.concat(frames) if len(frames) > 1 else frames[0])
        except ImportError:  # pandas without an engine
            continue
        except Exception as error:  # the packages raise many types of exceptions
            reason = " ".join(str(error).split())[:120]
            raise UserError(
                f"{files[0]} can't be read ({reason}): download or save it again.",
                code="damaged-file",
            ) from None
    raise UserError(
        f"{files[0]} needs the package pyarrow, which is not installed: run "
        "pip install 'latentarium[parquet]'.",
        code="missing-package",
    )


class ParquetTable:
    """Parquet files of which only a group of rows is in memory.

    Arguments:
        files: The files, whose rows follow each other.
        parquet: The module pyarrow.parquet.
    """

    def __init__(self, files: Sequence[Path], parquet: Any) -> None:  # noqa: ANN401
        self._files = [parquet.ParquetFile(file) for file in files]
        schema = self._files[0].schema_arrow
        self.names: Sequence[str] = list(schema.names)
        self.classes: Mapping[str, tuple[str, ...]] = declared_classes(schema.metadata or {})
        self._groups = [(f, g) for f in self._files for g in range(f.num_row_groups)]
        sizes = [f.metadata.row_group(g).num_rows for f, g in self._groups]
        self._starts = [0, *itertools.accumulate(sizes)]
        self._kept: dict[str, tuple[int, Any]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    def column(self, name: str) -> list[Any]:
        return [
            value
            for file in self._files
            for value in file.read(columns=[name]).column(name).to_pylist()
        ]

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401
        group = bisect.bisect_right(self._starts, row) - 1
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != group:
                file, number = self._groups[group]
                kept = group, file.read_row_group(number, columns=[name]).column(name)
                self._kept[name] = kept
            return kept[1][row - self._starts[group]].as_py()


class ArrowTable:
    """A table of pyarrow in memory.

    Arguments:
        table: The table.
    """

    def __init__(self, table: Any) -> None:  # noqa: ANN401
        self._table = table
        self.names: Sequence[str] = list(table.column_names)
        self.classes: Mapping[str, tuple[str, ...]] = declared_classes(table.schema.metadata or {})

    def __len__(self) -> int:
        return self._table.num_rows

    def column(self, name: str) -> list[Any]:
        return self._table.column(name).to_pylist()

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401
        return self._table.column(name)[row].as_py()


def is_arrow_table(source: object) -> bool:
    """Return whether an object is a table of pyarrow."""
    kind = type(source)
    return kind.__name__ == "Table" and kind.__module__.partition(".")[0] == "pyarrow"


def declared_classes(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Return the class names by column that the package `datasets` stores in a schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            name: tuple(str(label) for label in kind["names"])
            for name, kind in features.items()
            if isinstance(kind, Mapping) and kind.get("_type") == "ClassLabel"
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
