"""Settings of the built-in objectives of VAEs."""

from dataclasses import dataclass
from typing import Annotated, Literal

from latentarium import registry
from latentarium.config.components import ObjectiveConfig
from latentarium.config.limits import Range


@dataclass(frozen=True, kw_only=True)
class ImportanceWeightedConfig(ObjectiveConfig):
    """The importance-weighted bound (Burda et al., 2016)."""

    kind: Literal["importance_weighted"] = "importance_weighted"
    samples: Annotated[int, Range(1, 1000)] = 5
    """Number of latents per image; 1 gives the ELBO."""


@dataclass(frozen=True, kw_only=True)
class FreeBitsConfig(ObjectiveConfig):
    """The ELBO with free bits (Kingma et al., 2016)."""

    kind: Literal["free_bits"] = "free_bits"
    nats: Annotated[float, Range(low=0)] = 0.25
    """KL divergence of a latent dimension that costs nothing, in nats."""


registry.register_settings("objective", "importance_weighted", ImportanceWeightedConfig)
registry.register_settings("objective", "free_bits", FreeBitsConfig)
