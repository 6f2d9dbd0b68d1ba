"""Read data sets of the package `datasets`: of the Hugging Face hub, of a folder, or in memory."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.items import iterable_part, sequence_part
from latentarium.data.parts import Part, read_parts
from latentarium.data.read_options import ReadOptions
from latentarium.data.tables import table_parts
from latentarium.errors import UserError


def read_hugging_face(name: str, options: ReadOptions) -> RawData:
    """Read a data set of the hub.

    Arguments:
        name: The name on the hub, such as "ylecun/mnist", and optionally a configuration, as in
            "owner/name/config" or "name/config".
        options: How to read it.

    Raises:
        UserError: The package is not installed (code `missing-package`), the data set can't be
            downloaded (`download-failed`), or it has no images (`no-images`).
    """
    datasets = _package(f"hf:{name}")
    failures = []
    for arguments in _names_and_configs(name):
        try:
            loaded = datasets.load_dataset(*arguments)
        except Exception as error:  # the package raises many types of exceptions
            failures.append(error)
            if not isinstance(error, FileNotFoundError):  # only a missing data set has two names
                break
        else:
            return read_datasets(loaded, f"hf:{name}", options)
    reason = " ".join(str(failures[0]).split())[:300] if failures else "the name is empty"
    raise UserError(
        f"hf:{name} can't be loaded ({reason}): check the name and the network. If the data set "
        "has several configurations, give one as hf:NAME/CONFIG.",
        code="download-failed",
    )


def _names_and_configs(name: str) -> list[list[str]]:
    """Return the arguments of `load_dataset` to try in order.

    "a/b" is a data set of an owner, or else the configuration of a data set without an owner.
    """
    words = [word for word in name.split("/") if word]
    if len(words) == 2:
        return [["/".join(words)], words]
    return [["/".join(words[:2]), *words[2:3]]] if words else []


def is_saved_dataset(path: Path) -> bool:
    """Return whether a folder was written by `save_to_disk` of the package `datasets`."""
    return (path / "dataset_dict.json").is_file() or (
        (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
    )


def read_saved_dataset(path: Path, options: ReadOptions) -> RawData:
    """Read a folder that `save_to_disk` of the package `datasets` wrote.

    Raises:
        UserError: As for `read_hugging_face`.
    """
    datasets = _package(str(path))
    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # the package raises many types of exceptions
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{path} can't be read ({reason}): save it again with save_to_disk.",
            code="damaged-file",
        ) from None
    return read_datasets(loaded, path.resolve().name, options)


def _package(source: str) -> Any:  # noqa: ANN401  a module without types
    try:
        import datasets  # pyright: ignore[reportMissingImports]  an extra
    except ImportError:
        raise UserError(
            f"{source} needs the package datasets, which is not installed: run "
            "pip install 'latentarium[hf]'.",
            code="missing-package",
        ) from None
    return datasets


def is_hugging_face(source: object) -> bool:
    """Return whether an object is a data set of the package `datasets`, which is not imported."""
    kinds = {"Dataset", "DatasetDict", "IterableDataset", "IterableDatasetDict"}
    return any(
        kind.__name__ in kinds and kind.__module__.partition(".")[0] == "datasets"
        for kind in type(source).__mro__
    )


def read_datasets(source: Any, where: str, options: ReadOptions) -> RawData:  # noqa: ANN401
    """Read a `Dataset` or a `DatasetDict`.

    The first column of images and the first column of classes, or of labels by its name, are
    read; other columns and splits are named in the notes.

    Raises:
        UserError: There are no images (code `no-images`) or no training images
            (`no-train-split`).
    """
    if not isinstance(source, Mapping):
        return read_parts(dataset_parts(source, "train", options, where), where, options)
    splits = {name: SPLIT_NAMES.get(str(name).lower()) for name in source}
    if len(splits) == 1 and None in splits.values():  # a split such as "full"
        splits = dict.fromkeys(splits, "train")
    parts: dict[str, Part] = {}
    for name, split in splits.items():
        if split is not None and split not in parts:
            found = dataset_parts(source[name], split, options, f"{where} ({name})")
            parts |= found if len(splits) == 1 else {split: next(iter(found.values()))}
    if "train" not in parts:
        raise UserError(
            f"{where} has no split named train (its splits are {', '.join(splits)}): give a "
            "data set with a train split.",
            code="no-train-split",
        )
    left_out = [name for name, split in splits.items() if split is None]
    notes = [f"splits that are not used: {', '.join(left_out)}"] if left_out else []
    return read_parts(parts, where, options, notes)


def dataset_parts(rows: Any, split: str, options: ReadOptions, where: str) -> dict[str, Part]:  # noqa: ANN401
    """Return the images and labels of one `Dataset` or `IterableDataset`."""
    features: Mapping[str, Any] = getattr(rows, "features", None) or {}
    classes = _classes(features)
    names = classes.get(options.label_column) or next(iter(classes.values()), ())
    if not hasattr(rows, "__len__"):
        return {split: iterable_part(rows, options, where, names)}
    if (getattr(rows, "format", None) or {}).get("type") == "custom":  # the user's transform
        part = sequence_part(len(rows), rows.__getitem__, options, where, classes=names)
        return {split: part}
    return table_parts(HubTable(rows), options, where, split=split)


def _classes(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(kind.names)
        for name, kind in features.items()
        if type(kind).__name__ == "ClassLabel" and kind.names
    }


class HubTable:
    """The rows of a `Dataset`. Images stay encoded, so that they are decoded like files.

    Arguments:
        rows: The data set.
    """

    def __init__(self, rows: Any) -> None:  # noqa: ANN401
        self.names: Sequence[str] = list(rows.features)
        self.classes: Mapping[str, tuple[str, ...]] = _classes(rows.features)
        if hasattr(rows, "with_format"):
            rows = rows.with_format(None)
        for name, kind in rows.features.items():
            if type(kind).__name__ == "Image" and dataclasses.is_dataclass(kind):
                encoded = dataclasses.replace(kind, decode=False)  # pyright: ignore[reportArgumentType, reportCallIssue]
                rows = rows.cast_column(name, encoded)
        self._rows = rows
        self._views: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> list[Any]:
        view = self._view(name)
        return list(view[name]) if hasattr(view, "column_names") else [row[name] for row in view]

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401
        value = self._view(name)[row][name]
        kind = self._rows.features[name]
        if type(kind).__name__.startswith("Array"):  # lists lose the type of the pixels
            return np.array(value, dtype=kind.dtype)
        return value

    def _view(self, name: str) -> Any:  # noqa: ANN401
        """Return the rows with one column; reading a row decodes all of its columns."""
        if name not in self._views:
            has_columns = hasattr(self._rows, "select_columns")
            self._views[name] = self._rows.select_columns([name]) if has_columns else self._rows
        return self._views[name]
