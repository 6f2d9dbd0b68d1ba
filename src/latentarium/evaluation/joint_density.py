"""Densities of images and latents under a VAE, for groups of images that fit into memory.

Each image is encoded once. Latents are drawn and decoded in batches of several thousand rows
(images times latents per image), because matrix products with few rows are inefficient. Densities
are summed over pixels in the model's precision, and converted to float64 after that.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.distributions import Distribution
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, LabelSet, LatentsPerImage, PerImageLatent, Pixels
from latentarium.unchecked import unchecked_inputs

DRAWS_PER_SEED = 50
"""Latents in a block; the noise of a block is a function of the seed, the image and the block."""
MAX_WEIGHTS = 1 << 22
"""Importance weights in memory at a time: 32 MiB of float64."""


@dataclass(frozen=True)
class ImageGroup:
    """A group of images with their posteriors and priors.

    Arguments:
        model: A model with a likelihood.
        first: The index in the whole set of the group's first image.
        x: The images.
        y: Their labels; None for a model that takes none.
        posterior: q(z | x) of each image.
        prior: p(z), or p(z | y), of each image.
    """

    model: LatentModel
    first: int
    x: Images
    y: Labels | None
    posterior: Distribution
    prior: Distribution

    def draws(
        self, samples: int, seed: int, batch_size: int
    ) -> Iterator[tuple[LatentsPerImage, PerImageLatent]]:
        """Yield batches of latents from the posteriors with log q(z | x), `samples` for each image
        in total."""
        n = len(self.x)
        step = DRAWS_PER_SEED * max(1, batch_size // (n * DRAWS_PER_SEED))
        for start in range(0, samples, step):
            stop = min(samples, start + step)
            blocks = range(start // DRAWS_PER_SEED, math.ceil(stop / DRAWS_PER_SEED))
            z, log_q = zip(*(self._draw(seed, block) for block in blocks), strict=True)
            count = stop - start
            yield torch.cat(z, 1)[:, :count], torch.cat(log_q, 1)[:, :count]

    def _draw(self, seed: int, block: int) -> tuple[LatentsPerImage, PerImageLatent]:
        """Draw one block of latents for each image, with log q(z | x)."""
        images = range(self.first, self.first + len(self.x))
        noise = NoisePerImage([Noise("importance", seed, i, block) for i in images])
        return self.posterior.sample_several(noise, DRAWS_PER_SEED)

    def log_likelihood(self, z: LatentsPerImage) -> PerImageLatent:
        """Return log p(x | z), or log p(x | z, y), of each latent."""
        draws = z.shape[1]
        x = self.x.repeat_interleave(draws, 0)
        y = None if self.y is None else self.y.repeat_interleave(draws, 0)
        with unchecked_inputs():  # z may overflow, which is measured as a density of 0
            distortion = self.model.distortion(x, z.flatten(0, 1), y)
        return -distortion.double().unflatten(0, z.shape[:2])

    def log_ratio(self, z: LatentsPerImage, log_q: PerImageLatent) -> PerImageLatent:
        """Return log q(z | x) - log p(z) of each latent, whose mean estimates the rate."""
        return (log_q - self.prior.log_probs(z)).double()

    def log_weight(self, z: LatentsPerImage, log_q: PerImageLatent) -> PerImageLatent:
        """Return log p(x | z) + log p(z) - log q(z | x) of each latent."""
        return self.log_likelihood(z) - self.log_ratio(z, log_q)


class NoisePerImage(Noise):
    """Noise of which each row comes from the noise source of one image."""

    def __init__(self, sources: list[Noise]) -> None:
        super().__init__()
        self._sources = sources

    def normal(self, *shape: int) -> Tensor:
        return torch.stack([source.normal(*shape[1:]) for source in self._sources])

    def uniform(self, *shape: int) -> Tensor:
        return torch.stack([source.uniform(*shape[1:]) for source in self._sources])

    def integers(self, high: int, *shape: int) -> Tensor:
        return torch.stack([source.integers(high, *shape[1:]) for source in self._sources])


def image_groups(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None,
    samples: int,
    batch_size: int,
    min_draws: int = DRAWS_PER_SEED,
    *,
    max_weights: int = MAX_WEIGHTS,
) -> Iterator[ImageGroup]:
    """Encode images in groups, which limits the memory used.

    Arguments:
        model: A model with a likelihood.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels.
        samples: Latents per image, in total.
        batch_size: Latents decoded at a time, which limits the number of images in a group.
        min_draws: The smallest number of latents of an image that are decoded at a time.
        max_weights: The largest number of weights (images times samples) in a group.

    Raises:
        UserError: The images or labels don't fit the model, or a count is below 1.
    """
    all_labels = _check_inputs(model, images, labels)
    if samples < 1 or batch_size < 1:
        raise UserError(
            f"samples is {samples} and batch_size is {batch_size}; both must be at least 1.",
            code="invalid-count",
        )
    parameter = next(model.parameters())
    size = max(1, min(batch_size // min(samples, min_draws), max_weights // samples))
    for first in range(0, len(images), size):
        x = to_float(images[first : first + size]).to(parameter)
        y = None
        if all_labels is not None:
            y = all_labels[first : first + size].to(parameter.device)
        with unchecked_inputs():
            posterior, prior = model.encode(x, y), model.prior(y, len(x))
        yield ImageGroup(model, first, x, y, posterior, prior)


def require_likelihood(model: LatentModel) -> None:
    """Check that the model has a likelihood.

    Raises:
        UserError: It has none (code "no-likelihood").
    """
    if model.has_likelihood:
        return
    reason = (
        "its posterior is a point, which has no density"
        if model.has_encoder
        else "it has no encoder"
    )
    raise UserError(
        f"This {model.kind} has no likelihood, because {reason}: use a VAE.",
        code="no-likelihood",
    )


def require_finite(values: Tensor) -> Tensor:
    """Return the values if all of them are finite.

    Raises:
        UserError: Some are not finite (code "not-finite").
    """
    if not bool(values.isfinite().all()):
        raise UserError(
            "The likelihood of some images is not finite: check the model's weights, or train it "
            "again with a lower learning rate.",
            code="not-finite",
        )
    return values


def bits_per_dimension(nll: float, model: LatentModel) -> float:
    """Convert nats per image to bits per pixel and channel."""
    return nll / (math.prod(model.image_shape) * math.log(2))


def _check_inputs(model: LatentModel, images: Tensor, labels: Tensor | None) -> Tensor | None:
    """Check that images and labels fit the model; return the labels if the model takes any."""
    if tuple(images.shape[1:]) != model.image_shape:
        raise UserError(
            f"The images have shape {tuple(images.shape[1:])}, but the model was trained on "
            f"images of shape {model.image_shape}: give images of that shape.",
            code="shape-mismatch",
        )
    if len(images) < 2:
        raise UserError(
            f"There are {len(images)} images; an interval needs at least 2.",
            code="too-few-images",
        )
    if images.dtype != torch.uint8:
        if not bool(images.isfinite().all()):
            raise UserError(
                "Some pixels are not finite: replace or remove these images.", code="not-finite"
            )
        likelihood = model.likelihood
        largest = float(images.abs().max())
        if likelihood is not None and likelihood.discrete and largest > 1:
            raise UserError(
                f"The largest absolute pixel is {largest:g}, but a {likelihood.name} likelihood "
                "needs pixels in [-1, 1]: scale the images, or give uint8.",
                code="pixels-out-of-range",
            )
    if not model.takes_label:
        return None
    if labels is None:
        raise UserError(
            "The model's likelihood is p(x | y): give the labels of the images.",
            code="label-missing",
        )
    if len(labels) != len(images):
        raise UserError(
            f"There are {len(labels)} labels and {len(images)} images: give one label per image.",
            code="label-count",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= model.num_classes:
        raise UserError(
            f"The labels range from {low} to {high}; for a model with {model.num_classes} classes "
            f"they must be from 0 to {model.num_classes - 1}.",
            code="unknown-class",
        )
    return labels
