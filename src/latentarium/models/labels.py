"""Convert labels that callers give to tensors that models take.

Integers and text name a class by one rule, in Python, on the command line and in URLs: if the name
of any class is an integer, integers (and text such as "3") are names of classes; otherwise they
are class numbers, from 0. Integers in tensors and arrays are always class numbers, as in the
labels of a data set.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from latentarium.arguments import describe, is_bool, to_index
from latentarium.errors import UserError, did_you_mean
from latentarium.models.inputs import to_tensor
from latentarium.rng import BLOCK_ROWS, Noise, blocks
from latentarium.shapes import LabelInput, Labels, SoftLabels

NAMED_CLASSES = 12
"""Largest number of class names in an error message."""
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
BLEND_PART = re.compile(r"(.+?):([^:,]*)(?:,(?=.)|\Z)", re.DOTALL)
SUM_ROUNDING = 1e-5
"""Weights whose sum differs less from 1 are not normalized again."""


def as_labels(label: LabelInput, n: int, classes: Sequence[str]) -> Labels | SoftLabels:
    """Return one label per image.

    Arguments:
        label: A class (its name or number); one of these per image; class numbers (n,) as a tensor
            or array; a blend such as "3:0.6,8:0.4"; or one-hot rows or other weights (n, K), at
            least 0, which are normalized to a sum of 1.
        n: Number of images.
        classes: Names of the classes in the order of their numbers.

    Raises:
        UserError: A class is unknown (code "unknown-class"), the labels have a wrong type or shape
            (code "label-shape"), or weights are negative, not finite or all 0 (code
            "invalid-blend").
    """
    if isinstance(label, str):
        label = _spelled_like(label, classes)
        if ":" in label and label not in classes:
            return blend(label, classes).expand(n, -1)
        return torch.full((n,), class_index(label, classes))
    if not isinstance(label, Tensor | np.ndarray) and to_index(label) is not None:
        return torch.full((n,), class_index(label, classes))
    try:
        values = to_tensor(_numbers_of(label, classes), "labels")
    except UserError as error:
        if error.code != "wrong-type":
            raise
        raise _wrong_label(label, classes) from None
    if values.ndim == 2 and not values.is_complex() and values.dtype != torch.bool:
        return _weights(values, n, len(classes))
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise _wrong_label(label, classes)
    return _class_numbers(values, n, classes)


def random_labels(n: int, num_classes: int, seed: int) -> Labels:
    """Draw classes uniformly; the class of image k depends on the seed and k only."""
    drawn = [
        Noise("sample labels", seed, block).integers(num_classes, BLOCK_ROWS)[:rows]
        for block, rows in blocks(n)
    ]
    return torch.cat(drawn)


def blend(text: str, classes: Sequence[str]) -> Tensor:
    """Return the weights of a blend such as "3:0.6,8:0.4", normalized to a sum of 1.

    Raises:
        UserError: The text is not a blend, or its weights are negative, not finite or all 0 (code
            "invalid-blend"), or a class is unknown (code "unknown-class").
    """
    weights, position = torch.zeros(len(classes)), 0
    while position < len(text):
        match = BLEND_PART.match(text, position)
        try:
            name, weight = (match[1], float(match[2])) if match else ("", float(""))
        except ValueError:
            raise UserError(
                f"'{text[position:]}' is not a class with a weight: write a blend as 3:0.6,8:0.4.",
                code="invalid-blend",
            ) from None
        weights[class_index(name if name in classes else name.strip(), classes)] += weight
        position = match.end() if match else len(text)
    if not (bool(weights.isfinite().all()) and float(weights.min()) >= 0 and weights.sum() > 0):
        raise UserError(
            f"The weights of '{text}' are invalid: each must be finite and at least 0, and one "
            "must be above 0.",
            code="invalid-blend",
        )
    return weights / weights.sum()


def class_index(label: object, classes: Sequence[str]) -> int:
    """Return the number of a class that is given by its name or its number.

    If the name of any class is an integer, integers, and text that is an integer, are names.

    Raises:
        UserError: There is no such class, or an integer fits several names (code "unknown-class").
    """
    if isinstance(label, str):
        label = _spelled_like(label, classes)
        if label in classes:
            return classes.index(label)
    number = to_index(label)
    if isinstance(label, str) and INTEGER.fullmatch(label.strip()):
        number = int(label)
    if number is None:
        word = label if isinstance(label, str) else describe(label)
        raise UserError(
            f"There is no class '{word}'.{did_you_mean(word, classes)}", code="unknown-class"
        )
    integers = _integer_names(tuple(classes))
    named = integers.get(number, [])
    if len(named) > 1:
        named = [k for k in named if classes[k] == str(number)] or named
    if len(named) == 1:
        return named[0]
    names = ", ".join(classes[:NAMED_CLASSES]) + (", ..." if len(classes) > NAMED_CLASSES else "")
    if named:
        raise UserError(
            f"{number} fits several classes ({', '.join(classes[k] for k in named)}): give the "
            "name as text.",
            code="unknown-class",
        )
    if integers:
        raise UserError(
            f"There is no class {number}: some classes are named by integers, so integers are "
            f"names here. The classes are {names}.",
            code="unknown-class",
        )
    return _in_range(number, len(classes), names)


def _spelled_like(label: str, classes: Sequence[str]) -> str:
    """Return the class that equals a label in Unicode's normal form C; the label if none does."""
    if label in classes or (label.isascii() and all(map(str.isascii, classes))):
        return label
    form = unicodedata.normalize("NFC", label)
    same = [name for name in classes if unicodedata.normalize("NFC", name) == form]
    return same[0] if len(same) == 1 else label


