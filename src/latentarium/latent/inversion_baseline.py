"""Inversion errors of held-out images, as a reference for the error of another image."""

from collections.abc import Iterator

import torch

from latentarium.data.dataset import Split
from latentarium.data.subsets import scattered
from latentarium.latent.gaps import percentile_among
from latentarium.latent.inversion import STEPS, invert_iter
from latentarium.models.base import LatentModel
from latentarium.shapes import PerPoint

BATCH_SIZE = 4
"""Images to invert in one batch; the batch is small so that a step is short."""


class InversionBaseline:
    """Inversion errors of held-out images.

    Arguments:
        model: Any model.
        held_out: Images that the model was not trained on.
        num_images: Number of images to invert.
    """

    def __init__(self, model: LatentModel, held_out: Split, num_images: int = 32) -> None:
        self._model, self._held_out = model, held_out
        self.num_images = num_images
        self.errors: PerPoint | None = None
        """Mean squared pixel errors in [-1, 1]; None until `measure` has ended."""

    def measure(self) -> Iterator[float]:
        """Invert the images, and after each step yield the share of the work that is done."""
        errors: list[PerPoint] = []
        parts = scattered(self._held_out, self.num_images).images.split(BATCH_SIZE)
        for done, part in enumerate(parts):
            error = torch.empty(0)
            for current in invert_iter(self._model, part):
                yield (done + current.step / STEPS) / len(parts)
                error = current.error
            errors.append(error)
        self.errors = torch.cat(errors)

    def share_not_better(self, error: PerPoint) -> float:
        """Return the share of held-out images whose error is at least as large as this one (1,).

        `measure` must have ended before.
        """
        assert self.errors is not None, "measure() has not ended"
        return 1 - float(percentile_among(error, self.errors))
