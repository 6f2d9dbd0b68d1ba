"""Likelihoods p(x | z), whose parameters are the output of a decoder."""

import math
from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx

from latentarium.distributions.gaussian import LOG_2PI
from latentarium.rng import Noise
from latentarium.shapes import Images, PerSample


class Likelihood(ABC):
    """p(x | z), as a function of the decoder's output for z."""

    name: str
    """The name in evaluation protocols, for instance "bernoulli"."""
    discrete: bool
    """Whether p(x | z) is a probability mass function. Images must then be in [-1, 1]."""

    @abstractmethod
    def mean(self, output: Images) -> Images:
        """Return the mean image, in [-1, 1]."""

    @abstractmethod
    def nll(self, output: Images, x: Images) -> PerSample:
        """Return -log p(x | z), the distortion, in nats."""

    @abstractmethod
    def sample(self, output: Images, noise: Noise) -> Images:
        """Draw images from p(x | z)."""

    @abstractmethod
    def output_of(self, mean: Images) -> Images:
        """Return the decoder output that has a given mean image: the inverse of `mean`."""

    def log_prob(self, output: Images, x: Images) -> PerSample:
        """Return log p(x | z), in nats."""
        return -self.nll(output, x)


class Bernoulli(Likelihood):
    """An independent Bernoulli distribution per pixel, whose logit is the decoder's output.

    Pixels are scaled to [0, 1]. For grey pixels, `nll` returns a cross-entropy, which is not the
    negative log-likelihood of the grey image.
    """

    name = "bernoulli"
    discrete = True

    def mean(self, output: Images) -> Images:
        return 2 * torch.sigmoid(output) - 1

    def nll(self, output: Images, x: Images) -> PerSample:
        nll: PerSample = _BernoulliNLL.apply(output, x)  # pyright: ignore[reportAssignmentType]
        return nll

    def sample(self, output: Images, noise: Noise) -> Images:
        return binarize(self.mean(output), noise)

    def output_of(self, mean: Images) -> Images:
        return torch.logit((mean + 1) / 2, eps=1e-6)


def binarize(x: Images, noise: Noise) -> Images:
    """Draw each pixel as 1 with probability (x + 1) / 2, else as -1."""
    return 2 * (noise.uniform(*x.shape) < (x + 1) / 2).to(x.dtype) - 1


class _BernoulliNLL(torch.autograd.Function):
    """softplus(l) - t l for logits l and targets t = (x + 1) / 2, summed over pixels.

    This takes two thirds of the time of torch's binary_cross_entropy_with_logits. For l >= 0
    the sigmoid is at least 1/2, so its logarithm is accurate enough; it is three times as fast as
    log1p.
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
    """A normal distribution per pixel, with the decoder's output as mean and a fixed deviation.

    Arguments:
        std: The standard deviation, in units of x in [-1, 1].
    """

    name = "gaussian"
    discrete = False

    def __init__(self, std: float) -> None:
        self.std = std

    def mean(self, output: Images) -> Images:
        return output

    def nll(self, output: Images, x: Images) -> PerSample:
        squared = ((x - output) / self.std).square().flatten(1).sum(1)
        dimensions = x[0].numel()
        return 0.5 * (squared + dimensions * (LOG_2PI + 2 * math.log(self.std)))

    def sample(self, output: Images, noise: Noise) -> Images:
        return output + self.std * noise.normal(*output.shape)

    def output_of(self, mean: Images) -> Images:
        return mean
