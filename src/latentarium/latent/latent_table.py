"""Tables of latents, in files that other programs read: Parquet, CSV and .npz.

    z0, z1, ...   the latent
    split, index  the split of the image, and its position in it
    label         the name of its class
    file          the name of its file in the source
    trust         how usual the image is; see `latentarium.latent.encode_source`

A row is an image. Columns that are unknown are left out. In a .npz file the latents are one array
`z` (N, Z), and the labels are class numbers into the array `classes`.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from latentarium.errors import UserError
from latentarium.files import write_atomic
from latentarium.image_files import npz_bytes
from latentarium.shapes import LatentSet

FORMATS = (".parquet", ".npz", ".csv")
LATENT_COLUMN = re.compile(r"z(0|[1-9]\d{0,6})")


@dataclass(frozen=True, kw_only=True)
class LatentTable:
    """Latents with what is known about their images.

    Arguments:
        z: The latents, float32.
        split: The split of each image; None if unknown, as in the following fields.
        index: The position of each image in its split.
        label: The class number of each image, -1 for none.
        classes: The names of the classes.
        file: The name of each image's file in the source.
        trust: The level of each image, from 0 (unusual) to 1, nan if unknown.
    """

    z: LatentSet
    split: tuple[str, ...] | None = None
    index: np.ndarray | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    file: tuple[str, ...] | None = None
    trust: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.z)

    def names(self) -> list[str] | None:
        """Return the class name of each image, "" for none; None without labels."""
        if self.label is None:
            return None
        return [self.classes[k] if k >= 0 else "" for k in self.label.tolist()]

    def columns(self) -> dict[str, Any]:
        """Return the columns of a table, by name."""
        z = self.z.numpy()
        columns: dict[str, Any] = {f"z{k}": z[:, k] for k in range(z.shape[1])}
        others = {
            "split": self.split,
            "index": self.index,
            "label": self.names(),
            "file": self.file,
            "trust": self.trust,
        }
        return columns | {name: column for name, column in others.items() if column is not None}

    def write(self, path: Path) -> None:
        """Write the table to a file, in the format of its suffix.

        Raises:
            UserError: As for `require_format`, or the file can't be written (code
                "cannot-write").
        """
        require_format(path)
        formats = {".parquet": self._parquet, ".npz": self._npz, ".csv": self._csv}
        write_atomic(path, formats[path.suffix.lower()]())

    def _npz(self) -> bytes:
        arrays: dict[str, np.ndarray] = {"z": self.z.numpy()}
        if self.label is not None:
            arrays |= {"label": self.label, "classes": np.array(self.classes, str)}
        others = {"split": self.split, "index": self.index, "file": self.file, "trust": self.trust}
        arrays |= {name: np.asarray(part) for name, part in others.items() if part is not None}
        return npz_bytes(**arrays)

    def _csv(self) -> bytes:
        # nine digits give back the same float32
        columns = [
            [f"{value:.9g}" for value in column.tolist()]
            if isinstance(column, np.ndarray) and column.dtype.kind == "f"
            else column
            for column in self.columns().values()
        ]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns())
        writer.writerows(zip(*columns, strict=True))
        return text.getvalue().encode("utf-8", "surrogateescape")

    def _parquet(self) -> bytes:
        pyarrow = _pyarrow()
        buffer = io.BytesIO()
        # a dictionary is a categorical in pandas, without repeating the names
        columns = {
            name: pyarrow.array(column).dictionary_encode()
            if name in ("split", "label")
            else pyarrow.array(column)
            for name, column in self.columns().items()
        }
        pyarrow.parquet.write_table(pyarrow.table(columns), buffer, compression="zstd")
        return buffer.getvalue()


def require_format(path: Path) -> None:
    """Refuse the file of a table that can't be written or read.

    Raises:
        UserError: The suffix is unknown (code "unknown-format"), or it is .parquet and pyarrow is
            not installed (code "missing-package").
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"The file of the latents is {path}; its name must end in {', '.join(FORMATS[:-1])} "
            f"or {FORMATS[-1]}.",
            code="unknown-format",
        )
    if path.suffix.lower() == ".parquet":
        _pyarrow()


