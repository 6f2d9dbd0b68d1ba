"""The interface of distributions over latents."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.shapes import Latents, LatentsPerImage, PerImageLatent, PerSample


class Distribution(ABC):
    """A batch of distributions over latents, one for each sample."""

    has_density = True
    """Whether `log_prob` exists."""
    mean: Latents
    """The mean of each distribution."""

    @abstractmethod
    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw one latent from each distribution, differentiable in its parameters.

        Arguments:
            noise: The source of randomness.
            scale: Factor on the deviation from the mean (truncation); 1 samples the distribution
                itself.
        """

    def log_prob(self, z: Latents) -> PerSample:
        """Return the log density of each latent under its own distribution, in nats.

        Raises:
            UserError: The distribution has no density (code "no-density").
        """
        raise UserError(
            f"{type(self).__name__} has no density: choose a distribution that has one.",
            code="no-density",
        )

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        """Return the log densities of several latents under each distribution, in nats.

        A subclass overrides this method if it can compute them all at once, which is faster.

        Raises:
            UserError: The distribution has no density (code "no-density").
        """
        return torch.stack([self.log_prob(draw) for draw in z.unbind(1)], 1)

    def sample_several(self, noise: Noise, count: int) -> tuple[LatentsPerImage, PerImageLatent]:
        """Draw several latents from each distribution; return them and their log densities.

        A subclass overrides this method if it can draw them all at once, which is faster, or if
        both results share computations.

        Arguments:
            noise: The source of randomness.
            count: The number of latents from each distribution.

        Raises:
            UserError: The distribution has no density (code "no-density").
        """
        z = torch.stack([self.sample(noise) for _ in range(count)], 1)
        return z, self.log_probs(z)

    def kl(self, other: "Distribution", z: Latents | None = None) -> PerSample:
        """Return KL(self || other), in nats.

        The unbiased estimate is log q(z) - log p(z) at one sample z per distribution. A subclass
        overrides this method if a closed form exists.

        Arguments:
            other: The second distribution.
            z: One sample of each distribution in `self`.
        """
        if z is None:
            raise ValueError("without a closed form, the estimate needs samples z")
        return self.log_prob(z) - other.log_prob(z)

    def kl_by_dimension(self, other: "Distribution", z: Latents | None = None) -> Latents:
        """Return what each dimension contributes to KL(self || other), in nats.

        Without a closed form, the divergence is divided equally among the dimensions.

        Arguments:
            other: The second distribution.
            z: One sample of each distribution in `self`.
        """
        size = self.mean.shape[1]
        return (self.kl(other, z) / size)[:, None].expand(-1, size)

    def whiten(self, z: Latents) -> Tensor:
        """Map latents to coordinates in which the distribution is close to N(0, I).

        This base class returns the latents unchanged.
        """
        return z

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        """Invert `whiten`, with the deviation from the mean multiplied by `scale`."""
        return self.mean + scale * (eps - self.mean) if scale != 1 else eps
