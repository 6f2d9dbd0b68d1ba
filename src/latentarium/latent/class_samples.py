"""Sample one class from a model that was not trained with labels: draw from the Gaussian of the
class's latents, and decode."""

from collections.abc import Callable

import torch
from torch import Tensor

from latentarium.arguments import Integer, Number, as_count, as_factor, as_seed
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.latent.gaussians import SHRINKAGE, FittedGaussian, single_gaussian
from latentarium.memory import require_memory
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode, encode
from latentarium.models.labels import class_index
from latentarium.rng import BLOCK_ROWS, Noise, blocks
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
    gaussian: FittedGaussian, n: Integer, seed: Integer = 0, *, truncation: Number = 1.0
) -> Latents:
    """Draw n latents; latent k depends on the Gaussian, the seed and k only.

    Arguments:
        gaussian: The Gaussian.
        n: Number of latents.
        seed: All Gaussians get the same noise from a seed.
        truncation: Factor on the latents' deviation from the mean.

    Raises:
        UserError: n, seed or truncation is invalid, as for `LatentModel.sample`.
    """
    return draw_in_blocks(gaussian.transform, n, len(gaussian.mean), seed, truncation)


def draw_in_blocks(
    transform: Callable[[Tensor, float], Tensor],
    n: Integer,
    size: int,
    seed: Integer,
    truncation: Number,
) -> Tensor:
    """Draw from a Gaussian in whole blocks, so that row k depends on the seed and k only.

    All Gaussians get the same noise, so samples change smoothly while a Gaussian is moved.

    Arguments:
        transform: Maps standard normal rows and the truncation to rows of the Gaussian.
        n: Number of rows.
        size: Numbers in a row.
        seed: Seed of the noise.
        truncation: Factor on the rows' deviation from the mean.

    Raises:
        UserError: n, seed or truncation is invalid, as for `LatentModel.sample`.
    """
    n, seed = as_count("n", n), as_seed(seed)
    factor = as_factor("truncation", truncation, code="invalid-truncation")
    require_memory(8 * n * size, f"{n:,} latents", "draw fewer at a time")
    parts = []
    for block, rows in blocks(n):
        generator = Noise("class", seed, block).generator
        eps = torch.randn(BLOCK_ROWS, size, generator=generator, dtype=torch.float64)
        parts.append(transform(eps, factor)[:rows])
    return torch.cat(parts)


def sample_gaussian(
    model: LatentModel,
    gaussian: FittedGaussian,
    n: Integer,
    seed: Integer = 0,
    *,
    truncation: Number = 1.0,
) -> Images:
    """Decode n latents of a Gaussian into images in [-1, 1].

    The same seed gives the same images.
    """
    return decode(model, draw_latents(gaussian, n, seed, truncation=truncation))
