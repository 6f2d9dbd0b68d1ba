"""Runs that fail in known ways, and healthy ones; each trains in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import latentarium as la
from latentarium import presets
from latentarium.config import AutoencoderConfig, Config, GANConfig, NetConfig
from latentarium.data.dataset import Data, to_float
from latentarium.models.gan import GAN
from latentarium.run import Run
from latentarium.training import train
from support.tiny import tiny_arrays

LARGE = NetConfig(width=32, depth=2, hidden=64)
MLP = NetConfig(kind="mlp", width=128, depth=2)


def config(preset: str, steps: int, rate: float | None = None, rows: int = 20, **model) -> Config:
    """Return a debug preset with changes.

    Arguments:
        preset: Its name.
        steps: Training steps.
        rate: Learning rate; None: that of the preset.
        rows: Rows of the log.
        model: Settings of the model.
    """
    base = presets.get(preset)
    every = max(1, steps // rows)
    settings = replace(
        base.train,
        steps=steps,
        log_every=every,
        sample_every=0,
        snapshots=0,
        checkpoint_every=steps,
    )
    optimizer = base.optimizer
    if rate is not None:
        optimizer = replace(optimizer, learning_rate=rate)
    assert isinstance(base.model, AutoencoderConfig | GANConfig)
    return replace(base, train=settings, optimizer=optimizer, model=replace(base.model, **model))


def images(n: int = 200, labelled: bool = True) -> Data:
    """Return n tiny images, whose labels are visible."""
    pixels, labels = tiny_arrays(n=n)
    return la.load_data(pixels, labels if labelled else None)


def noise_images(n: int) -> Data:
    """Return images of noise: what is learned of one does not help with another."""
    noise = np.random.default_rng(0).integers(0, 256, size=(n, 1, 12, 10), dtype=np.uint8)
    return la.load_data(noise)


FAILING: dict[str, tuple[Config, int]] = {
    "posterior collapse": (config("vae_debug", 100, beta=50.0), 200),
    "divergence": (config("vae_debug", 400, 0.3, rows=100), 200),
    "mode collapse": (config("gan_debug", 400, r1=0.001, r2=0.001), 600),
    "overfit": (
        config("ae_debug", 300, latent_dim=16, encoder=MLP, decoder=MLP),
        40,
    ),
    "discriminator has won": (
        config("gan_debug", 120, rows=12, r1=0.0, r2=0.0, discriminator=LARGE),
        200,
    ),
    "vanishing generator gradient": (config("gan_debug", 120, 0.1, r1=100.0, r2=100.0), 200),
    "exploding penalty": (
        config("gan_debug", 50, 0.3, rows=10, r1=0.1, r2=0.1, discriminator=LARGE),
        200,
    ),
}
"""Configuration and number of images of a run with each issue, and with no other."""


def data_for(issue: str) -> Data:
    """Return the images that the failing run trains on."""
    _, count = FAILING[issue]
    return noise_images(count) if issue == "overfit" else images(count)


HEALTHY = {
    "ae": config("ae_debug", 400),
    "vae": config("vae_debug", 400),
    "vae_class": config("vae_class_debug", 400),
    "gan": config("gan_debug", 600),
    "cgan": config("cgan_debug", 200),
}


def train_run(folder: Path, settings: Config, data: Data) -> Run:
    """Train a run."""
    return train(settings, folder, data)


class Replay(GAN):
    """A GAN whose generator returns training images with a little noise.

    Arguments:
        settings: Its configuration.
        data: The images that it was trained on.
        count: Number of training images that it returns.
    """

    def __init__(self, settings: GANConfig, data: Data, count: int) -> None:
        super().__init__(settings, data.card)
        self.known = to_float(data.train.images[:count])

    def decode(self, z, y=None):
        index = (1e6 * z[:, 0].double().abs()).long() % len(self.known)
        return self.known[index] + 0.02 * z[:, 1].view(-1, 1, 1, 1)


def only_classes(data: Data, classes: set[int]) -> Data:
    """Return the same data with only some classes in the training split."""
    assert data.train.labels is not None
    keep = torch.from_numpy(np.isin(data.train.labels.numpy(), list(classes)))
    split = replace(data.train, images=data.train.images[keep], labels=data.train.labels[keep])
    return replace(data, train=split)
