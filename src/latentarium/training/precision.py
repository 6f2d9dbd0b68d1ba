"""The precision of a training.

Processors with instructions for bfloat16 multiply matrices in it twice as fast as in float32. Most
of a step's time goes into such products, unless the model is so small that converting numbers
between the two takes as long. Small models, and models on other processors, train in float32.

The precision is chosen before the first step, stored with the run and used again when the training
is resumed.

References:
    Mixed precision training (Micikevicius et al., 2018), https://arxiv.org/abs/1710.03740
    A study of bfloat16 for deep learning training (Kalamkar et al., 2019),
    https://arxiv.org/abs/1905.12322
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from latentarium.data.batches import Batch
from latentarium.machine import bfloat16_speedup
from latentarium.models.game import Loss, Player
from latentarium.nn import trunks_compute_in
from latentarium.rng import Noise

MIN_WORK = 100_000_000
"""bfloat16 is used if the forward passes of a step have at least this many multiply-adds."""
MIN_SPEEDUP = 1.5
"""How many times faster matrix products must be in bfloat16."""


def at_precision(players: Sequence[Player], precision: str) -> list[Player]:
    """Return copies of the players in whose losses trunks compute at this precision.

    Parameters, densities and losses stay float32 in any case: rounding to bfloat16 would change a
    log density by several nats.
    """
    if precision != "bfloat16":
        return list(players)
    return [replace(player, loss=partial(_loss_in_bfloat16, player)) for player in players]


def _loss_in_bfloat16(player: Player, batch: Batch, noise: Noise) -> Loss:
    with trunks_compute_in(torch.bfloat16):
        return player.loss(batch, noise)


def gains_from_bfloat16(work: int, device: torch.device) -> bool:
    """Return whether steps of this size are faster in bfloat16 on this machine.

    On a GPU this depends on the GPU, and small models gain nothing, so the answer is no.

    Arguments:
        work: Multiply-adds in the forward passes of a step.
        device: The device of the training.
    """
    return device.type == "cpu" and work >= MIN_WORK and bfloat16_speedup() >= MIN_SPEEDUP


def precision_of_more_moves(trained: str) -> str:
    """Return the precision for further moves of a trained model on this machine: that of its
    training, unless this machine computes in bfloat16 no faster.

    Arguments:
        trained: The precision of the training.
    """
    fast = trained == "bfloat16" and bfloat16_speedup() >= MIN_SPEEDUP
    return "bfloat16" if fast else "float32"
