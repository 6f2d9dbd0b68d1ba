"""Convert labels that users give to tensors that models take."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from latentarium.errors import UserError, did_you_mean
from latentarium.rng import Noise
from latentarium.shapes import Labels, SoftLabels

NAMED_CLASSES = 12
"""Largest number of class names in an error message."""


def resolve_labels(
    label: object, n: int, classes: Sequence[str], takes_label: bool, noise: Noise
) -> Labels | SoftLabels | None:
    """Return one label per image.

    Arguments:
        label: None, a class number or name, one of these per image, a blend such as
            "3:0.6,8:0.4", or weights (n, K).
        n: Number of images.
        classes: Names of the classes in the order of their numbers.
        takes_label: Whether the model takes a label.
        noise: The random numbers for uniformly drawn classes if no label is given.

    Raises:
        UserError: A label is given to a model that takes none (code "label-not-taken"), a class is
            unknown (code "unknown-class"), or the labels have a wrong shape (code "label-shape").
    """
    if not takes_label:
        if label is not None:
            raise UserError(
                "This model takes no label: leave the label out, or use a conditional model such "
                "as the preset cgan_mnist.",
                code="label-not-taken",
            )
        return None
    if label is None:
        return noise.integers(len(classes), n)
    if isinstance(label, str) and ":" in label and label not in classes:
        return blend(label, classes).expand(n, -1)
    if isinstance(label, int | str | np.integer):
        return torch.full((n,), class_index(label, classes))
    values = _as_array(label, classes)
    if values.ndim == 2 and values.dtype.kind == "f":
        if values.shape != (n, len(classes)):
            raise UserError(
                f"Soft labels have shape {values.shape}; the shape must be ({n}, "
                f"{len(classes)}), one weight per class for each image.",
                code="label-shape",
            )
        if not np.isfinite(values).all():
            raise UserError(
                "Some weights of the soft labels are not finite: give finite weights.",
                code="invalid-blend",
            )
        return torch.as_tensor(values, dtype=torch.float32)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise UserError(
            f"The label is {label!r}; it must be a class number or name, one of these per image, "
            f"or an array of weights (n, {len(classes)}).",
            code="label-shape",
        )
    if len(values) != n:
        raise UserError(
            f"There are {len(values)} labels for {n} images: give one label for each image.",
            code="label-shape",
        )
    return torch.tensor([class_index(int(v), classes) for v in values])


def blend(text: str, classes: Sequence[str]) -> Tensor:
    """Return the weights of a blend such as "3:0.6,8:0.4", normalized to a sum of 1.

    Raises:
        UserError: The text is not a blend, or its weights are negative, not finite or all 0 (code
            "invalid-blend"), or a class is unknown (code "unknown-class").
    """
    weights = torch.zeros(len(classes))
    for part in text.split(","):
        name, _, share = part.rpartition(":")
        try:
            weight = float(share)
        except ValueError:
            raise UserError(
                f"'{part}' is not a class with a weight: write a blend as 3:0.6,8:0.4.",
                code="invalid-blend",
            ) from None
        weights[class_index(name.strip(), classes)] += weight
    if not (bool(weights.isfinite().all()) and float(weights.min()) >= 0 and weights.sum() > 0):
        raise UserError(
            f"The weights of '{text}' are invalid: each must be finite and at least 0, and one "
            "must be above 0.",
            code="invalid-blend",
        )
    return weights / weights.sum()


def class_index(label: int | str | np.integer, classes: Sequence[str]) -> int:
    """Return the number of a class that is given by its number or its name.

    Raises:
        UserError: There is no such class (code "unknown-class").
    """
    if isinstance(label, str):
        if label in classes:
            return classes.index(label)
        try:
            label = int(label)
        except ValueError:
            raise UserError(
                f"There is no class '{label}'.{did_you_mean(label, classes)}",
                code="unknown-class",
            ) from None
    if not 0 <= label < len(classes):
        names = ", ".join(classes[:NAMED_CLASSES])
        more = ", ..." if len(classes) > NAMED_CLASSES else ""
        raise UserError(
            f"There is no class {label}: classes are numbered from 0 to {len(classes) - 1} "
            f"({names}{more}).",
            code="unknown-class",
        )
    return int(label)


def _as_array(label: object, classes: Sequence[str]) -> np.ndarray:
    values = label.detach().cpu() if isinstance(label, torch.Tensor) else label
    if isinstance(values, list | tuple) and all(isinstance(v, int | str) for v in values):
        values = [class_index(v, classes) for v in values]
    try:
        return np.asarray(values)
    except ValueError:  # rows of unequal length
        return np.empty(0, dtype=object)
