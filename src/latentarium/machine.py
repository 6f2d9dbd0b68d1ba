"""The software and the hardware that results are computed with, and how busy the processor is."""

import os
import platform
import re
from pathlib import Path

import numpy as np
import psutil
import torch

import latentarium

MEASURED_SECONDS = 0.3
"""Seconds over which the use of the processor is measured."""


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
    """Return the processors and torch's threads: "AMD EPYC, 8 x x86_64, 4 threads"."""
    name = cpu_name()
    processors = f"{os.cpu_count()} x {platform.machine()}, {torch.get_num_threads()} threads"
    return f"{name}, {processors}" if name else processors


def cpu_name() -> str:
    """Return the processor's short name, such as "Intel Xeon"; empty if Linux doesn't name it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1] for line in lines if line.startswith("model name")]
    name = re.sub(r"\((R|TM)\)|\b(Processor|CPU)\b|@.*|,", " ", names[0] if names else "")
    return " ".join(name.split())


def idle_cores() -> int:
    """Return the number of processor cores that no program uses now, rounded; it takes 0.3 s."""
    used = psutil.cpu_percent(MEASURED_SECONDS) / 100
    return round((psutil.cpu_count() or 1) * (1 - used))
