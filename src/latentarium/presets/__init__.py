"""Presets: named configurations with their measured score and time.

A preset is a function without arguments that returns a `Config`; there is a module for each kind
of data. A variant calls another preset and replaces fields. Times are training times on two cores
of an Intel Xeon with AVX-512; two cores of an AMD EPYC take longer. `suggest` returns the presets
that fit a data set.
"""

from collections.abc import Callable

from latentarium.config import Config
from latentarium.errors import UserError, did_you_mean
from latentarium.presets import debug, images, mnist, plane, small, stacked_mnist
from latentarium.presets.debug import ae_debug, cgan_debug, gan_debug, vae_class_debug, vae_debug
from latentarium.presets.images import (
    ae_images,
    cgan_images,
    cvae_images,
    gan_images,
    vae_images,
    vae_logistic_images,
)
from latentarium.presets.mnist import (
    ae_mnist,
    cgan_mnist,
    cvae_mnist,
    dae_mnist,
    gan_mnist,
    hvae_dynamic_mnist,
    iwae_dynamic_mnist,
    vae_class_mnist,
    vae_dynamic_mnist,
    vae_flow_mnist,
    vae_mnist,
    vae_vamp_dynamic_mnist,
)
from latentarium.presets.plane import gan_grid, gan_grid_wide, gan_ring, vae_grid, vae_ring
from latentarium.presets.small import ae_small, cgan_small, gan_small, vae_small
from latentarium.presets.stacked_mnist import gan_stacked_mnist, gan_stacked_small
from latentarium.presets.suggestions import Suggestion, suggest
from latentarium.registry import register, registered
from latentarium.texts import Text

__all__ = [
    "Suggestion",
    "ae_debug",
    "ae_images",
    "ae_mnist",
    "ae_small",
    "all_presets",
    "cgan_debug",
    "cgan_images",
    "cgan_mnist",
    "cgan_small",
    "cvae_images",
    "cvae_mnist",
    "dae_mnist",
    "gan_debug",
    "gan_grid",
    "gan_grid_wide",
    "gan_images",
    "gan_mnist",
    "gan_ring",
    "gan_small",
    "gan_stacked_mnist",
    "gan_stacked_small",
    "get",
    "hvae_dynamic_mnist",
    "iwae_dynamic_mnist",
    "suggest",
    "vae_class_debug",
    "vae_class_mnist",
    "vae_debug",
    "vae_dynamic_mnist",
    "vae_flow_mnist",
    "vae_grid",
    "vae_images",
    "vae_logistic_images",
    "vae_mnist",
    "vae_ring",
    "vae_small",
    "vae_vamp_dynamic_mnist",
]


def get(name: str) -> Config:
    """Return the configuration of a preset.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    presets = all_presets()
    if name not in presets:
        raise UserError(
            Text("No preset named '{name}'.{hint}", name=name, hint=did_you_mean(name, presets)),
            code="unknown-preset",
        )
    return presets[name]()


def all_presets() -> dict[str, Callable[[], Config]]:
    """Return all presets by name: the built-in ones, then those of imported files."""
    return {name: entry.component for name, entry in registered("preset").items()}


for _module in (mnist, images, stacked_mnist, plane, small, debug):
    for _preset in _module.PRESETS:
        register("preset", _preset.__name__)(_preset)
