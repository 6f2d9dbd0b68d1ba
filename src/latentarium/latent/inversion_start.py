"""Where an inversion starts: near the image already, whatever its class may be."""

import torch
from torch import Tensor

from latentarium.distributions import Distribution
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, Latents, LatentSet, PerSample

DRAWS = 256
"""Of the prior, for each image, from which the starts are chosen."""
MOST_CLASSES = 16
"""That are tried for an image whose class nobody knows: those with the nearest draws."""


@torch.no_grad()
def starts(
    model: LatentModel, x: Images, choices: Tensor | None, seed: int, restarts: int
) -> tuple[LatentSet, LabelSet | None]:
    """For each image the places to start from, in deviations of the prior, and their classes: of
    every class its nearest candidate, then the second nearest, and so on. Candidates are draws of
    the prior and, where there is an encoder, its own guess.

    Arguments:
        model: In evaluation mode.
        x: Images.
        choices: (N, K or 1) the classes that each may have; None where there are none.
        seed: Of the draws.
        restarts: Places for each image, unless there are more classes.
    """
    numbers = torch.zeros(len(x), 1, dtype=torch.long) if choices is None else choices
    numbers = numbers.to(x.device)
    draws = max(1, DRAWS // numbers.shape[1])
    eps = Noise("invert", seed).normal(draws, model.latent_dim).to(x.device)
    drawn = {}
    for c in numbers.unique().tolist():
        y = None if choices is None else torch.full((draws,), c, device=x.device)
        drawn[c] = model.decode(scaled(model, eps, y), y)

    def candidates(image: Tensor, c: int) -> tuple[Tensor, Tensor]:
        """Places of a class, and how far from the image their images are; nearest first."""
        y = None if choices is None else torch.full((1,), c, device=x.device)
        places, images = eps, drawn[c]
        posterior = guess(model, image[None], y)
        if posterior is not None:
            places = torch.cat([places, unscaled(model, posterior.mean, y)])
            images = torch.cat(
                [images, model.decode(posterior.mean, (y if model.takes_label else None))]
            )
        distance, order = apart(images, image).sort()
        return distance, places[order]

    rows = rows_of_each(choices, restarts)
    chosen, labels = [], []
    for image, own in zip(x, numbers, strict=True):
        found = [candidates(image, c) for c in own.tolist()]
        classes = torch.stack([distance[0] for distance, _ in found]).argsort().tolist()
        ranked = [(rank, c) for rank in range(len(found[0][1])) for c in classes][:rows]
        chosen += [found[c][1][rank] for rank, c in ranked]
        labels += [own[c] for _, c in ranked]
    return torch.stack(chosen), None if choices is None else torch.stack(labels)


def rows_of_each(choices: Tensor | None, restarts: int) -> int:
    """Starts of each image, at most."""
    return max(restarts, 0 if choices is None else min(choices.shape[1], MOST_CLASSES))


def guess(model: LatentModel, x: Images, y: Tensor | None) -> Distribution | None:
    """What the encoder makes of images; None where there is none."""
    return model.encode(x, (y if model.takes_label else None)) if model.has_encoder else None


def scaled(model: LatentModel, eps: Latents, y: Tensor | None) -> Latents:
    """Latents from deviations of the prior."""
    return model.prior(y, len(eps)).unwhiten(eps)


def unscaled(model: LatentModel, z: Latents, y: Tensor | None) -> Latents:
    """The other way round."""
    return model.prior(y, len(z)).whiten(z)


def apart(images: Images, x: Tensor) -> PerSample:
    """The mean squared difference of each pair of images, or of all from one."""
    return (images - x).square().flatten(1).mean(1)
