"""Convert the labels of all splits to class numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from latentarium.data.dataset import check_labels
from latentarium.data.label_values import LabelArray, label_array
from latentarium.errors import UserError


@dataclass(frozen=True, kw_only=True)
class SplitLabels:
    """The labels of all splits as class numbers.

    Arguments:
        numbers: Class numbers, int64 of shape (N,), by split; empty if there are no labels.
        classes: The names of the classes; empty if there are no labels.
        left_out: Splits without labels, although the training images have labels.
        notes: Short descriptions of what was changed or left out.
    """

    numbers: dict[str, np.ndarray]
    classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def to_labels(
    labels: Mapping[str, object], counts: Mapping[str, int], classes: Sequence[str], source: str
) -> SplitLabels:
    """Convert the labels of all splits to class numbers.

    If neither the source nor the labels name the classes, the sorted distinct labels of all splits
    are the classes.

    Arguments:
        labels: Labels by split; None for a split without labels.
        counts: Number of images by split.
        classes: Names of the classes whose numbers are the labels; empty if there are none.
        source: The name of the source in error messages.

    Raises:
        UserError: Only some splits have labels (code `missing-labels`), only some images of a
            split have one (`negative-label`, `missing-labels`), the number of labels differs from
            the number of images (`label-count`), or the labels have an unsupported type
            (`wrong-type`) or shape (`wrong-shape`).
    """
    given = {name: part for name, part in labels.items() if part is not None}
    if not given:
        return SplitLabels(numbers={})
    arrays: dict[str, LabelArray] = {}
    for name, count in counts.items():
        where = source if len(counts) == 1 else f"{source} ({name})"
        if name not in given:
            raise UserError(
                f"{where} has no labels, but other splits have labels: give labels for all splits "
                "or for none.",
                code="missing-labels",
            )
        arrays[name] = label_array(given[name], count, where)
    unlabelled = _unlabelled_splits(arrays, source)
    notes = list(dict.fromkeys(note for array in arrays.values() for note in array.notes))
    if len(unlabelled) == len(arrays):
        notes.append("all labels are missing, so the images are used without labels")
        return SplitLabels(numbers={}, notes=tuple(notes))
    notes += [
        f"the {name} split is left out: none of its {counts[name]:,} images has a label"
        for name in unlabelled
    ]
    arrays = {name: array for name, array in arrays.items() if name not in unlabelled}
    numbers, names, more = _number(arrays, tuple(classes), source)
    return SplitLabels(
        numbers=numbers, classes=names, left_out=tuple(unlabelled), notes=(*notes, *more)
    )


def _number(
    arrays: Mapping[str, LabelArray], classes: tuple[str, ...], source: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...], list[str]]:
    """Return the class numbers by split, the names of the classes, and notes."""
    kinds = {array.values.dtype.kind for array in arrays.values()}
    if classes:
        if kinds != {"i"} or any(array.classes not in ((), classes) for array in arrays.values()):
            raise UserError(
                f"The labels of {source} are names, although a list of class names is given: "
                "give class numbers as labels, or leave the list out.",
                code="wrong-type",
            )
        for name, array in arrays.items():
            where = source if len(arrays) == 1 else f"{source} ({name})"
            check_labels(torch.from_numpy(array.values), classes, where)
        return {name: array.values for name, array in arrays.items()}, classes, []
    given = {array.classes for array in arrays.values()}
    if len(given) == 1 and given != {()}:
        (names,) = given
        return _without_empty_classes(arrays, names)
    if len(given) > 1 or len(kinds) > 1:  # the splits number their classes differently
        arrays = {name: replace(array, values=array.names()) for name, array in arrays.items()}
    distinct = np.unique(np.concatenate([array.values for array in arrays.values()]))
    numbers = {
        name: np.searchsorted(distinct, array.values.astype(distinct.dtype)).astype(np.int64)
        for name, array in arrays.items()
    }
    return numbers, tuple(str(value) for value in distinct), []


def _without_empty_classes(
    arrays: Mapping[str, LabelArray], classes: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], tuple[str, ...], list[str]]:
    """Leave out the classes without images, such as those of a filtered table."""
    used = np.unique(np.concatenate([array.values for array in arrays.values()]))
    empty = [name for number, name in enumerate(classes) if number not in set(used.tolist())]
    notes = []
    if empty:
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        notes = [f"classes without images are left out: {', '.join(empty[:5])}{more}"]
    numbers = {name: np.searchsorted(used, array.values) for name, array in arrays.items()}
    return numbers, tuple(classes[number] for number in used), notes


def _unlabelled_splits(arrays: Mapping[str, LabelArray], source: str) -> list[str]:
    """Return the splits without any label; refuse a split of which only some images have one."""
    unlabelled = []
    for name, array in arrays.items():
        missing = int(array.missing().sum())
        where = source if len(arrays) == 1 else f"{source} ({name})"
        if 0 < missing < len(array.values):
            negative = array.values.dtype.kind == "i"
            raise UserError(
                f"{where} has {missing:,} images without a label (None, NaN or -1) among "
                f"{len(array.values):,}: leave these images out, or give their labels.",
                code="negative-label" if negative else "missing-labels",
            )
        if missing:
            unlabelled.append(name)
        elif array.values.dtype.kind == "i" and array.values.size and array.values.min() < 0:
            raise UserError(
                f"{where} has the label {array.values.min()}; labels must be at least 0. Number "
                "the classes from 0, or leave the labels out.",
                code="negative-label",
            )
    if "train" in unlabelled and len(unlabelled) < len(arrays):
        raise UserError(
            f"The training images of {source} have no labels, but other splits have labels: give "
            "labels for all splits or for none.",
            code="missing-labels",
        )
    return unlabelled
