"""What a run says at each row of its log of images that it does not train on."""

import torch
from torch import Tensor

from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.models.base import LatentModel
from latentarium.models.game import Player, loss_unmoved
from latentarium.random import Noise

SAMPLES = 64
"""Samples of which the diversity is taken: its relative error is about 1 / sqrt(64) or less."""


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
        return {"held_out": loss_unmoved(player, model, self._batch, noise).total}

    def diversity(self, model: LatentModel) -> dict[str, Tensor]:
        """`diversity`: the variance of samples over that of real images, each summed over
        pixels. Always the same latents, so that rows compare."""
        if self._batch is None or len(self._batch.x) < 2:
            return {}
        real = self._batch.x
        fake = model.sample(SAMPLES)
        variance = real.var(0).sum().cpu()
        return {"diversity": fake.var(0).sum() / variance} if variance > 0 else {}