def read_latent_table(path: Path) -> LatentTable:
    """Read a table of latents that `LatentTable.write` wrote, or another program.

    Only the latents are required: the columns z0, z1, ..., or in a .npz file the array z.

    Raises:
        UserError: The file is missing (code "file-not-found"), damaged (code "damaged-file"), or
            has no latents (code "no-latents"); or as for `require_format`.
    """
    require_format(path)
    if not path.is_file():
        raise UserError(
            f"There is no file {path}: check the path, or write it with latentarium encode.",
            code="file-not-found",
        )
    try:
        columns = _READERS[path.suffix.lower()](path)
        table = _table(columns, path)
    except UserError:
        raise
    except Exception as error:  # csv, zipfile, numpy and pyarrow raise errors of many types
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(
            f"{path} can't be read ({reason}): write it again.", code="damaged-file"
        ) from None
    return table


def _table(columns: Mapping[str, Any], path: Path) -> LatentTable:
    if "z" in columns:
        z = np.asarray(columns["z"], np.float32)
    else:
        count = sum(1 for name in columns if LATENT_COLUMN.fullmatch(name))
        missing = [f"z{k}" for k in range(count) if f"z{k}" not in columns]
        if not count or missing:
            raise UserError(
                f"{path} has no {'column ' + missing[0] if missing else 'latents'}: it must have "
                "the columns z0, z1, and so on, one for each dimension of the latents.",
                code="no-latents",
            )
        z = np.stack([np.asarray(columns[f"z{k}"], np.float32) for k in range(count)], 1)
    if z.ndim != 2 or not z.size:
        raise UserError(
            f"The latents of {path} have shape {z.shape}; it must be (N, Z), with at least one "
            "row.",
            code="no-latents",
        )
    label, classes = _labels(columns)
    index, trust = columns.get("index"), columns.get("trust")
    return LatentTable(
        z=torch.from_numpy(np.ascontiguousarray(z)),
        split=_texts(columns.get("split")),
        index=None if index is None else np.asarray(index, np.int64),
        label=label,
        classes=classes,
        file=_texts(columns.get("file")),
        trust=None if trust is None else np.asarray(trust, np.float32),
    )


def _labels(columns: Mapping[str, Any]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return class numbers and the names of the classes."""
    label = columns.get("label")
    if label is None:
        return None, ()
    if "classes" in columns:
        return np.asarray(label, np.int64), tuple(map(str, columns["classes"]))
    names = _texts(label) or ()
    classes = tuple(sorted({name for name in names if name}))
    numbers = {name: number for number, name in enumerate(classes)} | {"": -1}
    return np.array([numbers[name] for name in names], np.int64), classes


def _texts(column: Iterable[object] | None) -> tuple[str, ...] | None:
    return None if column is None else tuple("" if v is None else str(v) for v in column)


def _read_npz(path: Path) -> Mapping[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _read_csv(path: Path) -> Mapping[str, Any]:
    text = path.read_text("utf-8-sig", "surrogateescape")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return dict(zip(header, zip(*filter(None, rows), strict=True), strict=False))


def _read_parquet(path: Path) -> Mapping[str, Any]:
    table = _pyarrow().parquet.read_table(path)
    return {
        name: table[name].to_numpy() if LATENT_COLUMN.fullmatch(name) else table[name].to_pylist()
        for name in table.column_names
    }


_READERS = {".parquet": _read_parquet, ".npz": _read_npz, ".csv": _read_csv}


def _pyarrow() -> ModuleType:
    try:
        import pyarrow.parquet  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "Parquet files need the package pyarrow, which is not installed: run "
            "pip install 'latentarium[parquet]', or choose a .csv or .npz file.",
            code="missing-package",
        ) from None
    return pyarrow
