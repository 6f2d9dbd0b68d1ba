"""What a person may call a label, turned into what a model reads."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from latentarium.errors import UserError, did_you_mean
from latentarium.rng import Noise
from latentarium.shapes import Labels, SoftLabels


def resolve_labels(
    label: object, n: int, classes: Sequence[str], takes_label: bool, noise: Noise
) -> Labels | SoftLabels | None:
    """One label per image.

    Arguments:
        label: None, a class number or name, one of these per image, a blend such as
            "3:0.6,8:0.4", or weights (n, K).
        n: Images to be made.
        classes: The classes' names in label order.
        takes_label: Whether the model can be told the class.
        noise: Draws classes evenly where none is given.

    Raises:
        UserError: A label too many, an unknown class, or a count that isn't n.
    """
    if not takes_label:
        if label is not None:
            raise UserError(
                "This model can't be told what to make: leave the label out, or use a "
                "conditional model such as the preset cgan_mnist."
            )
        return None
    if label is None:
        return noise.integers(len(classes), n)
    if isinstance(label, str) and ":" in label and label not in classes:
        return blend(label, classes).expand(n, -1)
    if isinstance(label, int | str | np.integer):
        return torch.full((n,), class_index(label, classes))
    given = label.detach().cpu() if isinstance(label, torch.Tensor) else label
    if isinstance(given, list | tuple) and all(isinstance(v, int | str) for v in given):
        given = [class_index(v, classes) for v in given]
    try:
        values = np.asarray(given)
    except ValueError:  # rows of unequal length
        values = np.empty(0, dtype=object)
    if values.ndim == 2 and values.dtype.kind == "f":
        if values.shape != (n, len(classes)):
            raise UserError(
                f"Soft labels have shape {values.shape}; give ({n}, {len(classes)}): one weight "
                "per class for each image."
            )
        if not np.isfinite(values).all():
            raise UserError("Soft labels hold values that are not finite: give finite weights.")
        return torch.as_tensor(values, dtype=torch.float32)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise UserError(
            "A label is a class number or name, one of these per image, or an array of weights "
            f"(n, {len(classes)}); this is {label!r}."
        )
    if len(values) != n:
        raise UserError(f"There are {len(values)} labels for {n} images: give one for each.")
    return torch.tensor([class_index(int(v), classes) for v in values])


def blend(text: str, classes: Sequence[str]) -> Tensor:
    """Weights over the classes, which sum to one, of a blend such as "3:0.6,8:0.4"."""
    weights = torch.zeros(len(classes))
    for part in text.split(","):
        name, _, share = part.rpartition(":")
        try:
            weights[class_index(name.strip(), classes)] += float(share)
        except ValueError:
            raise UserError(
                f"'{part}' is no part of a blend: give classes with weights, as 3:0.6,8:0.4."
            ) from None
    if not (bool(weights.isfinite().all()) and float(weights.min()) >= 0 and weights.sum() > 0):
        raise UserError(f"The weights of '{text}' must be 0 or more, and not all of them 0.")
    return weights / weights.sum()


def class_index(label: int | str | np.integer, classes: Sequence[str]) -> int:
    """The number of a class given by number or name."""
    if isinstance(label, str):
        if label in classes:
            return classes.index(label)
        try:
            label = int(label)
        except ValueError:
            raise UserError(
                f"There is no class '{label}'.{did_you_mean(label, classes)}"
            ) from None
    if not 0 <= label < len(classes):
        raise UserError(
            f"There is no class {label}: labels go from 0 to {len(classes) - 1} "
            f"({', '.join(classes[:12])}{', ...' if len(classes) > 12 else ''})."
        )
    return int(label)
