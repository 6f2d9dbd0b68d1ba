"""Mixtures of Gaussians with full covariances, which are fitted to the latents of a model.

one component               a single Gaussian
one component per class     "7's Gaussian"
several                     a mixture, for all latents or for each class
"""

import torch
from torch import Tensor

from latentarium.distributions.base import Distribution
from latentarium.distributions.gaussian import LOG_2PI
from latentarium.distributions.mixtures import log_sum_exp
from latentarium.distributions.priors import Prior
from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.shapes import (
    ClassMeans,
    ClassScores,
    Labels,
    Latents,
    LatentsPerImage,
    PerImageLatent,
    PerSample,
    SoftLabels,
)

SMALLEST_WEIGHT = 1e-30
"""Weights below this count as 0."""


class FullMixture(Distribution):
    """A mixture of Gaussians for each sample, with its own weights and common components.

    Arguments:
        log_weights: Logarithms of the weights (B, K), which sum to 1.
        means: The means of the components (K, Z).
        factors: The Cholesky factors of their covariances (K, Z, Z).
    """

    def __init__(self, log_weights: ClassScores, means: ClassMeans, factors: Tensor) -> None:
        self.log_weights: Tensor = log_weights
        self.components: Tensor = means
        self.factors: Tensor = factors
        self.mean: Latents = log_weights.exp() @ means

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Draw one latent for each sample; a scale multiplies the deviation from the component's
        mean. Which component is drawn is not differentiable."""
        position = noise.uniform(len(self.mean), 1).to(self.mean.dtype)
        ends = self.log_weights.detach().exp().cumsum(1)
        # strictly more: a component of weight 0 is never drawn
        chosen = (position * ends[:, -1:] >= ends).sum(1).clamp_max(len(self.components) - 1)
        eps = noise.normal(*self.mean.shape).to(self.mean.dtype)
        deviation = (self.factors[chosen] @ eps[..., None])[..., 0]
        return self.components[chosen] + scale * deviation

    def log_prob(self, z: Latents) -> PerSample:
        return self.log_probs(z[:, None])[:, 0]

    def log_probs(self, z: LatentsPerImage) -> PerImageLatent:
        rows = z.flatten(0, 1)
        scores = []
        for mean, factor in zip(self.components, self.factors, strict=True):
            scaled = torch.linalg.solve_triangular(factor, (rows - mean).T, upper=False)
            half_log_det = factor.diagonal().log().sum()
            scores.append(-0.5 * (scaled.square().sum(0) + len(mean) * LOG_2PI) - half_log_det)
        per_latent = torch.stack(scores, 1).unflatten(0, z.shape[:2])
        return log_sum_exp(self.log_weights[:, None] + per_latent)

    def whiten(self, z: Latents) -> Tensor:
        """Map latents by the Gaussian with the mixture's mean and covariance."""
        centred = (z - self.mean)[..., None]
        return torch.linalg.solve_triangular(self._factor(), centred, upper=False)[..., 0]

    def unwhiten(self, eps: Tensor, scale: float = 1.0) -> Latents:
        return self.mean + scale * (self._factor() @ eps[..., None])[..., 0]

    def _factor(self) -> Tensor:
        """Return the Cholesky factor of each mixture's covariance (B, Z, Z)."""
        weights = self.log_weights.exp()
        within = torch.einsum("bk,kij,klj->bil", weights, self.factors, self.factors)
        shift = self.components - self.mean[:, None]
        between = torch.einsum("bk,bki,bkj->bij", weights, shift, shift)
        return torch.linalg.cholesky(within + between)


class FittedMixturePrior(Prior):
    """A mixture of Gaussians, for all latents or for each class.

    The distribution of several classes (soft labels) is the mixture of theirs.

    Arguments:
        weights: The weights of the components (C, K), for each class, or a single row for all
            latents. Each row sums to 1.
        means: The means of the components (K, Z).
        factors: The Cholesky factors of their covariances (K, Z, Z).
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        super().__init__()
        log_weights = weights.clamp_min(SMALLEST_WEIGHT).log()
        self.register_buffer("log_weights", log_weights.where(weights > 0, -torch.inf).float())
        self.register_buffer("means", means.float())
        self.register_buffer("factors", factors.float())

    @property
    def takes_label(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the classes have different distributions."""
        return len(self.log_weights) > 1

    def forward(self, y: Labels | SoftLabels | None, n: int) -> FullMixture:
        if not self.takes_label:
            weights = self.log_weights.expand(n, -1)
        elif y is None:
            raise UserError(
                "This prior needs a label for each latent: give a label.", code="label-missing"
            )
        elif y.dtype.is_floating_point:
            weights = (y @ self.log_weights.exp()).log()
        else:
            weights = self.log_weights[y]
        return FullMixture(weights, self.means, self.factors)
