"""Whole splits through a model, batch by batch, and pictures of what it makes."""

import math

import numpy as np
import torch

from latentarium.data.dataset import Split, to_float, to_uint8
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, LabelSet, LatentSet, SoftLabelSet

GRID_SEED = 0
BATCH = 1000


def grid(images: Images, columns: int | None = None, gap: int = 2, scale: int = 1) -> np.ndarray:
    """Lays images out row by row on white, as a uint8 picture (H, W) or (H, W, 3).

    Arguments:
        images: In [-1, 1]; other values are clamped. One or three channels; of any other number
            the first is shown.
        columns: Images in a row; None: as near to a square as may be.
        gap: Pixels between images.
        scale: Whole-number enlargement, each pixel a square: small images are never smoothed.
    """
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    shown = images if channels in (1, 3) else images[:, :1]
    pixels = to_uint8(shown).permute(0, 2, 3, 1).cpu().numpy()
    pixels = pixels.repeat(scale, 1).repeat(scale, 2)
    high, wide = height * scale + gap, width * scale + gap
    sheet = np.full((rows * high - gap, columns * wide - gap, pixels.shape[3]), 255, np.uint8)
    for i, picture in enumerate(pixels):
        top, left = i // columns * high, i % columns * wide
        sheet[top : top + height * scale, left : left + width * scale] = picture
    return sheet[:, :, 0] if sheet.shape[2] == 1 else sheet


def fixed_samples(model: LatentModel, n: int = 64) -> tuple[Images, int]:
    """Images of always the same n latents, so that those of different steps compare, and how many
    make a row; with labels, eight rows in which each column is a class."""
    if not model.takes_label:
        return model.sample(n, seed=GRID_SEED), 8
    columns = min(model.num_classes, 10)
    labels = torch.arange(columns).repeat(8)
    return model.sample(len(labels), labels, seed=GRID_SEED), columns


def fixed_grid(model: LatentModel) -> np.ndarray:
    """`fixed_samples` as a picture."""
    return grid(*fixed_samples(model))


def encode(model: LatentModel, split: Split, seed: int = 0) -> LatentSet:
    """Latents of a split: the point itself, or a draw from each Gaussian posterior, so that they
    follow the aggregate posterior."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(split.images), BATCH):
            x, y = _part(model, split, start)
            noise = Noise("encode", seed, start, device=x.device)
            parts.append(model.encode(x, y).sample(noise).cpu())
    return torch.cat(parts)


def decode(model: LatentModel, z: LatentSet, y: LabelSet | SoftLabelSet | None = None) -> Images:
    """Images of latents, in [-1, 1]; labels for a model whose decoder sees them."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(z), BATCH):
            part = slice(start, start + BATCH)
            label = None if y is None else y[part].to(model.device)
            images = model.decode(
                z[part].float().to(model.device), (label if model.takes_label else None)
            )
            parts.append(images.clamp(-1, 1).cpu())
    return torch.cat(parts)


def reconstruct(model: LatentModel, split: Split) -> Images:
    """Reconstructions of a split, in [-1, 1]."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(split.images), BATCH):
            x, y = _part(model, split, start)
            parts.append(model.reconstruct(x, y).clamp(-1, 1).cpu())
    return torch.cat(parts)


def _part(model: LatentModel, split: Split, start: int) -> tuple[Images, Labels | None]:
    part = slice(start, start + BATCH)
    labels = None if split.labels is None else split.labels[part].to(model.device)
    return to_float(split.images[part].to(model.device)), (labels if model.takes_label else None)
