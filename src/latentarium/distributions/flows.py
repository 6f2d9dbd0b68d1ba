"""A normalizing flow as a prior, from the library zuko."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from latentarium.config import FlowPriorConfig, MixturePriorConfig
from latentarium.distributions.autoregressive import invert_autoregressive
from latentarium.distributions.base import Distribution
from latentarium.distributions.gaussian import DiagonalGaussian
from latentarium.distributions.mixtures import DiagonalMixture, LearnedMixture
from latentarium.distributions.priors import Prior, StandardNormal
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import (
    Labels,
    Latents,
    LatentSet,
    LatentsPerImage,
    PerImageLatent,
    PerSample,
    SoftLabels,
)

SMALLEST_SCALE = 1e-6
"""Dimensions in which latents vary less are not enlarged any further."""

if TYPE_CHECKING:
    from zuko.transforms import ComposedTransform


class FlowDistribution(Distribution):
    """The same normalizing flow for each of n samples: z = shift + scale f(u).

    Arguments:
        transform: zuko's transform, the inverse of f.
        invert: The same f as the transform's own inverse, but faster and without gradients.
        base: The distribution of u.
        shift: The shift (Z,).
        scale: The scale of each dimension (Z,).
    """

    def __init__(
        self,
        transform: "ComposedTransform",
        invert: Callable[[Tensor], Tensor],
        base: DiagonalGaussian | DiagonalMixture,
        shift: Tensor,
        scale: Tensor,
    ) -> None:
        self._transform, self._invert, self._base = transform, invert, base
        self._shift, self._scale = shift, scale

    @property
    def mean(self) -> Latents:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The latent of the base's mean; the flow's own mean has no closed form."""
        return self._from_base(self._base.mean)

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw one latent for each sample; a scale applies to the base."""
        return self._from_base(self._base.sample(noise, scale))

    def log_prob(self, z: Latents) -> PerSample:
        return self.log_probs(z[:, None])[:, 0]

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        u, log_det = self._transform.call_and_ladj((z - self._shift) / self._scale)
        return self._base.log_probs(u) + log_det - self._scale.log().sum()

    def whiten(self, z: Latents) -> Tensor:
        u = cast(Tensor, self._transform((z - self._shift) / self._scale))
        return self._base.whiten(u)

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        return self._from_base(self._base.unwhiten(eps, scale))

    def _from_base(self, u: Tensor) -> Latents:
        # with gradients, all passes of zuko's own inverse are needed
        invert = self._transform.inv if torch.is_grad_enabled() else self._invert
        return self._shift + self._scale * cast(Tensor, invert(u))


@register("prior", "flow", settings=FlowPriorConfig)
class FlowPrior(Prior):
    """A normalizing flow, whose base is N(0, I) or a learned mixture of Gaussians.

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
        self.transform: nn.Module = flow.transform.to(device)
        self.base: Prior = (
            StandardNormal(latent_dim)
            if settings.components == 1
            else LearnedMixture(
                latent_dim, settings=MixturePriorConfig(components=settings.components)
            )
        )
        self.register_buffer("shift", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))

    def forward(self, y: Labels | SoftLabels | None, n: int) -> FlowDistribution:
        base = cast(DiagonalGaussian | DiagonalMixture, self.base(None, n))
        invert = partial(invert_autoregressive, self.transform)
        return FlowDistribution(self.transform(), invert, base, self.shift, self.scale)

    def standardize(self, z: LatentSet) -> None:
        """Set shift and scale to the mean and the standard deviation of latents, before the flow
        is fitted to them."""
        self.shift.copy_(z.mean(0))
        self.scale.copy_(z.std(0).clamp_min(SMALLEST_SCALE))
