"""Images of one class from a model that was never told of classes: draws from the Gaussian of the
class's own latents, decoded."""

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
    model: LatentModel, data: Data, label: str | int, codes: LatentSet | None = None
) -> FittedGaussian:
    """The Gaussian of a class in the latent space, by maximum likelihood over a draw from the
    posterior of each training image.

    Arguments:
        model: Encodes without the label.
        data: What it was trained on, with labels.
        label: The class, by number or name.
        codes: The latents of the training images, where they are known already.

    Raises:
        UserError: No labels, an unknown class, or a model whose decoder must be told the class.
    """
    number = class_index(label, data.card.classes)
    if model.decodes_label or not model.has_encoder or data.train.labels is None:
        raise UserError(
            "Only a model that encodes labelled images, and is not told their class, has a "
            "Gaussian of each class: leave the gaussian out, or ask by label."
        )
    z = encode(model, data.train) if codes is None else codes
    return single_gaussian(z[data.train.labels == number], SHRINKAGE)


def gaussian_latents(
    gaussian: FittedGaussian, n: int, seed: int = 0, *, truncation: float = 1.0
) -> Latents:
    """Draws n latents; the truncation scales their deviation from the mean."""
    return gaussian.sample(n, noise_of(seed), truncation)


def noise_of(seed: int) -> torch.Generator:
    """The same for all Gaussians, so that what is dragged from one to another moves smoothly."""
    return Noise("class", seed).generator


def sample_gaussian(
    model: LatentModel,
    gaussian: FittedGaussian,
    n: int,
    seed: int = 0,
    *,
    truncation: float = 1.0,
) -> Images:
    """Draws n images in [-1, 1]; the same seed gives the same images."""
    return decode(model, gaussian_latents(gaussian, n, seed, truncation=truncation))
