"""Distributions of latents with two levels, z = (z1, z2)."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from latentarium.distributions.base import Distribution
from latentarium.distributions.gaussian import DiagonalGaussian
from latentarium.rng import Noise
from latentarium.shapes import Latents, LatentsPerImage, PerImageLatent, PerSample, UpperLatents


@final
class TwoLevel(Distribution):
    """The upper latent z2 has a distribution of its own, and the lower latent z1 one given z2.

    A latent is z1 followed by z2.

    Arguments:
        upper: The distribution of z2.
        lower: Function from z2, and the number of z2 per sample, to the distributions of z1.
            Several z2 per sample come as one set after the other.
    """

    def __init__(
        self, upper: Distribution, lower: Callable[[UpperLatents, int], DiagonalGaussian]
    ) -> None:
        self.upper, self._lower = upper, lower
        self._has_gradients = torch.is_grad_enabled()

    def lower(self, z2: UpperLatents, count: int = 1) -> DiagonalGaussian:
        """Return the distributions of z1 given z2, with gradients only if the distribution was
        made with gradients.

        Arguments:
            z2: The upper latents, as one set after the other.
            count: The number of sets.
        """
        with torch.set_grad_enabled(self._has_gradients and torch.is_grad_enabled()):
            return self._lower(z2, count)

    @property
    def mean(self) -> Latents:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The mean of z1 given the mean of z2, and the mean of z2."""
        z2 = self.upper.mean
        return torch.cat([self.lower(z2).mean, z2], 1)

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        z2 = self.upper.sample(noise, scale)
        return torch.cat([self.lower(z2).sample(noise, scale), z2], 1)

    def log_prob(self, z: Latents) -> PerSample:
        z1, z2 = self._split(z)
        return self.lower(z2).log_prob(z1) + self.upper.log_prob(z2)

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        z1, z2 = self._split(z)
        lower = self.lower(_to_sets(z2), z.shape[1]).log_prob(_to_sets(z1))
        return _from_sets(lower, z) + self.upper.log_probs(z2)

    def sample_several(self, noise: Noise, count: int) -> tuple[LatentsPerImage, PerImageLatent]:
        z2, upper = self.upper.sample_several(noise, count)
        lower = self.lower(_to_sets(z2), count)
        eps = noise.normal(len(z2), count, lower.mean.shape[1]).to(z2)
        z1 = lower.unwhiten(_to_sets(eps))
        z = torch.cat([_from_sets(z1, z2), z2], 2)
        return z, _from_sets(lower.log_prob(z1), z2) + upper

    def kl(self, other: Distribution, z: Latents | None = None) -> PerSample:
        """Return KL(self || other), in nats.

        If the other distribution has two levels too, the divergence of the lower level is computed
        in closed form, given one sample of z2.
        """
        if z is None or not isinstance(other, TwoLevel):
            return super().kl(other, z)
        z1, z2 = self._split(z)
        return self.lower(z2).kl(other.lower(z2), z1) + self.upper.kl(other.upper, z2)

    def kl_by_dimension(self, other: Distribution, z: Latents | None = None) -> Latents:
        """Return the contributions of z1, given one sample of z2, and those of z2."""
        if z is None or not isinstance(other, TwoLevel):
            return super().kl_by_dimension(other, z)
        z1, z2 = self._split(z)
        lower = self.lower(z2).kl_by_dimension(other.lower(z2), z1)
        return torch.cat([lower, self.upper.kl_by_dimension(other.upper, z2)], 1)

    def _split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return z1 and z2 of latents whose last axis is that of their dimensions."""
        upper = self.upper.mean.shape[1]
        return z[..., :-upper], z[..., -upper:]


def _to_sets(z: LatentsPerImage) -> Tensor:
    """Return several latents per sample as one set after the other."""
    return z.transpose(0, 1).flatten(0, 1)


def _from_sets(rows: Tensor, like: LatentsPerImage) -> Tensor:
    """Return rows of sets as several rows per sample, as many as those of other latents."""
    n, count = like.shape[:2]
    return rows.unflatten(0, (count, n)).transpose(0, 1)
