"""The device that a training runs on."""

import torch

from latentarium.errors import UserError
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
