"""The software and the hardware that results are computed with, and how busy the processor is."""

import os
import platform
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import torch

import latentarium

MEASURED_SECONDS = 0.3
"""Seconds over which the use of the processor is measured."""
PRODUCT_SIZE = 256
"""Rows and columns of the square matrices in the timed product."""
PRODUCTS = 20
"""Products that are timed; the fastest one counts."""


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


@cache
def bfloat16_speedup() -> float:
    """Return how many times faster this processor multiplies matrices in bfloat16 than in float32.

    The value is about 2 on processors with instructions for bfloat16, and below 1 on others. It
    takes a few milliseconds, on one of which no other program has disturbed the product.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _product_seconds(torch.float32) / _product_seconds(torch.bfloat16)
    finally:
        torch.set_num_threads(before)


def _product_seconds(dtype: torch.dtype) -> float:
    """Return the shortest duration of a product of two matrices."""
    matrix = torch.ones(PRODUCT_SIZE, PRODUCT_SIZE, dtype=dtype)
    durations = []
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        durations.append(time.perf_counter() - started)
    return min(durations)
