"""The device and the precision of a training."""

from dataclasses import replace

import torch

from latentarium.data.batches import Batch
from latentarium.errors import UserError
from latentarium.models.game import Loss, Player
from latentarium.rng import Noise
from latentarium.texts import Text


def pick_device(name: str) -> torch.device:
    """Return a torch device by its name; "auto" is a GPU if there is one, else the CPU.

    Raises:
        UserError: This machine has no such device (code "no-such-device").
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            Text(
                "There is no device '{name}' on this machine ({reason}). Try 'cpu'.",
                name=name,
                reason=reason,
            ),
            code="no-such-device",
        ) from None
    return device


def with_precision(player: Player, precision: str, device: torch.device) -> Player:
    """Return a copy of the player whose loss is computed in this precision.

    With "bfloat16", layers run under autocast (mixed precision); parameters and losses stay
    float32.
    """
    if precision == "float32":
        return player

    def loss(batch: Batch, noise: Noise) -> Loss:
        with torch.autocast(device.type, torch.bfloat16):
            return player.loss(batch, noise)

    return replace(player, loss=loss)
