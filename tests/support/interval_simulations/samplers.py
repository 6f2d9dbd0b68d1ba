"""Seeded random numbers for simulations."""

import numpy as np
import torch
from torch import Tensor


def normal(seed: int, *shape: int) -> Tensor:
    """Draw from N(0, 1)."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def gamma(seed: int, alpha: float, *shape: int) -> Tensor:
    """Draw from a gamma distribution with mean alpha and skewness 2 / sqrt(alpha)."""
    return torch.from_numpy(np.random.default_rng(seed).gamma(alpha, size=shape))
