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
    """Fit a Gaussian to the latents of a class by maximum likelihood.

    Each training image of the class has one latent, drawn from the image's posterior.

    Arguments:
        model: A model that encodes without labels.
        data: The labelled data that the model was trained on.
        label: The class, by number or name.
        latents: The latents of all training images; None: they are computed.

    Raises:
        UserError: There is no such class (code "unknown-class"); or the data have no labels, or
            the model can't encode images without labels (code "no-class-gaussian").
    """
    number = class_index(label, data.card.classes)
    if model.decodes_label or not model.has_encoder or data.train.labels is None:
        raise UserError(
            "A class Gaussian needs labelled data and a model that encodes images without labels: "
            "sample without a class Gaussian, or give a label to a conditional model.",
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
    """Return the random number generator of a seed.

    All Gaussians get the same noise, so samples change smoothly while a Gaussian is moved.
    """
    return Noise("class", seed).generator


def sample_gaussian(
    model: LatentModel,
    gaussian: FittedGaussian,
    n: int,
    seed: int = 0,
    *,
    truncation: float = 1.0,
) -> Images:
    """Decode n latents of a Gaussian into images in [-1, 1].

    The same seed gives the same images.
    """
    return decode(model, draw_latents(gaussian, n, seed, truncation=truncation))
