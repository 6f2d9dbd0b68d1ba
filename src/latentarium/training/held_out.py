"""Measurements on held-out images for each row of the training log."""

from typing import Any

import torch
from torch import Tensor

from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.rng import Noise
from latentarium.training.game import held_out_loss
from latentarium.unchecked import unchecked_inputs

DIVERSITY_SAMPLES = 64
"""Number of samples for the diversity, whose relative error is then about 1 / 8 or less."""
BINS = 24
"""Number of bins of the histograms of logits."""


class HeldOutBatch:
    """A fixed batch of validation images that is used for measurements and never for training.

    Images and noise are the same for all rows of the log, so that two rows differ only because of
    the training between them. Measurements do not affect the training: they use no shared random
    state, change no running statistics and leave no gradients.

    Arguments:
        split: The validation images; without images, all measurements are empty.
        batch_size: Largest size of the batch.
        seed: Seed of the choice of images and of the noise.
        device: The device of the model.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, device: torch.device) -> None:
        size = min(batch_size, len(split))
        self._batch = Batches(split, size, seed, device).draw(0) if size else None
        self._seed = seed

    def loss(self, player: Player, model: LatentModel) -> dict[str, Tensor]:
        """Return the player's loss on the batch, under the key "held_out"."""
        if self._batch is None:
            return {}
        noise = Noise("held-out", self._seed, device=model.device)
        return {"held_out": held_out_loss(player, model, self._batch, noise).total}

    def diversity(self, model: LatentModel) -> dict[str, Tensor]:
        """Return the variance of samples divided by that of the batch, under the key "diversity".

        Each variance is summed over pixels. The samples always use the same latents.
        """
        if self._batch is None or len(self._batch.x) < 2:
            return {}
        samples = model.sample(DIVERSITY_SAMPLES)
        variance = self._batch.x.var(0).sum().cpu()
        return {"diversity": samples.var(0).sum() / variance} if variance > 0 else {}

    def logit_histograms(self, model: LatentModel) -> dict[str, Any]:
        """Return histograms of the discriminator's logits, in evaluation mode.

        The histograms compare the real images of the batch with one sample for each image; if the
        model takes labels, the sample has the label of the image.

        Returns:
            low, high: The range of the bins, in logits. real, fake: Counts per bin for the images
            and for the samples. margin: low, high and counts of D(real) - D(fake), where each
            image is paired with its sample; a relativistic loss depends only on this difference.
            The result is empty without a discriminator, or if a logit is not finite.
        """
        if not model.has_discriminator or self._batch is None:
            return {}
        noise, was_training = Noise("scores", self._seed, device=model.device), model.training
        model.eval()
        try:
            with torch.no_grad(), unchecked_inputs():
                labels = self._batch.y if model.takes_label else None
                z = noise.normal(len(self._batch.x), model.latent_dim)
                real = model.discriminate(self._batch.x, labels).float().cpu()
                fake = model.discriminate(model.decode(z, labels), labels).float().cpu()
        finally:
            model.train(was_training)
        if not torch.cat([real, fake]).isfinite().all():
            return {}
        return _histograms(real=real, fake=fake) | {"margin": _histograms(counts=real - fake)}


def _histograms(**values: Tensor) -> dict[str, Any]:
    """Count the values of each tensor in bins over the range of all values."""
    combined = torch.cat(list(values.values()))
    low, high = float(combined.min()), float(combined.max())
    high = high if high > low else low + 1.0
    return {
        "low": low,
        "high": high,
        **{k: torch.histc(v, BINS, low, high).int().tolist() for k, v in values.items()},
    }
