"""Reconstruct the images of a split, and measure the error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data, Split, to_float, to_uint8
from latentarium.latent.encode_source import (
    BATCH_SIZE,
    labels_for,
    posterior_mean,
    require_encoder,
)
from latentarium.latent.initial_latents import pixel_mse
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.stats.intervals import bootstrap


@dataclass(frozen=True, kw_only=True)
class Reconstructions:
    """Images and their reconstructions."""

    index: np.ndarray
    """Positions of the images in their split."""
    images: torch.Tensor
    """uint8 (N, C, H, W)."""
    reconstructions: torch.Tensor
    """uint8 (N, C, H, W)."""
    errors: torch.Tensor
    """Mean squared error over pixels in [-1, 1], (N,)."""

    @property
    def error(self) -> float:
        """The mean error."""
        return float(self.errors.mean())

    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the mean error over images; None for one image."""
        return None if len(self.errors) < 2 else bootstrap(self.errors)


def reconstruct_split(
    model: LatentModel,
    data: Data,
    name: str,
    n: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Reconstructions:
    """Decode the posterior means of images.

    Arguments:
        model: A model in evaluation mode.
        data: Images of the model's shape.
        name: The split.
        n: Number of images, which a fixed permutation chooses; None for all.
        progress: Reports the number of finished images.

    Raises:
        UserError: The model has no encoder (code "no-encoder"), or as for `labels_for`.
    """
    require_encoder(model)
    split = data.splits()[name]
    index = np.arange(len(split)) if n is None else fixed_permutation(len(split))[:n]
    images = split.images[index]
    labels = labels_for(model, data, split)
    chosen = Split(images, None if labels is None else labels[index])
    pixels, errors = [], []
    for start in range(0, len(chosen), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        x, y = to_float(images[rows]), None if chosen.labels is None else chosen.labels[rows]
        decoded = decode(model, posterior_mean(model, x, y), y)
        pixels.append(to_uint8(decoded))
        errors.append(pixel_mse(decoded, x).double())
        if progress is not None:
            progress(start + len(x))
    return Reconstructions(
        index=index,
        images=to_uint8(to_float(images)),
        reconstructions=torch.cat(pixels),
        errors=torch.cat(errors),
    )
