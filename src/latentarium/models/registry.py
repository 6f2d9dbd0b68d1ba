"""From a configuration to a model."""

import threading

import torch

from latentarium.config import AutoencoderConfig, DataCard, ModelConfig
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.base import LatentModel
from latentarium.models.gan import GAN
from latentarium.rng import derive_seed

_LOCK = threading.Lock()
"""torch's own generator, which initial weights are drawn from, is one for all threads."""


def build(config: ModelConfig, data: DataCard, seed: int = 0) -> LatentModel:
    """Builds the model with initial weights that are a function of the seed alone."""
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", seed))
        if isinstance(config, AutoencoderConfig):
            return Autoencoder(config, data)
        return GAN(config, data)
