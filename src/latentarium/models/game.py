"""The game that trains a model: its players and their losses.

Each player minimizes its own loss over its own parameters only. An autoencoder is a game of one
player, a GAN a game of two. `latentarium.training.game` plays it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from latentarium.data.batches import Batch
from latentarium.rng import Noise
from latentarium.shapes import Scalar


@dataclass(frozen=True)
class Loss:
    """The loss of one player on one batch.

    Arguments:
        total: What the player minimizes.
        terms: Named parts of it for the log, without gradient.
    """

    total: Scalar
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Player:
    """A part of a model, and the loss that it minimizes over its own parameters.

    Arguments:
        name: Its name in the log.
        part: The module whose parameters it owns.
        loss: Computes its loss on a batch, with the random numbers of the move.
    """

    name: str
    part: nn.Module
    loss: Callable[[Batch, Noise], Loss]
