"""Priors, posteriors and likelihoods.

    prior       p(z) or p(z | y)     StandardNormal, ClassGaussian
    posterior   q(z | x)             Point, DiagonalGaussian
    likelihood  p(x | z)             Bernoulli, Gaussian: a `Likelihood` turns what the decoder
                                     puts out into images and into -log p(x | z)

All values are in nats, summed over dimensions, one per sample.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx

from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, Latents, PerSample, SoftLabels

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_variance))), one for each sample."""

    mean: Latents
    log_variance: Latents

    def rsample(self, noise: Noise) -> Latents:
        """Draws mean + std * eps, differentiable in both (Kingma and Welling, 2014)."""
        return self.mean + (0.5 * self.log_variance).exp() * noise.normal(*self.mean.shape)

    def log_prob(self, z: Latents) -> PerSample:
        """log q(z), in nats."""
        squared = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + LOG_2PI).sum(1)

    def kl(self, other: "DiagonalGaussian") -> PerSample:
        """KL(self || other), closed form, in nats."""
        ratio = self.log_variance - other.log_variance
        shift = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return 0.5 * (ratio.exp() + shift - 1 - ratio).sum(1)


@dataclass(frozen=True)
class Point:
    """All mass in one point: the posterior of an autoencoder."""

    mean: Latents

    def rsample(self, noise: Noise) -> Latents:
        """The point itself."""
        return self.mean


Posterior = Point | DiagonalGaussian


class Prior(nn.Module, ABC):
    """p(z), or p(z | y)."""

    @abstractmethod
    def given(self, y: Labels | SoftLabels | None, n: int) -> DiagonalGaussian:
        """The Gaussians from which n latents with these labels come."""


class StandardNormal(Prior):
    """N(0, I), whatever the label."""

    zero: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(1, latent_dim), persistent=False)

    def given(self, y: Labels | SoftLabels | None, n: int) -> DiagonalGaussian:
        zero = self.zero.expand(n, -1)
        return DiagonalGaussian(zero, zero)


class ClassGaussian(Prior):
    """Each class has its own learned mean and variance: p(z | y) = N(mean_y, diag(var_y)).

    A blend of classes (soft labels) has the blend of their means and log-variances.
    """

    def __init__(self, latent_dim: int, num_classes: int, spread: float = 1.0) -> None:
        super().__init__()
        start = torch.randn(num_classes, latent_dim) * spread
        self.mean = nn.Parameter(start)
        self.log_variance = nn.Parameter(torch.zeros(num_classes, latent_dim))

    def given(self, y: Labels | SoftLabels | None, n: int) -> DiagonalGaussian:
        if y is None:
            raise UserError("A class Gaussian prior needs to know which class: give a label.")
        if y.dtype.is_floating_point:
            return DiagonalGaussian(y @ self.mean, y @ self.log_variance)
        return DiagonalGaussian(self.mean[y], self.log_variance[y])


class Likelihood(ABC):
    """p(x | z): what the decoder's output means."""

    @abstractmethod
    def mean(self, output: Images) -> Images:
        """The mean image, in [-1, 1]."""

    @abstractmethod
    def nll(self, output: Images, x: Images) -> PerSample:
        """-log p(x | z): the distortion, in nats."""


class Bernoulli(Likelihood):
    """Each pixel, scaled to [0, 1], is the probability of being on; the output is its logit.

    For grey pixels the value is a cross-entropy, not a likelihood of the grey image.
    """

    def mean(self, output: Images) -> Images:
        return 2 * torch.sigmoid(output) - 1

    def nll(self, output: Images, x: Images) -> PerSample:
        found: PerSample = _BernoulliNLL.apply(output, x)  # pyright: ignore[reportAssignmentType]
        return found


class _BernoulliNLL(torch.autograd.Function):
    """softplus(l) - t l of logits l and targets t = (x + 1) / 2, summed over pixels.

    As torch's binary_cross_entropy_with_logits, in two thirds of its time: log of a sigmoid that
    is never below 1/2 is exact enough and three times as fast as log1p.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, logits: Tensor, x: Tensor) -> Tensor:
        target = (x + 1).mul_(0.5)
        ctx.save_for_backward(logits, target)
        size = logits.abs().sigmoid_().log_()  # softplus(l) = max(l, 0) - log sigmoid |l|
        nll = logits.clamp_min(0).sub_(size).addcmul_(logits, target, value=-1)
        return nll.flatten(1).sum(1)

    @staticmethod
    def backward(ctx: BackwardCFunction, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, target = cast(tuple[Tensor, Tensor], ctx.saved_tensors)
        scale = gradients[0].view(-1, *(1,) * (logits.dim() - 1))
        return logits.sigmoid().sub_(target).mul_(scale), None


class Gaussian(Likelihood):
    """Each pixel is normal around the output with one fixed deviation, in units of x."""

    def __init__(self, std: float) -> None:
        self.std = std

    def mean(self, output: Images) -> Images:
        return output

    def nll(self, output: Images, x: Images) -> PerSample:
        squared = ((x - output) / self.std).square().flatten(1).sum(1)
        dimensions = x[0].numel()
        return 0.5 * (squared + dimensions * (LOG_2PI + 2 * math.log(self.std)))
