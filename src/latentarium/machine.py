"""Describe the software and the hardware that a result was computed with."""

import os
import platform

import numpy as np
import torch

import latentarium


def versions() -> dict[str, str]:
    """Return the versions of latentarium, Python, torch and NumPy, and the platform."""
    return {
        "latentarium": latentarium.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def describe_machine() -> str:
    """Return the number and kind of processors and torch's threads: "8 x x86_64, 4 threads"."""
    return f"{os.cpu_count()} x {platform.machine()}, {torch.get_num_threads()} threads"
