"""The share of the images' variance that is explained by their reconstructions."""

import math

from latentarium.data.dataset import Split, to_float
from latentarium.data.subsets import scattered
from latentarium.models.base import LatentModel
from latentarium.models.inference import reconstruct


def explained_variance(model: LatentModel, held_out: Split, max_images: int = 500) -> float | None:
    """Return R^2 of the reconstructions of held-out images.

    It is negative if the reconstructions have a larger squared error than the mean image has.

    Arguments:
        model: A model with an encoder.
        held_out: Images that the model was not trained on.
        max_images: Maximum number of images to reconstruct.

    Returns:
        R^2, at most 1; None if the images are all equal or the reconstructions are not finite.
    """
    subset = scattered(held_out, max_images)
    real = to_float(subset.images)
    total = float((real - real.mean(0)).square().sum())
    residual = float((reconstruct(model, subset) - real).square().sum())
    return 1 - residual / total if total > 0 and math.isfinite(residual) else None
