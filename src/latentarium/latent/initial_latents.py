"""Initial latents of an inversion: candidates that already decode to similar images."""

import torch
from torch import Tensor

from latentarium.distributions import Distribution
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, LatentSet, PerSample
from latentarium.unchecked import unchecked_inputs

NUM_DRAWS = 256
"""Latents drawn from the prior, as candidates for the initial latents of an image."""
MAX_CLASSES = 16
"""Maximum number of classes to try for an image of unknown class. The classes whose candidates
are most similar to the image are tried."""


@torch.no_grad()
@unchecked_inputs()
def initial_latents(
    model: LatentModel, x: Images, choices: Tensor | None, seed: int, restarts: int
) -> tuple[LatentSet, LabelSet | None]:
    """Choose initial latents for each image, whitened by the prior, with their classes.

    The candidates are latents drawn from the prior and, with an encoder, the mean of the
    posterior. They are ranked by the pixel error of their decoded images. The best candidate of
    every class comes first, then the second best of every class, and so on.

    Arguments:
        model: A model in evaluation mode.
        x: Images.
        choices: Classes (N, K or 1) that each image may have; None for a model without classes.
        seed: Seed of the candidates.
        restarts: Initial latents per image; at least one per class is chosen, up to `MAX_CLASSES`.
    """
    numbers = torch.zeros(len(x), 1, dtype=torch.long) if choices is None else choices
    numbers = numbers.to(x.device)
    draws = max(1, NUM_DRAWS // numbers.shape[1])
    eps = Noise("invert", seed).normal(draws, model.latent_dim).to(x.device)
    drawn = {}
    for c in numbers.unique().tolist():
        y = None if choices is None else torch.full((draws,), c, device=x.device)
        drawn[c] = model.decode(model.prior(y, draws).unwhiten(eps), y)

    def candidates(image: Tensor, c: int) -> tuple[Tensor, Tensor]:
        """Return the pixel errors and the whitened candidates of a class, smallest error first."""
        y = None if choices is None else torch.full((1,), c, device=x.device)
        whitened, images = eps, drawn[c]
        posterior = encode_or_none(model, image[None], y)
        if posterior is not None:
            whitened = torch.cat([whitened, model.prior(y, 1).whiten(posterior.mean)])
            images = torch.cat([images, model.decode(posterior.mean, y)])
        error, order = pixel_mse(images, image).sort()
        return error, whitened[order]

    rows = rows_per_image(choices, restarts)
    chosen, labels = [], []
    for image, own in zip(x, numbers, strict=True):
        ranked = [candidates(image, c) for c in own.tolist()]
        classes = torch.stack([error[0] for error, _ in ranked]).argsort().tolist()
        order = [(rank, c) for rank in range(len(ranked[0][1])) for c in classes][:rows]
        chosen += [ranked[c][1][rank] for rank, c in order]
        labels += [own[c] for _, c in order]
    return torch.stack(chosen), None if choices is None else torch.stack(labels)


def rows_per_image(choices: Tensor | None, restarts: int) -> int:
    """Return the maximum number of initial latents per image."""
    return max(restarts, 0 if choices is None else min(choices.shape[1], MAX_CLASSES))


def encode_or_none(model: LatentModel, x: Images, y: Tensor | None) -> Distribution | None:
    """Return the posteriors of images; None without an encoder."""
    return model.encode(x, y) if model.has_encoder else None


def pixel_mse(images: Images, x: Tensor) -> PerSample:
    """Return each image's mean squared error over pixels; x has one target per image, or one."""
    return (images - x).square().flatten(1).mean(1)
