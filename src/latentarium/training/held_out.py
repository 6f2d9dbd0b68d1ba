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
    """Batches of the validation split, a function of (seed, row), looked at and never learned.

    Nothing here touches the training: no shared random state, no statistics, no gradients.

    Arguments:
        split: The validation images; with none, there is nothing to say.
        batch_size: At most so many images in a batch.
        seed: Of the batches and of the noise.
        device: Where the model is.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, device: torch.device) -> None:
        size = min(batch_size, len(split))
        self._batches = Batches(split, size, seed, device) if size else None
        self._seed = seed

    def loss(self, player: Player, model: LatentModel, row: int) -> dict[str, Tensor]:
        """`held_out`: the player's loss on the row's batch."""
        if self._batches is None:
            return {}
        noise = Noise("held-out", self._seed, row, device=model.device)
        return {"held_out": loss_unmoved(player, model, self._batches.draw(row), noise).total}

    def diversity(self, model: LatentModel) -> dict[str, Tensor]:
        """`diversity`: the variance of samples over that of real images, each summed over
        pixels. Always the same latents, so that rows compare."""
        if self._batches is None or self._batches.batch_size < 2:
            return {}
        real = self._batches.draw(0).x
        fake = model.sample(SAMPLES)
        variance = real.var(0).sum().cpu()
        return {"diversity": fake.var(0).sum() / variance} if variance > 0 else {}
