"""Tiny presets for tests and first tries."""

from collections.abc import Callable

from latentarium.config import Config
from latentarium.presets.mnist import ae_mnist, cgan_mnist, gan_mnist, vae_class_mnist, vae_mnist
from latentarium.presets.variants import shrink


def ae_debug() -> Config:
    """Tiny autoencoder for tests; a few seconds."""
    return shrink(ae_mnist(), "ae_debug")


def vae_debug() -> Config:
    """Tiny VAE for tests; a few seconds."""
    return shrink(vae_mnist(), "vae_debug")


def vae_class_debug() -> Config:
    """Tiny VAE with a Gaussian for each class, for tests; a few seconds."""
    return shrink(vae_class_mnist(), "vae_class_debug")


def gan_debug() -> Config:
    """Tiny GAN for tests; a few seconds."""
    return shrink(gan_mnist(), "gan_debug")


def cgan_debug() -> Config:
    """Tiny conditional GAN for tests; a few seconds."""
    return shrink(cgan_mnist(), "cgan_debug")


PRESETS: tuple[Callable[[], Config], ...] = (
    ae_debug,
    vae_debug,
    vae_class_debug,
    gan_debug,
    cgan_debug,
)
