"""The game that trains a model: its players and their losses.

Each player minimizes its own loss over its own parameters only. An autoencoder has one player, and
a GAN has two players. `latentarium.training.game` runs the rounds of the game.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from latentarium.data.batches import Batch
from latentarium.rng import Noise
from latentarium.shapes import Scalar


@dataclass(frozen=True)
class Loss:
    """The value that a player minimizes, and the terms to log.

    Arguments:
        total: The loss, with its gradient.
        terms: Scalars by name, without gradient.
    """

    total: Scalar
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Player:
    """A part of the model, and the loss that it minimizes over its own parameters only.

    Arguments:
        name: The name of the player in the log, for instance "generator".
        part: The module whose parameters the player updates.
        loss: Function that returns the loss of a batch; all its randomness comes from the noise.
        heads: Modules whose last layers give the player's output, such as a logit; empty: `part`.
            The duality gap rescales these layers.
    """

    name: str
    part: nn.Module
    loss: Callable[[Batch, Noise], Loss]
    heads: tuple[nn.Module, ...] = ()
