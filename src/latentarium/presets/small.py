"""Presets of the small models that are included in the package."""

from collections.abc import Callable

from latentarium.config import Config, NetConfig
from latentarium.presets.mnist import CONDITIONAL, ae_mnist, gan_mnist
from latentarium.presets.variants import vary


def ae_small() -> Config:
    """Autoencoder with two latent dimensions (0.4 MB), included in the package: its test
    images have a squared error of 0.0392 per pixel; about 1 minute."""
    trunk = NetConfig(width=8, depth=1, hidden=64)
    model = {
        "latent_dim": 2, "encoder_range": "signed", "encoder": trunk, "decoder": trunk,
    }  # fmt: skip
    return vary(
        ae_mnist(),
        "ae_small",
        model=model,
        optimizer={"learning_rate": 2e-3},
        train={
            "steps": 9000,
            "checkpoint_every": 2000,
            "sample_every": 2000,
            "snapshots": 0,
        },
    )


def vae_small() -> Config:
    """VAE with two latent dimensions (0.4 MB), included in the package: test ELBO -148.4 nats;
    about 70 s."""
    return vary(ae_small(), "vae_small", model={"posterior": "gaussian"})


def gan_small() -> Config:
    """Small GAN (0.4 MB), included in the package: each digit is 8 to 13 % of the
    samples; about 45 s."""
    model = {
        "latent_dim": 32,
        "generator": NetConfig(width=8, depth=1, hidden=64),
        "discriminator": NetConfig(width=8, depth=1, hidden=48),
        "penalty_every": 1,
    }
    return vary(gan_mnist(), "gan_small", model=model, train={"snapshots": 0})


def cgan_small() -> Config:
    """Small conditional GAN (0.4 MB), included in the package: 99.61 % of samples are
    classified as the requested digit; about 45 s."""
    return vary(gan_small(), "cgan_small", model=CONDITIONAL)


PRESETS: tuple[Callable[[], Config], ...] = (
    ae_small,
    vae_small,
    gan_small,
    cgan_small,
)
