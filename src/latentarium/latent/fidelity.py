"""How much of what varies between images a model keeps."""

import math

from latentarium.data.dataset import Split, to_float
from latentarium.data.subsets import scattered
from latentarium.models.base import LatentModel
from latentarium.models.inference import reconstruct

MOST = 500
"""Images that are reconstructed."""


def kept_share(model: LatentModel, held_out: Split) -> float | None:
    """The share of the variance of held-out images that reconstructions explain: R^2 about their
    mean image. Below 0, that image for all of them would be nearer; None where nothing varies, or
    the reconstructions are not finite."""
    few = scattered(held_out, MOST)
    real = to_float(few.images)
    varied = float((real - real.mean(0)).square().sum())
    missed = float((reconstruct(model, few) - real).square().sum())
    return 1 - missed / varied if varied > 0 and math.isfinite(missed) else None
