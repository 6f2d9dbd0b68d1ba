"""What a run says at each row of its log of images that it does not train on."""

from typing import Any

import torch
from torch import Tensor

from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.rng import Noise
from latentarium.training.game import held_out_loss

SAMPLES = 64
"""Samples of which the diversity is taken: its relative error is about 1 / sqrt(64) or less."""
BINS = 24
"""Of a histogram of scores."""


class HeldOut:
    """A batch of the validation split, looked at and never learned from. It is always the same,
    with the same noise: rows differ by what was learned between them, not by their images.

    Nothing here touches the training: no shared random state, no statistics, no gradients.

    Arguments:
        split: The validation images; with none, there is nothing to say.
        batch_size: At most so many images.
        seed: Of the choice of images and of the noise.
        device: Where the model is.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, device: torch.device) -> None:
        size = min(batch_size, len(split))
        self._batch = Batches(split, size, seed, device).draw(0) if size else None
        self._seed = seed

    def loss(self, player: Player, model: LatentModel) -> dict[str, Tensor]:
        """`held_out`: the player's loss on the batch."""
        if self._batch is None:
            return {}
        noise = Noise("held-out", self._seed, device=model.device)
        return {"held_out": held_out_loss(player, model, self._batch, noise).total}

    def diversity(self, model: LatentModel) -> dict[str, Tensor]:
        """`diversity`: the variance of samples over that of real images, each summed over
        pixels. Always the same latents, so that rows compare."""
        if self._batch is None or len(self._batch.x) < 2:
            return {}
        real = self._batch.x
        fake = model.sample(SAMPLES)
        variance = real.var(0).sum().cpu()
        return {"diversity": fake.var(0).sum() / variance} if variance > 0 else {}

    def scores(self, model: LatentModel) -> dict[str, Any]:
        """Histograms of the discriminator's logits on the batch and on as many fakes of the same
        labels, in evaluation mode.

        Returns:
            low, high: Of the bins, in logits. real, fake: Counts in each bin. margin: The same of
            D(real) - D(fake), each real with its own fake, which is all that a relativistic loss
            looks at. Empty for a model without discriminator, or for logits that aren't finite.
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
    """Counts of all values over the same bins."""
    together = torch.cat(list(values.values()))
    low, high = float(together.min()), float(together.max())
    high = high if high > low else low + 1.0
    return {
        "low": low,
        "high": high,
        **{k: torch.histc(v, BINS, low, high).int().tolist() for k, v in values.items()},
    }
