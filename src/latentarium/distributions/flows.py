"""A normalizing flow as a prior, from the library zuko."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from latentarium.config import FlowPriorConfig
from latentarium.distributions.base import Distribution
from latentarium.distributions.priors import Prior
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Labels, Latents, LatentSet, PerSample, SoftLabels

SMALLEST_SCALE = 1e-6
"""Dimensions in which latents vary less are not enlarged any further."""

if TYPE_CHECKING:
    from zuko.distributions import NormalizingFlow


class FlowDistribution(Distribution):
    """The same normalizing flow for each of n samples: z = shift + scale f(eps), eps ~ N(0, I).

    Arguments:
        flow: The flow, as zuko's distribution; its transform is the inverse of f.
        shift: The shift (Z,).
        scale: The scale of each dimension (Z,).
        n: The number of samples.
    """

    def __init__(self, flow: "NormalizingFlow", shift: Tensor, scale: Tensor, n: int) -> None:
        self._flow = flow
        self._shift, self._scale = shift, scale
        self._zero = shift.new_zeros(n, len(shift))

    @property
    def mean(self) -> Latents:  # pyright: ignore[reportIncompatibleVariableOverride]
        """f(0), the latent of the base's mean; the flow's own mean has no closed form."""
        return self.unwhiten(self._zero)

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw one latent for each sample; a scale multiplies eps."""
        return self.unwhiten(noise.normal(*self._zero.shape).to(self._zero.dtype), scale)

    def log_prob(self, z: Latents) -> PerSample:
        return self._flow.log_prob((z - self._shift) / self._scale) - self._scale.log().sum()

    def whiten(self, z: Latents) -> Tensor:
        return self._flow.transform((z - self._shift) / self._scale)

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        return self._shift + self._scale * self._flow.transform.inv(scale * eps)


@register("prior", "flow", settings=FlowPriorConfig)
class FlowPrior(Prior):
    """A normalizing flow.

    References:
        Neural spline flows (Durkan et al., 2019), https://arxiv.org/abs/1906.04032
        Masked autoregressive flow (Papamakarios et al., 2017), https://arxiv.org/abs/1705.07057

    Arguments:
        latent_dim: Number of dimensions.
        num_classes: Not used.
        settings: The settings of the flow.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, latent_dim: int, num_classes: int = 0, *, settings: FlowPriorConfig
    ) -> None:
        from zuko.flows import MAF, NSF

        super().__init__()
        del num_classes
        options: dict[str, Any] = {
            "transforms": settings.transforms,
            "hidden_features": (settings.width, settings.width),
        }
        if settings.coupling:
            options["passes"] = 2
        kind = MAF if settings.transform == "affine" else NSF
        device = torch.get_default_device()
        with torch.device("cpu"):  # zuko can't build a flow on torch's meta device
            flow = kind(latent_dim, **options)
        self.flow: nn.Module = flow.to(device)
        self.register_buffer("shift", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))

    def forward(self, y: Labels | SoftLabels | None, n: int) -> FlowDistribution:
        return FlowDistribution(self.flow(), self.shift, self.scale, n)

    def standardize(self, z: LatentSet) -> None:
        """Set shift and scale to the mean and the standard deviation of latents, before the flow
        is fitted to them."""
        self.shift.copy_(z.mean(0))
        self.scale.copy_(z.std(0).clamp_min(SMALLEST_SCALE))
