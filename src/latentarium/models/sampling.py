"""Draw latents from a model's prior, and run a model on many inputs in batches."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from latentarium.arguments import Integer, Number, as_count, as_factor, as_integer, as_seed
from latentarium.errors import UserError
from latentarium.memory import require_memory
from latentarium.models.interpolation import METHODS, lerp
from latentarium.models.labels import random_labels
from latentarium.models.modes import evaluation_mode
from latentarium.rng import BLOCK_ROWS, Noise, blocks
from latentarium.shapes import (
    Images,
    LabelInput,
    Labels,
    LatentInput,
    LatentPath,
    Latents,
    SoftLabels,
)
from latentarium.unchecked import unchecked_inputs

if TYPE_CHECKING:
    from latentarium.models.base import LatentModel


def draw_latents(
    model: "LatentModel", n: Integer, label: LabelInput, seed: Integer, truncation: Number
) -> tuple[Latents, Labels | SoftLabels | None]:
    """Draw latents and, if none are given, labels; see `LatentModel.latents`.

    The prior is asked for whole blocks, and each block has its own noise. Latent k, and label k if
    none are given, are therefore functions of the seed and k, bit for bit, for every prior.
    """
    n, seed = as_count("n", n), as_seed(seed)
    factor = as_factor("truncation", truncation, code="invalid-truncation")
    numbers = 2 * model.latent_dim + model.num_classes
    require_memory(4 * n * numbers, f"{n:,} latents", "sample fewer at a time")
    labels = model.read_labels(label, n)
    if labels is None and model.takes_label:
        labels = random_labels(n, model.num_classes, seed)
    parts = []
    with evaluation_mode(model):
        for block, rows in blocks(n):
            noise = Noise("sample", seed, block, device=model.device)
            prior = model.prior(_block_of(labels, block, model.device), BLOCK_ROWS)
            parts.append(prior.sample(noise, factor)[:rows])
    return torch.cat(parts), None if labels is None else labels.cpu()


def latent_path(
    model: "LatentModel",
    ends: tuple[LatentInput, LatentInput],
    steps: Integer,
    label: LabelInput,
    method: str,
) -> tuple[LatentPath, SoftLabels | None]:
    """Return latents from one to another, and their labels; see `LatentModel.interpolate`."""
    count = as_integer("steps", steps, 2, code="too-few-steps")
    numbers = math.prod(model.image_shape) + 2 * model.latent_dim + model.num_classes
    require_memory(4 * count * numbers, f"{count:,} steps", "take fewer steps")
    if method not in METHODS:
        raise UserError(
            f"There is no interpolation method {method!r}: choose {' or '.join(METHODS)}.",
            code="unknown-method",
        )
    a, b = (model.read_latents(z).detach() for z in ends)
    if len(a) != 1 or len(b) != 1:
        raise UserError(
            f"There are {len(a)} and {len(b)} latents: give two latents (Z,), and call "
            "interpolate once for each pair.",
            code="shape-mismatch",
        )
    path = METHODS[method](a[0], b[0], count)
    labels = model.read_labels(label, 1 if _is_one_row(label) else 2)
    if labels is None:
        return path, None
    if not labels.is_floating_point():
        labels = nn.functional.one_hot(labels, model.num_classes).to(path.dtype)
    return path, lerp(labels[0], labels[-1], count)


def _is_one_row(label: LabelInput) -> bool:
    """Return whether a label is a sequence or array of one row, as `latents(1)` returns it."""
    shape = (len(label),) if isinstance(label, list | tuple) else getattr(label, "shape", ())
    return len(shape) > 0 and shape[0] == 1


def _block_of(labels: Tensor | None, block: int, device: torch.device) -> Tensor | None:
    """Return the labels of a whole block; those of missing rows are repeated from the first."""
    if labels is None:
        return None
    part = labels[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS].to(device)
    missing = BLOCK_ROWS - len(part)
    return torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) if missing else part


def compute_in_batches(
    model: "LatentModel",
    function: Callable[[Tensor, Tensor | None], Images],
    inputs: Tensor,
    labels: Tensor | None,
    batch_size: int,
) -> Images:
    """Apply a function of a model in evaluation mode and without gradient, batch by batch.

    Arguments:
        model: The model.
        function: Maps checked inputs and their labels to images.
        inputs: Latents or images.
        labels: Their labels; None if there are none.
        batch_size: Number of inputs in a batch.

    Returns:
        Images in [-1, 1], or points, on the CPU.
    """
    parameter = next(model.parameters(), torch.empty(0))
    images = torch.empty(len(inputs), *model.image_shape, dtype=parameter.dtype)
    with evaluation_mode(model), unchecked_inputs():
        for start in range(0, len(inputs), batch_size):
            rows = slice(start, start + batch_size)
            y = None if labels is None else labels[rows].to(model.device)
            images[rows] = model.limit(function(inputs[rows], y))
    return images
