"""From a configuration to a model."""

import torch

from latentarium.config import AutoencoderConfig, DataCard, ModelConfig
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.base import LatentModel
from latentarium.models.gan import GAN
from latentarium.random import derive_seed


def build(config: ModelConfig, data: DataCard, seed: int = 0) -> LatentModel:
    """Builds the model with initial weights that are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", seed))
        if isinstance(config, AutoencoderConfig):
            return Autoencoder(config, data)
        return GAN(config, data)
