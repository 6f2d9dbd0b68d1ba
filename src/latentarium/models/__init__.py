"""Latent-variable models: what they can do, the game that trains them, and the built-in families.

A custom family is a `LatentModel` under `@register("family", name, settings=...)`, whose
settings derive from `ModelConfig`.
"""

from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.models.game import Loss, Player

__all__ = ["LatentModel", "Loss", "Player", "build"]
