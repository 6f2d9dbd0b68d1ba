"""Settings of the built-in priors."""

from dataclasses import dataclass
from typing import Annotated, Literal

from latentarium import registry
from latentarium.config.components import MAX_DEPTH, MAX_WIDTH, PriorConfig
from latentarium.config.limits import Range


@dataclass(frozen=True, kw_only=True)
class MixturePriorConfig(PriorConfig):
    """A learned mixture of Gaussians with diagonal covariances."""

    kind: Literal["mixture"] = "mixture"
    components: Annotated[int, Range(1, MAX_WIDTH)] = 100
    """Number of Gaussians."""


@dataclass(frozen=True, kw_only=True)
class VampPriorConfig(PriorConfig):
    """The mixture of the posteriors of learned pseudo-inputs (Tomczak and Welling, 2018)."""

    kind: Literal["vampprior"] = "vampprior"
    pseudo_inputs: Annotated[int, Range(1, MAX_WIDTH)] = 500
    """Number of pseudo-inputs."""


@dataclass(frozen=True, kw_only=True)
class FlowPriorConfig(PriorConfig):
    """A normalizing flow."""

    kind: Literal["flow"] = "flow"
    transform: Literal["affine", "spline"] = "affine"
    """affine: scale and shift (Papamakarios et al., 2017); spline: monotonic rational splines
    (Durkan et al., 2019)."""
    transforms: Annotated[int, Range(1, MAX_DEPTH)] = 4
    """Number of transformations."""
    width: Annotated[int, Range(1, MAX_WIDTH)] = 128
    """Units of the two hidden layers of each transformation's network."""
    components: Annotated[int, Range(1, MAX_WIDTH)] = 1
    """Number of Gaussians of the base, a learned mixture; 1: the base is N(0, I)."""
    coupling: bool = False
    """Whether half of the dimensions are transformed given the other half, so that sampling is as
    fast as the density; otherwise each dimension is, given all before it."""


registry.register_settings("prior", "mixture", MixturePriorConfig)
registry.register_settings("prior", "vampprior", VampPriorConfig)
registry.register_settings("prior", "flow", FlowPriorConfig)
