"""Convert the labels of one split, of any kind, to whole numbers or names.

Labels are whole numbers (also stored as floats), names, truth values, one-hot rows, tensors, or
columns and categoricals of pandas and polars. None, NaN and -1 mean that an image has no label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from latentarium.errors import UserError

UNLABELLED = -1
"""The number that stands for a missing label, as in many published test splits."""
MAX_EXACT_FLOAT = 2.0**53
"""Floats up to this one represent every whole number."""


@dataclass(frozen=True, kw_only=True)
class LabelArray:
    """The labels of one split.

    Arguments:
        values: Whole numbers (int64) or names (str), of shape (N,); UNLABELLED or "" if an image
            has no label.
        classes: Names of the classes that whole numbers stand for; empty if the labels themselves
            name the classes.
        notes: What was changed.
    """

    values: np.ndarray
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def missing(self) -> np.ndarray:
        """Return for each image whether it has no label."""
        return self.values == (UNLABELLED if self.values.dtype.kind == "i" else "")

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelArray":
        """Return the labels of the given images."""
        return replace(self, values=self.values[np.asarray(rows, dtype=np.int64)])

    def names(self) -> np.ndarray:
        """Return the labels as names."""
        if not self.classes:
            return self.values.astype(str)
        return np.array(self.classes)[self.values] if len(self.values) else np.array([], str)


def label_array(values: object, count: int | None, where: str) -> LabelArray:
    """Convert the labels of one split.

    Arguments:
        values: One label per image: an array, a tensor, a list, a column or a categorical, or a
            matrix of one-hot rows.
        count: The number of images; None if it is not known.
        where: The name of the images in error messages.

    Raises:
        UserError: As for `to_labels`.
    """
    if isinstance(values, LabelArray):
        _require_count(values.values, count, where)
        return values
    categories = _categories(values)
    array = _to_array(values, where)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    if array.ndim == 2 and _is_one_hot(array):
        classes = _column_names(values, array.shape[1])
        notes = (f"one-hot labels of {array.shape[1]} classes, converted to class numbers",)
        array = array.argmax(1)
    if array.ndim != 1:
        raise UserError(
            f"The labels of {where} have shape {array.shape}; give one class number or name per "
            "image, or one-hot rows.",
            code="wrong-shape",
        )
    _require_count(array, count, where)
    if categories is not None:
        names, numbers = categories
        numbers = _category_numbers(array, names) if numbers is None else numbers
        return LabelArray(values=numbers, classes=names)
    return LabelArray(values=_numbers_or_names(array, where), classes=classes, notes=notes)


def _require_count(array: np.ndarray, count: int | None, where: str) -> None:
    if count is not None and len(array) != count:
        raise UserError(
            f"{where} has {len(array):,} labels for {count:,} images: give one label per image.",
            code="label-count",
        )


def is_label_like(values: object) -> bool:
    """Return whether an object may be the labels of several images: a vector or one-hot rows."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        return False
    shape = getattr(values, "shape", None)
    if shape is None:
        items = list(values) if isinstance(values, list | tuple) else None
        if items is None:
            return _categories(values) is not None
        return all(_is_scalar(item) and np.ndim(item) == 0 for item in items[:100])
    if len(shape) == 2 and shape[1] > 1:
        return _is_one_hot(_to_array(values, "labels"))
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _is_scalar(item: object) -> bool:
    return item is None or isinstance(item, str | bool | int | float | np.generic | torch.Tensor)


def _numbers_or_names(array: np.ndarray, where: str) -> np.ndarray:
    """Return labels as int64 or str; a missing label becomes UNLABELLED or ""."""
    if array.dtype.kind in "iu":
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise _wrong_type(f"the number {array.max()}", where)
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return _whole_numbers(array, where)
    if array.dtype.kind == "b":
        return np.where(array, "True", "False")
    if array.dtype.kind in "UST":
        text = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
        return text.astype(str)
    if array.dtype.kind == "O":
        return _from_objects(array.tolist(), where)
    raise _wrong_type(f"type {array.dtype}", where)


