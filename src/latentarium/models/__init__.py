"""Latent-variable models: their interface, the game that trains them, and the built-in families.

To add a family, register a subclass of `LatentModel` with `@register("family", name,
settings=...)`. The class of its settings must derive from `ModelConfig`.
"""

from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.models.game import Loss, Player

__all__ = ["LatentModel", "Loss", "Player", "build"]
