"""Presets for the images of the user: colour or grey, of 16 to 128 pixels a side.

All trunks are convolutional, so the same settings fit every image size. Their scores are those of
3,786 emoji of 64 x 64 pixels in ten unbalanced categories, in splits of 3,030, 378 and 378 images.
"""

from collections.abc import Callable
from dataclasses import replace

from latentarium.config import AutoencoderConfig, Config, NetConfig, OptimizerConfig, TrainConfig
from latentarium.presets.mnist import CONDITIONAL, gan_mnist
from latentarium.presets.variants import vary

_ENCODER = NetConfig(width=16, depth=1, hidden=256)
_DECODER = replace(_ENCODER, upsampling="bilinear")


def ae_images() -> Config:
    """Autoencoder for images of 16 to 128 pixels a side, given by --data."""
    return Config(
        name="ae_images",
        model=AutoencoderConfig(
            latent_dim=64, posterior="point", encoder=_ENCODER, decoder=_DECODER
        ),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup_steps=100),
        train=TrainConfig(
            steps=3000,
            batch_size=64,
            ema_halflife=20_000,
            checkpoint_every=1000,
            sample_every=500,
            snapshots=14,
        ),
    )


def vae_images() -> Config:
    """VAE for images of 16 to 128 pixels a side, given by --data: on 64 x 64 emoji, test
    PSNR 20.0 dB and test ELBO -3,758 nats; about 4 and a half minutes."""
    return vary(ae_images(), "vae_images", model={"posterior": "gaussian", "beta": 4.0})


def vae_logistic_images() -> Config:
    """VAE for images of 16 to 128 pixels a side, given by --data, whose likelihood is a
    probability of their 8-bit values, in bits per dimension."""
    return vary(
        ae_images(),
        "vae_logistic_images",
        model={"posterior": "gaussian", "likelihood": "discretized_logistic"},
    )


def cvae_images() -> Config:
    """Conditional VAE for labelled images of 16 to 128 pixels a side, given by --data."""
    return vary(vae_images(), "cvae_images", model={"conditional": True})


def gan_images() -> Config:
    """GAN for images of 16 to 128 pixels a side, given by --data."""
    return vary(
        gan_mnist(),
        "gan_images",
        model={"generator": _DECODER, "r1": 1.0, "r2": 1.0, "penalty_every": 1},
        optimizer={"learning_rate": 2e-3},
        train={"steps": 2500},
    )


def cgan_images() -> Config:
    """Conditional GAN for labelled images of 16 to 128 pixels a side, given by --data: on 64 x 64
    emoji, GAN-test 80 %; about 11 minutes."""
    return vary(gan_images(), "cgan_images", model=CONDITIONAL)


PRESETS: tuple[Callable[[], Config], ...] = (
    ae_images,
    vae_images,
    vae_logistic_images,
    cvae_images,
    gan_images,
    cgan_images,
)
