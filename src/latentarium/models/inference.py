"""Run a model on whole splits in batches, and generate samples from a fixed set of latents."""

from collections.abc import Iterator

import numpy as np
import torch

from latentarium.data.dataset import Split, to_float
from latentarium.image_files import grid
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, LabelSet, LatentSet, SoftLabelSet
from latentarium.unchecked import unchecked_inputs

FIXED_SEED = 0
"""Seed of the latents of `fixed_samples`."""
BATCH_SIZE = 1000
GRID_ROWS, MAX_COLUMNS = 8, 10
"""With labels: rows of the grid of `fixed_samples`, and its largest number of columns."""


def fixed_samples(model: LatentModel, n: int = 64) -> tuple[Images, int]:
    """Return samples from a fixed set of latents, to compare the steps of a training.

    Arguments:
        model: The model.
        n: Number of samples, if the model takes no label.

    Returns:
        Images (N, C, H, W) in [-1, 1], and the number of columns of their grid. If the model takes
        a label, each column is a class, and there are 8 rows.
    """
    if not model.takes_label:
        return model.sample(n, seed=FIXED_SEED), 8
    columns = min(model.num_classes, MAX_COLUMNS)
    labels = torch.arange(columns).repeat(GRID_ROWS)
    return model.sample(len(labels), labels, seed=FIXED_SEED), columns


def fixed_grid(model: LatentModel) -> np.ndarray:
    """Return the grid of `fixed_samples` as a uint8 picture."""
    return grid(*fixed_samples(model))


def encode(model: LatentModel, split: Split, seed: int = 0) -> LatentSet:
    """Encode a split in batches, on the CPU.

    Each latent is sampled from the posterior of its image, so that the latents together follow the
    aggregate posterior. The posterior of an autoencoder is a point.

    Arguments:
        model: A model with an encoder.
        split: Images, with labels if the model takes them.
        seed: Seed of the samples from the posteriors.

    Raises:
        UserError: The model has no encoder (code "no-encoder").
    """
    parts = []
    with torch.no_grad(), unchecked_inputs():
        for start in range(0, len(split.images), BATCH_SIZE):
            x, y = _batch(model, split, start)
            noise = Noise("encode", seed, start, device=x.device)
            parts.append(model.encode(x, y).sample(noise).cpu())
    return torch.cat(parts)


def decode(model: LatentModel, z: LatentSet, y: LabelSet | SoftLabelSet | None = None) -> Images:
    """Decode latents in batches: images in [-1, 1], on the CPU.

    Arguments:
        model: The model.
        z: Latents (N, Z).
        y: Labels; ignored if the model takes no label.
    """
    return torch.cat(list(decode_parts(model, z, y)))


def decode_parts(
    model: LatentModel, z: LatentSet, y: LabelSet | SoftLabelSet | None = None
) -> Iterator[Images]:
    """Yield the images that `decode` returns, batch by batch."""
    for start in range(0, len(z), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        label = y[rows].to(model.device) if y is not None and model.takes_label else None
        with torch.no_grad(), unchecked_inputs():
            images = model.decode(z[rows].float().to(model.device), label)
        yield model.limit(images).cpu()


def reconstruct(model: LatentModel, split: Split) -> Images:
    """Reconstruct a split in batches: images in [-1, 1], on the CPU.

    Raises:
        UserError: The model has no encoder (code "no-encoder").
    """
    parts = []
    with torch.no_grad(), unchecked_inputs():
        for start in range(0, len(split.images), BATCH_SIZE):
            x, y = _batch(model, split, start)
            parts.append(model.reconstruct(x, y).cpu())
    return torch.cat(parts)


def _batch(model: LatentModel, split: Split, start: int) -> tuple[Images, Labels | None]:
    """Return the batch that starts at an index, on the device of the model."""
    rows = slice(start, start + BATCH_SIZE)
    images = to_float(split.images[rows].to(model.device))
    if split.labels is None or not model.takes_label:
        return images, None
    return images, split.labels[rows].to(model.device)
