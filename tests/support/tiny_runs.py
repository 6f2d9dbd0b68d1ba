"""Runs of all kinds of models, trained for two steps on one source."""

from pathlib import Path

from latentarium import presets
from latentarium.presets.variants import vary
from latentarium.training import train

CONFIGS = {
    "vae": presets.vae_debug(),
    "cvae": vary(presets.vae_debug(), "cvae", model={"conditional": True}),
    "gan": presets.gan_debug(),
    "cgan": presets.cgan_debug(),
}


def train_tiny_runs(place: Path, source: Path) -> None:
    """Train a VAE, a conditional VAE, a GAN and a conditional GAN in folders of these names."""
    for name, config in CONFIGS.items():
        train(vary(config, name, train={"data": str(source), "steps": 2}), place / name)
