"""Presets: named configurations with their measured score and time.

A preset is a function without arguments that returns a `Config`. A variant calls another preset
and replaces fields. Times are training times on two cores of an x86-64 server CPU with AVX-512.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from latentarium.config import (
    AutoencoderConfig,
    Config,
    GANConfig,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
)
from latentarium.errors import UserError, did_you_mean
from latentarium.registry import register, registered

_MLP = NetConfig(kind="mlp", width=512, depth=2)
_DEEP_MLP = NetConfig(kind="mlp", width=512, depth=3)
_CONDITIONAL: dict[str, Any] = {"conditional": True, "wrong_label_weight": 1.0}


def ae_mnist() -> Config:
    """Autoencoder with 16 latent dimensions: its test error is 0.29 times that of PCA with 16
    components; about 1 minute."""
    return Config(
        name="ae_mnist",
        model=AutoencoderConfig(posterior="point", encoder=_MLP, decoder=_MLP),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup_steps=100),
        train=TrainConfig(
            steps=9000,
            ema_halflife=20_000,
            checkpoint_every=2000,
            sample_every=2000,
            snapshots=14,
        ),
    )


def dae_mnist() -> Config:
    """Denoising autoencoder: noise is added to the encoder's input; about 1 minute."""
    return _vary(ae_mnist(), "dae_mnist", model={"noise_std": 0.5})


def vae_mnist() -> Config:
    """VAE with a standard normal prior and 16 latent dimensions; about 40 s."""
    return _vary(ae_mnist(), "vae_mnist", model={"posterior": "gaussian"}, train={"steps": 6000})


def vae_dynamic_mnist() -> Config:
    """VAE on dynamically binarized MNIST with 40 latent dimensions: test NLL 88.4 nats with 5,000
    importance samples, test ELBO -93.5 nats; about 4 minutes on one core."""
    return _vary(
        vae_mnist(),
        "vae_dynamic_mnist",
        model={"latent_dim": 40, "binarize": True},
        train={"data": "mnist-dynamic", "steps": 20_000},
    )


def vae_class_mnist() -> Config:
    """VAE whose prior has a Gaussian for each digit: 95 % of samples are classified as the
    requested digit; about 65 s."""
    return _vary(
        vae_mnist(),
        "vae_class_mnist",
        model={
            "prior": "class_gaussian",
            "beta": 3.0,
            "encoder": _DEEP_MLP,
            "decoder": _DEEP_MLP,
        },
        train={"steps": 8000},
    )


def cvae_mnist() -> Config:
    """Conditional VAE: encoder and decoder take the label; about 40 s."""
    return _vary(vae_mnist(), "cvae_mnist", model={"conditional": True})


def gan_mnist() -> Config:
    """Relativistic GAN with R1 and R2 penalties (Huang et al., 2025): each digit is 8 to 13 % of
    the samples; about 65 s."""
    return Config(
        name="gan_mnist",
        model=GANConfig(
            generator=NetConfig(width=16, depth=1, hidden=256),
            discriminator=NetConfig(width=16, depth=1, hidden=128),
            r1=0.3,
            r2=0.3,
        ),
        optimizer=OptimizerConfig(
            learning_rate=4e-3, beta1=0.0, beta2=0.99, warmup_steps=50, final_fraction=0.1
        ),
        train=TrainConfig(
            steps=2800,
            batch_size=64,
            ema_halflife=20_000,
            checkpoint_every=1000,
            sample_every=500,
            snapshots=14,
        ),
    )


def cgan_mnist() -> Config:
    """Conditional GAN whose discriminator also learns to refuse real images under a wrong label:
    99.8 % of samples are classified as the requested digit; about 65 s."""
    return _vary(gan_mnist(), "cgan_mnist", model=_CONDITIONAL)


def gan_images() -> Config:
    """Conditional GAN for labelled colour images of about 64 x 64 pixels, given by --data. On
    3,786 emoji in ten unbalanced categories, 80 % of samples (100 % of flags) are classified as
    requested; the classifier is right on 85 % of real emoji; about 9 minutes."""
    return _vary(
        cgan_mnist(),
        "gan_images",
        model={"r1": 1.0, "r2": 1.0},
        optimizer={"learning_rate": 2e-3},
        train={"steps": 4000},
    )


def gan_stacked_mnist() -> Config:
    """GAN on Stacked MNIST, where the channels of an image are three digits: all 1,000 modes in
    26,000 samples, reverse KL 0.058 nats (perfect model: 0.024), seed 0; 3 min 46 s."""
    return _vary(
        gan_mnist(),
        "gan_stacked_mnist",
        model={
            "generator": NetConfig(width=24, depth=1, hidden=384),
            "discriminator": NetConfig(width=24, depth=1, hidden=192),
        },
        train={"data": "stacked-mnist", "steps": 6000, "snapshots": 0},
    )


def gan_stacked_small() -> Config:
    """GAN on Stacked MNIST whose discriminator has a quarter of the generator's channels: 235 of
    1,000 modes, reverse KL 3.2 nats, seed 0; about 95 s."""
    return _vary(
        gan_stacked_mnist(),
        "gan_stacked_small",
        model={
            "latent_dim": 256,
            "generator": NetConfig(width=8, depth=1, hidden=256),
            "discriminator": NetConfig(width=2, depth=1),
        },
    )


def gan_grid() -> Config:
    """GAN on the grid of 25 Gaussians, seeds 0 to 4: 25 modes (24 with one seed), 83 to 95 % of
    samples within 3 sigma; about 55 s."""
    small = NetConfig(kind="mlp", width=64, depth=4)
    return Config(
        name="gan_grid",
        model=GANConfig(
            latent_dim=2,
            r1=0.003,
            r2=0.003,
            bounded=False,
            generator=small,
            discriminator=replace(small, fourier=1.0),
        ),
        optimizer=OptimizerConfig(learning_rate=8e-3, beta1=0.0, beta2=0.99, final_fraction=0.02),
        train=TrainConfig(
            data="grid",
            steps=9000,
            batch_size=512,
            ema_halflife=40_000,
            checkpoint_every=3000,
            sample_every=0,
            log_every=100,
        ),
    )


