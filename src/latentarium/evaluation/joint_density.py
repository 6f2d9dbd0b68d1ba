"""A VAE's densities over images and latents, group by group of images that fit into memory.

Each image is encoded once; z is drawn and decoded in batches of several thousand rows, images
times draws, since a matrix product of few rows wastes the machine. Densities are summed in the
model's precision over pixels, and in float64 from there on.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.distributions import DiagonalGaussian, Distribution
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, LabelSet, LatentDraws, PerDraw, Pixels

DRAWS = 50
"""Latents that one seed gives: noise is a function of (seed, image, block of so many draws)."""
BLOCK = 1 << 22
"""Weights held at once: 32 MiB of float64."""


@dataclass(frozen=True)
class Group:
    """Some images with what the model says of them."""

    vae: LatentModel
    first: int
    """The place of the first one in the whole set."""
    x: Images
    y: Labels | None
    posterior: DiagonalGaussian
    prior: Distribution

    def draws(self, samples: int, seed: int, batch_size: int) -> Iterator[LatentDraws]:
        """Latents from the posteriors, a batch of them at a time, `samples` for each image."""
        n, dimensions = self.posterior.mean.shape
        std = self.posterior.std
        step = DRAWS * max(1, batch_size // (n * DRAWS))
        for start in range(0, samples, step):
            stop = min(samples, start + step)
            blocks = range(start // DRAWS, math.ceil(stop / DRAWS))
            eps = torch.stack(
                [
                    torch.cat(
                        [Noise("importance", seed, i, b).normal(DRAWS, dimensions) for b in blocks]
                    )
                    for i in range(self.first, self.first + n)
                ]
            )
            yield self.posterior.mean[:, None] + std[:, None] * eps[:, : stop - start].to(std)

    def log_likelihood(self, z: LatentDraws) -> PerDraw:
        """log p(x | z)."""
        draws, y = z.shape[1], (self.y if self.vae.takes_label else None)
        x = self.x.repeat_interleave(draws, 0)
        y = None if y is None else y.repeat_interleave(draws, 0)
        return -self.vae.distortion(x, z.flatten(0, 1), y).double().unflatten(0, z.shape[:2])

    def log_weight(self, z: LatentDraws) -> PerDraw:
        """log p(x | z) + log p(z) - log q(z | x)."""
        return self.log_likelihood(z) + _log_prob(self.prior, z) - _log_prob(self.posterior, z)


def groups(
    vae: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None,
    samples: int,
    rows: int,
    together: int = DRAWS,
) -> Iterator[Group]:
    """Encodes images, as many at a time as `rows` latents, at least `together` of each image's
    `samples` at once, and the memory of all weights allow.

    Raises:
        UserError: Images or labels don't fit the model.
    """
    y_all = _fitting_labels(vae, images, labels)
    if samples < 1 or rows < 1:
        raise UserError(f"There are {samples} samples, {rows} at once: give at least 1 of each.")
    parameter = next(vae.parameters())
    size = max(1, min(rows // min(samples, together), BLOCK // samples))
    for first in range(0, len(images), size):
        x = to_float(images[first : first + size]).to(parameter)
        y = None if y_all is None else y_all[first : first + size].to(parameter.device)
        posterior = vae.encode(x, (y if vae.takes_label else None))
        assert isinstance(posterior, DiagonalGaussian)  # a VAE's
        yield Group(vae, first, x, y, posterior, vae.prior(y, len(x)))


@contextmanager
def evaluating(vae: LatentModel) -> Iterator[None]:
    """Evaluation mode without gradients, and afterwards the mode from before."""
    was_training = vae.training
    vae.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        vae.train(was_training)


def require_vae(model: LatentModel) -> LatentModel:
    """The model, where it has a Gaussian posterior and so a likelihood."""
    if not model.has_likelihood:
        raise UserError(
            f"log p(x) of a model of kind '{model.kind}' is unknown: give a VAE.",
            code="no-likelihood",
        )
    return model


def require_finite(values: Tensor) -> Tensor:
    """The same values."""
    if not bool(values.isfinite().all()):
        raise UserError(
            "The model gives images a likelihood that is not finite: check its weights, or train "
            "it again with a lower learning rate."
        )
    return values


def bits_per_dimension(nll: float, vae: LatentModel) -> float:
    """Nats for an image as bits for one of its pixels and channels."""
    return nll / (math.prod(vae.image_shape) * math.log(2))


def _fitting_labels(vae: LatentModel, images: Tensor, labels: Tensor | None) -> Tensor | None:
    """The labels, where the model looks at them; refuses images that don't fit."""
    if tuple(images.shape[1:]) != vae.image_shape:
        raise UserError(
            f"The images are of shape {tuple(images.shape[1:])}, and the model's of "
            f"{vae.image_shape}: give images of the kind that it was trained on."
        )
    if len(images) < 2:
        raise UserError(f"{len(images)} images give no interval: give at least 2.")
    if images.dtype != torch.uint8:
        if not bool(images.isfinite().all()):
            raise UserError("Some pixels are not finite: replace or drop these images.")
        discrete = vae.likelihood is not None and vae.likelihood.discrete
        if discrete and float(images.abs().max()) > 1:
            raise UserError(
                "Some pixels lie outside [-1, 1], and a Bernoulli likelihood takes (x + 1) / 2 "
                "as a probability: scale the images, or give uint8."
            )
    if not vae.takes_label:
        return None
    if labels is None:
        raise UserError("The model gives p(x | y), a likelihood given the label: give the labels.")
    if len(labels) != len(images):
        raise UserError(f"There are {len(labels)} labels for {len(images)} images: give one each.")
    if int(labels.min()) < 0 or int(labels.max()) >= vae.num_classes:
        raise UserError(
            f"Labels run from {int(labels.min())} to {int(labels.max())}, and the model's "
            f"{vae.num_classes} classes are numbered from 0: give labels in that range."
        )
    return labels


def _log_prob(gaussian: Distribution, z: LatentDraws) -> PerDraw:
    """log density of each image's latents under its own Gaussian."""
    draws = z.shape[1]
    assert isinstance(gaussian, DiagonalGaussian)
    mean, log_variance = (
        t.double().repeat_interleave(draws, 0) for t in (gaussian.mean, gaussian.log_variance)
    )
    rows = DiagonalGaussian(mean, log_variance).log_prob(z.double().flatten(0, 1))
    return rows.unflatten(0, z.shape[:2])