def _from_objects(items: Sequence[Any], where: str) -> np.ndarray:
    """Convert Python objects: all numbers, all truth values or all names, some of them missing."""
    values = [_plain(item) for item in items]
    known = [item for item in values if not _is_missing(item)]
    if all(isinstance(item, str) for item in known):
        return np.array(["" if _is_missing(item) else item for item in values], dtype=str)
    if all(isinstance(item, bool) for item in known):
        return np.array(["" if _is_missing(item) else str(item) for item in values], dtype=str)
    if all(isinstance(item, int | float) and not isinstance(item, bool) for item in known):
        if all(isinstance(item, int) and abs(item) <= MAX_EXACT_FLOAT for item in known):
            return np.array([UNLABELLED if _is_missing(v) else v for v in values], np.int64)
        numbers = [float("nan") if _is_missing(item) else float(item) for item in values]
        return _whole_numbers(np.array(numbers), where)
    kinds = sorted({type(item).__name__ for item in known})
    raise _wrong_type(f"elements of type {' and '.join(kinds)}", where)


def _plain(item: Any) -> Any:  # noqa: ANN401
    """Return a scalar of NumPy or torch as a Python value, and bytes as text."""
    if isinstance(item, np.generic | torch.Tensor):
        item = item.item()
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else item


def _whole_numbers(array: np.ndarray, where: str) -> np.ndarray:
    missing = np.isnan(array)
    known = array[~missing]
    if known.size and not (np.abs(known) <= MAX_EXACT_FLOAT).all():
        raise _wrong_type("numbers that are not finite", where)
    if (known != np.round(known)).any():
        fraction = known[known % 1 != 0][0]
        raise _wrong_type(f"type {array.dtype} and values such as {fraction}", where)
    return np.where(missing, UNLABELLED, array).astype(np.int64)


def _wrong_type(what: str, where: str) -> UserError:
    return UserError(
        f"The labels of {where} have {what}; give whole numbers or names.", code="wrong-type"
    )


def _is_missing(item: object) -> bool:
    """Return whether an element is None, NaN, or the missing value of pandas."""
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float) and item != item


def _is_one_hot(array: np.ndarray) -> bool:
    """Return whether each row has a single 1 and otherwise zeros.

    Fewer classes than images are required: a square matrix is rather a mistake.
    """
    if array.ndim != 2 or not 2 <= array.shape[1] < len(array) or array.dtype.kind not in "biuf":
        return False
    return bool((((array == 0) | (array == 1)).all(1) & ((array == 1).sum(1) == 1)).all())


def _column_names(values: object, count: int) -> tuple[str, ...]:
    """Return the classes that the columns of a one-hot matrix stand for."""
    columns = getattr(values, "columns", None)
    return tuple(str(name) for name in (range(count) if columns is None else columns))


def _categories(values: object) -> tuple[tuple[str, ...], np.ndarray | None] | None:
    """Return the categories of a categorical of pandas or polars, and the number of each label.

    The numbers are None if only the categories are known. None for other labels.
    """
    for owner in (values, getattr(values, "cat", None)):  # a categorical, or a column of one
        categories = getattr(owner, "categories", None)
        if categories is not None:
            codes = getattr(owner, "codes", None)
            numbers = None if codes is None else np.asarray(codes, dtype=np.int64)
            return tuple(str(category) for category in categories), numbers
    categories = getattr(getattr(values, "dtype", None), "categories", None)  # polars.Enum
    return None if categories is None else (tuple(str(c) for c in categories), None)


def _category_numbers(array: np.ndarray, categories: Sequence[str]) -> np.ndarray:
    numbers = {category: number for number, category in enumerate(categories)}
    items = array.tolist()
    return np.array([UNLABELLED if _is_missing(v) else numbers[str(v)] for v in items], np.int64)


def _to_array(values: object, where: str) -> np.ndarray:
    """Convert to an array; a list keeps its elements, since NumPy would turn numbers to names."""
    if isinstance(values, torch.Tensor) and values.is_meta:
        raise _wrong_type("no values (a tensor on the device meta)", where)
    if np.ma.is_masked(values):  # a masked label is missing
        masked = np.ma.asarray(values)
        array = masked.data.astype(object)
        array[np.ma.getmaskarray(masked)] = None
        return array
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return np.asarray(values.float() if values.dtype == torch.bfloat16 else values)
    if isinstance(values, list | tuple) and all(np.ndim(item) == 0 for item in values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    try:
        array = np.asarray(values)
        if array.ndim == 0 and array.dtype == object:
            raise UserError(
                f"The labels of {where} are of type {type(values).__name__}; give an array or a "
                "list with one label per image.",
                code="wrong-type",
            )
        return array
    except UserError:
        raise
    except (ValueError, TypeError):
        raise UserError(
            f"The labels of {where} differ in shape: give one class number or name per image.",
            code="ragged-array",
        ) from None