def gan_ring() -> Config:
    """GAN on the ring of 8 Gaussians, seeds 0 to 4: 8 modes, 86 to 93 % of samples within
    3 sigma; about 21 s."""
    return _vary(
        gan_grid(),
        "gan_ring",
        model={"r1": 0.015, "r2": 0.015},
        train={"data": "ring", "steps": 3500, "ema_halflife": 80_000},
    )


def vae_grid() -> Config:
    """VAE on the grid of 25 Gaussians, seeds 0 to 4: 15 to 21 modes, 3 to 7 % of samples
    within 3 sigma; about 5 s."""
    small = NetConfig(kind="mlp", width=128, depth=3)
    return Config(
        name="vae_grid",
        model=AutoencoderConfig(
            latent_dim=2, likelihood="gaussian", likelihood_std=0.02, encoder=small, decoder=small
        ),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup_steps=100),
        train=TrainConfig(
            data="grid",
            steps=2000,
            batch_size=256,
            ema_halflife=20_000,
            checkpoint_every=2000,
            sample_every=0,
            log_every=100,
        ),
    )


def vae_ring() -> Config:
    """VAE on the ring of 8 Gaussians, seeds 0 to 4: 7 or 8 modes, 4 to 20 % of samples
    within 3 sigma; about 5 s."""
    return _vary(vae_grid(), "vae_ring", train={"data": "ring"})


def ae_small() -> Config:
    """Autoencoder with two latent dimensions (0.4 MB), included in the package: its test error is
    0.58 times that of the mean image; about 1 minute."""
    trunk = NetConfig(width=8, depth=1, hidden=64)
    model = {"latent_dim": 2, "encoder": trunk, "decoder": trunk}
    return _vary(ae_mnist(), "ae_small", model=model, train={"snapshots": 0})


def vae_small() -> Config:
    """VAE with two latent dimensions (0.4 MB), included in the package: test ELBO -148 nats; about
    70 s."""
    return _vary(ae_small(), "vae_small", model={"posterior": "gaussian"})


def gan_small() -> Config:
    """Small GAN (0.4 MB), included in the package: each digit is 8 to 13 % of the samples;
    about 45 s."""
    model = {
        "latent_dim": 32,
        "generator": NetConfig(width=8, depth=1, hidden=64),
        "discriminator": NetConfig(width=8, depth=1, hidden=48),
    }
    return _vary(gan_mnist(), "gan_small", model=model, train={"snapshots": 0})


def cgan_small() -> Config:
    """Small conditional GAN (0.4 MB), included in the package: 99.5 % of samples are
    classified as the requested digit; about 45 s."""
    return _vary(gan_small(), "cgan_small", model=_CONDITIONAL)


def ae_debug() -> Config:
    """Tiny autoencoder for tests; a few seconds."""
    return _debug(ae_mnist(), "ae_debug")


def vae_debug() -> Config:
    """Tiny VAE for tests; a few seconds."""
    return _debug(vae_mnist(), "vae_debug")


def vae_class_debug() -> Config:
    """Tiny VAE with a Gaussian for each class, for tests; a few seconds."""
    return _debug(vae_class_mnist(), "vae_class_debug")


def gan_debug() -> Config:
    """Tiny GAN for tests; a few seconds."""
    return _debug(gan_mnist(), "gan_debug")


def cgan_debug() -> Config:
    """Tiny conditional GAN for tests; a few seconds."""
    return _debug(cgan_mnist(), "cgan_debug")


def _debug(config: Config, name: str) -> Config:
    small = NetConfig(width=4, depth=1, hidden=16)
    model: dict[str, Any] = {"latent_dim": 8 if config.model.adversarial else 4}
    model |= dict.fromkeys(config.model.trunks, small)
    train = {
        "steps": 40,
        "batch_size": 16,
        "log_every": 10,
        "sample_every": 20,
        "checkpoint_every": 10,
        "ema_halflife": 100,
        "snapshots": 3,
    }
    return _vary(config, name, model=model, train=train)


def _vary(config: Config, name: str, **fields: dict[str, Any]) -> Config:
    """Return a copy with a new name and new fields in `model`, `optimizer` or `train`."""
    parts = {part: replace(getattr(config, part), **new) for part, new in fields.items()}
    return replace(config, name=name, **parts)


def get(name: str) -> Config:
    """Return the configuration of a preset.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    presets = all_presets()
    if name not in presets:
        raise UserError(
            f"No preset named '{name}'.{did_you_mean(name, presets)}", code="unknown-preset"
        )
    return presets[name]()


def all_presets() -> dict[str, Callable[[], Config]]:
    """Return all presets by name: the built-in ones, then those of imported files."""
    return {name: entry.component for name, entry in registered("preset").items()}


for _preset in (
    ae_mnist,
    ae_small,
    vae_small,
    gan_small,
    cgan_small,
    dae_mnist,
    vae_mnist,
    vae_dynamic_mnist,
    vae_class_mnist,
    cvae_mnist,
    gan_mnist,
    cgan_mnist,
    gan_images,
    gan_stacked_mnist,
    gan_stacked_small,
    gan_grid,
    gan_ring,
    vae_grid,
    vae_ring,
    ae_debug,
    vae_debug,
    vae_class_debug,
    gan_debug,
    cgan_debug,
):
    register("preset", _preset.__name__)(_preset)
