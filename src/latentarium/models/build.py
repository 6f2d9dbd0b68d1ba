"""Build a model with initial weights from a configuration."""

import threading

import torch

from latentarium.config import DataCard, ModelConfig
from latentarium.models.base import LatentModel
from latentarium.registry import component
from latentarium.rng import derive_seed

_LOCK = threading.Lock()
"""Initial weights come from torch's global random state, which all threads share."""


def build(config: ModelConfig, data: DataCard, seed: int = 0) -> LatentModel:
    """Build a model whose initial weights are a function of the seed alone.

    Raises:
        UserError: The family is not registered (code "unknown-component"), or the configuration
            does not fit the data.
    """
    family = component("family", config.family)
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", seed))
        return family(config, data)
