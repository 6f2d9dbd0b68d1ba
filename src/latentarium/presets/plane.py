"""Presets for points in the plane, from mixtures of Gaussians.

The ranges are those over seeds. Durations are those of one thread of an AMD EPYC, while another
training ran on the second core; that of vae_grid was measured with two threads of an Intel Xeon.
"""

from collections.abc import Callable
from dataclasses import replace

from latentarium.config import (
    AutoencoderConfig,
    Config,
    GANConfig,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
)
from latentarium.presets.variants import vary


def gan_grid() -> Config:
    """GAN on the grid of 25 Gaussians, seeds 0 to 9: 25 modes, 93 to 99 % of samples within
    3 sigma; 1 min 40 s."""
    small = NetConfig(kind="mlp", width=64, depth=4)
    return Config(
        name="gan_grid",
        model=GANConfig(
            latent_dim=2,
            r1=0.003,
            r2=0.003,
            penalty_every=4,
            bounded=False,
            generator=replace(small, depth=8),
            discriminator=replace(small, fourier=1.0),
        ),
        optimizer=OptimizerConfig(learning_rate=4e-3, beta1=0.0, beta2=0.99, final_fraction=0.02),
        train=TrainConfig(
            data="grid",
            steps=12_000,
            batch_size=512,
            ema_halflife=40_000,
            checkpoint_every=3000,
            sample_every=0,
            log_every=100,
        ),
    )


def gan_ring() -> Config:
    """GAN on the ring of 8 Gaussians, seeds 0 to 9: 8 modes, 96.3 to 98.1 % of samples within
    3 sigma."""
    return vary(
        gan_grid(),
        "gan_ring",
        model={"r1": 0.015, "r2": 0.015},
        train={"data": "ring", "steps": 6000, "ema_halflife": 80_000},
    )


def gan_grid_wide() -> Config:
    """GAN on the wide grid of 25 Gaussians."""
    return vary(gan_grid(), "gan_grid_wide", train={"data": "grid-wide"})


def vae_grid() -> Config:
    """VAE on the grid of 25 Gaussians, seeds 0 to 9: 12 to 24 modes, 3 to 10 % of samples
    within 3 sigma; 4 s."""
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
    """VAE on the ring of 8 Gaussians, seeds 0 to 9: 7 to 8 modes, 3 to 30 % of samples
    within 3 sigma; 6 s."""
    return vary(vae_grid(), "vae_ring", train={"data": "ring"})


PRESETS: tuple[Callable[[], Config], ...] = (
    gan_grid,
    gan_ring,
    gan_grid_wide,
    vae_grid,
    vae_ring,
)
