"""What this runs on, and with what."""

import os
import platform

import numpy as np
import torch

import latentarium


def versions() -> dict[str, str]:
    """What this was made with."""
    return {
        "latentarium": latentarium.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def machine() -> str:
    """What this runs on, in a few words."""
    return f"{os.cpu_count()} x {platform.machine()}, {torch.get_num_threads()} threads"
