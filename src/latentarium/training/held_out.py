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

DIVERSITY_SAMPLES = 64
"""Samples for the diversity; its relative error is at most about 1 / sqrt(64)."""
BINS = 24
"""Bins of the histograms of logits."""


class HeldOutBatch:
    """A fixed batch of validation images that is measured but never trained on.

    Images and noise are the same for all rows of the log, so that two rows differ only by what was
    learned in between. No measurement changes the training: none uses shared random state, changes
    running statistics or leaves gradients.

    Arguments:
        split: The validation images; all measurements are empty if there are none.
        batch_size: The largest size of the batch.
        seed: Seed of the choice of images and of the noise.
        device: The device of the model.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, device: torch.device) -> None:
        size = min(batch_size, len(split))
        self._batch = Batches(split, size, seed, device).draw(0) if size else None
        self._seed = seed

    def loss(self, player: Player, model: LatentModel) -> dict[str, Tensor]:
        """Return the player's loss on the batch as `held_out`."""
        if self._batch is None:
            return {}
        noise = Noise("held-out", self._seed, device=model.device)
        return {"held_out": held_out_loss(player, model, self._batch, noise).total}

    def diversity(self, model: LatentModel) -> dict[str, Tensor]:
        """Return the variance of samples relative to that of real images as `diversity`.

        Each variance is summed over pixels. The latents of the samples are always the same.
        """
        if self._batch is None or len(self._batch.x) < 2:
            return {}
        samples = model.sample(DIVERSITY_SAMPLES)
        variance = self._batch.x.var(0).sum().cpu()
        return {"diversity": samples.var(0).sum() / variance} if variance > 0 else {}

    def logit_histograms(self, model: LatentModel) -> dict[str, Any]:
        """Return histograms of the discriminator's logits, in evaluation mode.

        They compare the real images of the batch with as many samples of the same labels.

        Returns:
            low, high: The range of the bins, in logits. real, fake: Counts per bin. margin: The
            same for D(real) - D(fake), each real image paired with one sample; a relativistic
            loss depends on this difference only. Empty without a discriminator, or if a logit is
            not finite.
        """
        if not model.has_discriminator or self._batch is None:
            return {}
        noise, was_training = Noise("scores", self._seed, device=model.device), model.training
        model.eval()
        try:
            with torch.no_grad():
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
    """Count all values over the same bins."""
    combined = torch.cat(list(values.values()))
    low, high = float(combined.min()), float(combined.max())
    high = high if high > low else low + 1.0
    return {
        "low": low,
        "high": high,
        **{k: torch.histc(v, BINS, low, high).int().tolist() for k, v in values.items()},
    }
