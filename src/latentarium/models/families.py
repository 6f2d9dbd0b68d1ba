"""Import the built-in model families, which registers them."""

from latentarium.models.autoencoder import Autoencoder
from latentarium.models.gan import GAN

__all__ = ["GAN", "Autoencoder"]
