"""Score images by the latents that they were decoded from."""

from dataclasses import dataclass

import numpy as np
import torch

from latentarium.data.dataset import to_float
from latentarium.latent.calibration import MAX_HELD_OUT
from latentarium.latent.encoded import EncodedData
from latentarium.latent.initial_latents import pixel_mse
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, LabelSet, LatentSet, PerPoint, Pixels
from latentarium.unchecked import unchecked_inputs


@dataclass(frozen=True, kw_only=True)
class ScoredImages:
    """Images with their scores."""

    pixels: np.ndarray
    """uint8 (n, channels, height, width)."""
    scores: np.ndarray
    """float32 (n, `SCORE_COLUMNS`)."""

    @classmethod
    def concatenate(cls, parts: "list[ScoredImages]") -> "ScoredImages":
        """Join several sets of images, in order."""
        return cls(
            pixels=np.concatenate([part.pixels for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
        )


def posterior_means(model: LatentModel, images: Images) -> LatentSet:
    """Return the mean of each image's posterior, on the CPU."""
    with torch.no_grad(), unchecked_inputs():
        parts = images.split(MAX_HELD_OUT // 4)
        return torch.cat([model.encode(part.to(model.device)).mean.cpu() for part in parts])


def score_latents(
    encoded: EncodedData,
    z: LatentSet,
    images: Images,
    pixels: Pixels,
    real: Images | None = None,
) -> tuple[dict[str, PerPoint], LabelSet]:
    """Score the latents of a model with an encoder.

    Arguments:
        encoded: The model's encoded data.
        z: The latents.
        images: The decoded images, in [-1, 1].
        pixels: The same images as uint8.
        real: The original images, for reconstructions; None: the error is not measured.

    Returns:
        The values by name of the measure, and the number of each latent's nearest training image.
    """
    neighbours = encoded.neighbours(z)
    round_trip = posterior_means(encoded.model, images).double() - z.double()
    values = {
        "distance": neighbours.distance[:, -1].contiguous(),
        "round_trip": round_trip.norm(dim=1),
    }
    if real is not None:
        values["error"] = pixel_mse(to_float(pixels), real).double()
    return values, neighbours.index[:, 0].contiguous()
