"""Mixtures of diagonal Gaussians, and the priors that are such mixtures.

    mixture      sum over components of w_k N(m_k, diag(v_k)), all of them learned
    vampprior    the average posterior of learned pseudo-inputs, 1/K sum of q(z | u_k)

References:
    VAE with a VampPrior (Tomczak and Welling, 2018), https://arxiv.org/abs/1705.07120
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from latentarium.config import MixturePriorConfig, VampPriorConfig
from latentarium.distributions.base import Distribution
from latentarium.distributions.gaussian import LOG_2PI, DiagonalGaussian
from latentarium.distributions.priors import Prior, PriorContext
from latentarium.errors import UserError
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import (
    ClassWeights,
    Labels,
    Latents,
    LatentsPerImage,
    PerImageLatent,
    PerSample,
    SoftLabels,
)

PSEUDO_INPUT_STD = 0.3
"""Scale of the initial brightness of pseudo-inputs, in units of x in [-1, 1]; black is -1."""
MAX_FLOAT32_TERM = 1e4
"""Largest |m|^2 / v of a component for which densities are computed in float32, with errors of
about 0.001 nats; narrower components need float64."""
NEGLIGIBLE = 60.0
"""A term that is smaller than the largest by this factor, in nats, does not change their sum, even
in float64."""


def log_sum_exp(scores: Tensor) -> Tensor:
    """Return the log of the sum of exponentials over the last axis.

    The result is that of torch.logsumexp. Terms that are too small to change it are raised first,
    since exponentials near or below the smallest normal number take 20 times as long.
    """
    floor = scores.detach().amax(-1, keepdim=True) - NEGLIGIBLE
    return scores.clamp_min(floor).logsumexp(-1)


class DiagonalMixture(Distribution):
    """The same mixture of diagonal Gaussians for each of n samples.

    Arguments:
        log_weights: Logarithms of the weights (K,), up to a constant.
        components: The K Gaussians.
        n: The number of samples.
    """

    def __init__(self, log_weights: ClassWeights, components: DiagonalGaussian, n: int) -> None:
        self.log_weights: Tensor = log_weights.log_softmax(0)
        self.components = components
        self.mean: Latents = (self.log_weights.exp() @ components.mean).expand(n, -1)

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw one latent for each sample; a scale multiplies the deviation from the component's
        mean. Which component is drawn is not differentiable."""
        n = len(self.mean)
        position = noise.uniform(n, 1)[:, 0].to(self.log_weights.dtype)
        ends = self.log_weights.detach().exp().cumsum(0)
        chosen = torch.searchsorted(ends, position * ends[-1]).clamp_max(len(ends) - 1)
        drawn = DiagonalGaussian(
            self.components.mean[chosen], self.components.log_variance[chosen]
        )
        return drawn.sample(noise, scale)

    def whiten(self, z: Latents) -> Tensor:
        """Map latents by the Gaussian with the mixture's mean and variances."""
        return self._gaussian().whiten(z)

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        return self._gaussian().unwhiten(eps, scale)

    def _gaussian(self) -> DiagonalGaussian:
        weights = self.log_weights.exp()
        spread = (self.components.mean - self.mean[:1]).square()
        variance = weights @ (self.components.log_variance.exp() + spread)
        return DiagonalGaussian(self.mean, variance.log().expand_as(self.mean))

    def log_prob(self, z: Latents) -> PerSample:
        # |z - m|^2 / v as matrix products; relative to the mean, since they cancel
        dtype = torch.float64 if self._is_narrow() else z.dtype
        log_variance, centre = self.components.log_variance.to(dtype), self.mean[:1].detach()
        rows, mean = (t.to(dtype) - centre for t in (z, self.components.mean))
        precision = (-log_variance).exp()
        squared = rows.square() @ precision.T - 2 * rows @ (mean * precision).T
        constant = (mean.square() * precision + log_variance + LOG_2PI).sum(1)
        return log_sum_exp(self.log_weights - 0.5 * (squared + constant)).to(z.dtype)

    @torch.no_grad()
    def _is_narrow(self) -> bool:
        """Return whether densities in float32 would have large errors."""
        whitened = self.components.whiten(self.mean[:1])
        return bool(whitened.square().sum(1).max() > MAX_FLOAT32_TERM)

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        return self.log_prob(z.flatten(0, 1)).unflatten(0, z.shape[:2])


@register("prior", "mixture", settings=MixturePriorConfig)
class LearnedMixture(Prior):
    """A mixture of Gaussians whose weights, means and variances are learned.

    Arguments:
        latent_dim: Number of dimensions.
        num_classes: Not used.
        settings: The number of components.
    """

    def __init__(
        self, latent_dim: int, num_classes: int = 0, *, settings: MixturePriorConfig
    ) -> None:
        super().__init__()
        del num_classes
        shape = (settings.components, latent_dim)
        self.log_weights: nn.Parameter = nn.Parameter(torch.zeros(settings.components))
        self.mean: nn.Parameter = nn.Parameter(torch.randn(shape))
        self.log_variance: nn.Parameter = nn.Parameter(torch.zeros(shape))

    def forward(self, y: Labels | SoftLabels | None, n: int) -> DiagonalMixture:
        return DiagonalMixture(self.log_weights, DiagonalGaussian(self.mean, self.log_variance), n)


@register("prior", "vampprior", settings=VampPriorConfig)
class VampPrior(Prior):
    """The mixture of the posteriors of learned pseudo-inputs.

    The encoder defines the components, so the prior follows the posteriors while they change.

    Arguments:
        context: The model.
        settings: The number of pseudo-inputs.
    """

    def __init__(self, context: PriorContext, settings: VampPriorConfig) -> None:
        super().__init__()
        self._encode = context.encode
        shape = (settings.pseudo_inputs, *context.image_shape)
        self.pseudo_inputs: nn.Parameter = nn.Parameter(torch.empty(shape))
        self._initialize()
        self.log_weights: nn.Parameter = nn.Parameter(torch.zeros(settings.pseudo_inputs))

    @torch.no_grad()
    def _initialize(self) -> None:
        """Set the pseudo-inputs to dark noise."""
        if not self.pseudo_inputs.is_meta:  # arithmetic there imports torch's compiler, in 2 s
            self.pseudo_inputs.normal_().abs_().mul_(PSEUDO_INPUT_STD).sub_(1)

    @classmethod
    def build(cls, context: PriorContext, settings: VampPriorConfig) -> "VampPrior":
        return cls(context, settings)

    def forward(self, y: Labels | SoftLabels | None, n: int) -> DiagonalMixture:
        posterior = self._encode(hardtanh(self.pseudo_inputs))
        if not isinstance(posterior, DiagonalGaussian):
            raise UserError(
                "A VampPrior needs posteriors that are Gaussians: choose another prior.",
                code="invalid-setting",
            )
        return DiagonalMixture(self.log_weights, posterior, n)