def _in_range(number: int, num_classes: int, names: str) -> int:
    if not 0 <= number < num_classes:
        raise UserError(
            f"There is no class {number}: classes are numbered from 0 to {num_classes - 1} "
            f"({names}).",
            code="unknown-class",
        )
    return number


@lru_cache(maxsize=64)
def _integer_names(classes: tuple[str, ...]) -> dict[int, list[int]]:
    """Return the numbers of the classes whose names are integers, by that integer."""
    found: dict[int, list[int]] = {}
    for number, name in enumerate(classes):
        if INTEGER.fullmatch(name):
            found.setdefault(int(name), []).append(number)
    return found


def _numbers_of(labels: object, classes: Sequence[str]) -> object:
    """Return the class numbers of a sequence of classes; other objects unchanged."""
    if not isinstance(labels, Tensor) and hasattr(labels, "__array__"):  # such as a pandas series
        labels = np.asarray(labels)
        if labels.dtype.kind not in "OUT":
            return labels
        labels = labels.tolist()
    if isinstance(labels, str):  # an array without axes
        return np.full(1, class_index(labels, classes))[0]
    if not isinstance(labels, list | tuple | range):
        return labels
    if any(map(is_bool, labels)):  # an array would make them integers
        return None
    if not labels or not all(isinstance(v, str) or to_index(v) is not None for v in labels):
        return labels
    keys = [v if isinstance(v, str) else to_index(v) for v in labels]
    known = {key: class_index(key, classes) for key in set(keys)}
    return np.array([known[key] for key in keys])


def _class_numbers(values: Tensor, n: int, classes: Sequence[str]) -> Labels:
    """Return class numbers as int64, one per image."""
    numbers = values.long().expand(n) if values.ndim == 0 else values.long()
    if numbers.ndim != 1:
        raise _wrong_label(values, classes)
    if len(numbers) != n:
        raise UserError(
            f"There are {len(numbers)} labels for {n} images: give one label for each image.",
            code="label-shape",
        )
    if len(numbers) and not torch.compiler.is_compiling():
        names = ", ".join(classes[:NAMED_CLASSES])
        for number in (int(numbers.min()), int(numbers.max())):
            _in_range(number, len(classes), names)
    return numbers


def _weights(values: Tensor, n: int, num_classes: int) -> SoftLabels:
    """Return weights over classes, normalized to a sum of 1."""
    if tuple(values.shape) != (n, num_classes):
        raise UserError(
            f"The class weights have shape {tuple(values.shape)}; the shape must be ({n}, "
            f"{num_classes}), one weight per class for each image.",
            code="label-shape",
        )
    weights = values.float()
    if torch.compiler.is_compiling():
        return weights
    sums = weights.sum(1, keepdim=True)
    usable = sums.isfinite() & (sums > 0) & (weights >= 0).all(1, keepdim=True)
    if not bool(usable.all()):
        raise UserError(
            "Some class weights are negative or not finite, or all weights of an image are 0: "
            "give finite weights of at least 0, and one above 0 for each image.",
            code="invalid-blend",
        )
    return weights if bool(((sums - 1).abs() <= SUM_ROUNDING).all()) else weights / sums


def _wrong_label(label: object, classes: Sequence[str]) -> UserError:
    given = "a bool" if is_bool(label) else describe(label)
    return UserError(
        f"The label is {given}; it must be a class number or name, one of these per image, or an "
        f"array of weights (n, {len(classes)}).",
        code="label-shape",
    )
