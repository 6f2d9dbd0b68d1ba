"""Gaussians with diagonal covariance: the posterior of a VAE, and the simplest priors."""

import math
from dataclasses import dataclass

from torch import Tensor

from latentarium.distributions.base import Distribution
from latentarium.rng import Noise
from latentarium.shapes import Latents, LatentsPerImage, PerImageLatent, PerSample

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class DiagonalGaussian(Distribution):
    """N(mean, diag(exp(log_variance))), one for each sample.

    Arguments:
        mean: The means.
        log_variance: The logarithms of the variances.
    """

    mean: Latents
    log_variance: Latents

    @property
    def std(self) -> Latents:
        """The standard deviations."""
        return (0.5 * self.log_variance).exp()

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw mean + scale * std * eps with eps ~ N(0, I): the reparameterization of Kingma and
        Welling (2014), https://arxiv.org/abs/1312.6114."""
        return self.unwhiten(noise.normal(*self.mean.shape), scale)

    def log_prob(self, z: Latents) -> PerSample:
        return self.log_probs(z[:, None])[:, 0]

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        mean, log_variance = self.mean[:, None], self.log_variance[:, None]
        squared = (z - mean).square() * (-log_variance).exp()
        return -0.5 * (squared + log_variance + LOG_2PI).sum(2)

    def sample_several(self, noise: Noise, count: int) -> tuple[LatentsPerImage, PerImageLatent]:
        n, size = self.mean.shape
        std = self.std[:, None]
        z = self.mean[:, None] + std * noise.normal(n, count, size).to(std)
        return z, self.log_probs(z)

    def kl(self, other: Distribution, z: Latents | None = None) -> PerSample:
        """Return KL(self || other), in nats, in closed form if both are Gaussians."""
        if not isinstance(other, DiagonalGaussian):
            return super().kl(other, z)
        return 0.5 * self._twice_kl(other).sum(1)

    def kl_by_dimension(self, other: Distribution, z: Latents | None = None) -> Latents:
        """Return the KL divergence of each dimension if both are Gaussians."""
        if not isinstance(other, DiagonalGaussian):
            return super().kl_by_dimension(other, z)
        return 0.5 * self._twice_kl(other)

    def _twice_kl(self, other: "DiagonalGaussian") -> Latents:
        ratio = self.log_variance - other.log_variance
        shift = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return ratio.exp() + shift - 1 - ratio

    def whiten(self, z: Latents) -> Tensor:
        return (z - self.mean) * (-0.5 * self.log_variance).exp()

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        std = self.std if scale == 1 else scale * self.std
        return self.mean + std * eps
