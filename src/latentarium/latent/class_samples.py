"""Sample one class from a model that was not trained with labels: draw from the Gaussian of the
class's latents, and decode."""

import torch

from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.latent.gaussians import SHRINKAGE, FittedGaussian, single_gaussian
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode, encode
from latentarium.models.labels import class_index
from latentarium.rng import Noise
from latentarium.shapes import Images, Latents, LatentSet


def class_gaussian(
    model: LatentModel, data: Data, label: str | int, latents: LatentSet | None = None
) -> FittedGaussian:
    """Fit the Gaussian of a class by maximum likelihood to one draw from the posterior of each of
    its training images.

    Arguments:
        model: A model that encodes without labels.
        data: The labelled data that it was trained on.
        label: The class, by number or name.
        latents: The latents of the training images; None: they are computed.

    Raises:
        UserError: An unknown class (code "unknown-class"), no labels, or a model that can't encode
            without them (code "no-class-gaussian").
    """
    number = class_index(label, data.card.classes)
    if model.decodes_label or not model.has_encoder or data.train.labels is None:
        raise UserError(
            "Class Gaussians need labelled data, and a model that encodes without labels: leave "
            "the gaussian out, or ask by label.",
            code="no-class-gaussian",
        )
    z = encode(model, data.train) if latents is None else latents
    return single_gaussian(z[data.train.labels == number], SHRINKAGE)


def draw_latents(
    gaussian: FittedGaussian, n: int, seed: int = 0, *, truncation: float = 1.0
) -> Latents:
    """Draw n latents; the truncation scales their deviation from the mean."""
    return gaussian.sample(n, gaussian_noise(seed), truncation)


def gaussian_noise(seed: int) -> torch.Generator:
    """Return the generator of a seed. All Gaussians share it, so samples change smoothly while a
    Gaussian is moved."""
    return Noise("class", seed).generator


def sample_gaussian(
    model: LatentModel,
    gaussian: FittedGaussian,
    n: int,
    seed: int = 0,
    *,
    truncation: float = 1.0,
) -> Images:
    """Return n images in [-1, 1]; the same seed gives the same images."""
    return decode(model, draw_latents(gaussian, n, seed, truncation=truncation))
