"""Likelihoods p(x | z), whose parameters are the output of a decoder, registered by name.

A custom likelihood subclasses `Likelihood` and is registered with `@register("likelihood", name)`.
If it has settings, these are a frozen dataclass derived from `LikelihoodConfig`, which its
constructor receives as the keyword argument `settings`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx

from latentarium.config import LikelihoodConfig, resolve
from latentarium.distributions.gaussian import LOG_2PI
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import ConstantOutput, DecoderOutput, Images, PerSample


class Likelihood(ABC):
    """p(x | z), as a function of the decoder's output for z."""

    name: str = ""
    """The name in evaluation protocols, such as "bernoulli"; by default the name of the class."""
    discrete: bool = False
    """Whether p(x | z) is a probability mass function. Images must then be in [-1, 1]."""
    binary: ClassVar[bool] = False
    """Whether it is a probability of binary pixels, so that training may binarize the images.
    Points don't have any."""
    eight_bit: ClassVar[bool] = False
    """Whether it is a probability of the 256 values of 8-bit pixels, which points don't have."""
    outputs_per_value: ClassVar[int] = 1
    """Number of channels that the decoder returns for each channel of the images."""
    protocols: ClassVar[Mapping[str, str]] = {
        "other": "A likelihood defined outside the package: comparable only with the same "
        "likelihood."
    }
    """Sentences that explain the names of `protocol`, by the beginnings of these names."""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    @classmethod
    def build(cls, settings: Any, std: float) -> "Likelihood":  # noqa: ANN401
        """Build the likelihood of a model.

        Arguments:
            settings: The settings with which the likelihood is registered; None if it has none.
            std: The standard deviation in the settings of the model.
        """
        options = {} if settings is None else {"settings": settings}
        return cls(**options)

    @abstractmethod
    def mean(self, output: DecoderOutput) -> Images:
        """Return the mean image, in [-1, 1]."""

    @abstractmethod
    def nll(self, output: DecoderOutput, x: Images) -> PerSample:
        """Return -log p(x | z), the distortion, in nats."""

    @abstractmethod
    def sample(self, output: DecoderOutput, noise: Noise) -> Images:
        """Draw images from p(x | z)."""

    @abstractmethod
    def constant_output(self, images: Images) -> ConstantOutput:
        """Return the decoder output, of one row, that has the mean of a set of images; its scale,
        if it has one, is that of the set."""

    def log_prob(self, output: DecoderOutput, x: Images) -> PerSample:
        """Return log p(x | z), in nats."""
        return -self.nll(output, x)

    def deviance(self, mean: Images, x: Images) -> Images:
        """Return for each value how much worse it is explained by a mean image than by itself.

        This base class returns the squared error. A subclass whose density follows from the mean
        alone returns log p(x | x) - log p(x | mean), in nats.
        """
        return (mean - x).square()

    def protocol(self, binary: bool) -> str:
        """Return the name under which values of `nll` can be compared.

        Arguments:
            binary: Whether each pixel of the measured images is black or white.
        """
        return f"other-{self.name}"


def build_likelihood(choice: str | LikelihoodConfig, std: float) -> Likelihood:
    """Build a likelihood from its name or its settings.

    Arguments:
        choice: The name or the settings.
        std: The standard deviation in the settings of the model.

    Raises:
        UserError: No such likelihood is registered (code "unknown-component").
    """
    likelihood, settings = resolve("likelihood", choice)
    return likelihood.build(settings, std)


@register("likelihood", "bernoulli")
class Bernoulli(Likelihood):
    """An independent Bernoulli distribution per pixel, whose logit is the decoder's output.

    Pixels are scaled to [0, 1]. For grey pixels, `nll` returns a cross-entropy, which is not the
    negative log-likelihood of the grey image.
    """

    name = "bernoulli"
    discrete = True
    binary = True
    protocols: ClassVar[Mapping[str, str]] = {
        "binary": "A likelihood of binary images, but not by a published protocol.",
        "grey-bce": "Not a likelihood: a cross-entropy between grey values, not comparable with "
        "any NLL.",
    }

    def mean(self, output: Images) -> Images:
        return 2 * torch.sigmoid(output) - 1

    def nll(self, output: Images, x: Images) -> PerSample:
        nll: PerSample = _BernoulliNLL.apply(output, x)  # pyright: ignore[reportAssignmentType]
        return nll

    def sample(self, output: Images, noise: Noise) -> Images:
        return binarize(self.mean(output), noise)

    def constant_output(self, images: Images) -> ConstantOutput:
        return torch.logit((images.mean(0, keepdim=True) + 1) / 2, eps=1e-6)

    def deviance(self, mean: Images, x: Images) -> Images:
        target, p = (x + 1) / 2, ((mean + 1) / 2).clamp(1e-6, 1 - 1e-6)
        return (
            torch.special.xlogy(target, target / p)
            + torch.special.xlogy(1 - target, (1 - target) / (1 - p))
        ).clamp_min(0)

    def protocol(self, binary: bool) -> str:
        return "binary" if binary else "grey-bce"


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


@register("likelihood", "gaussian")
class Gaussian(Likelihood):
    """A normal distribution per pixel, with the decoder's output as mean and a fixed deviation.

    Arguments:
        std: The standard deviation, in units of x in [-1, 1].
    """

    name = "gaussian"
    discrete = False
    protocols: ClassVar[Mapping[str, str]] = {
        "gaussian-density": "A density, not a probability, of pixels in [-1, 1], with a fixed "
        "standard deviation: comparable only at the same standard deviation, and not with "
        "likelihoods of binary images."
    }

    def __init__(self, std: float) -> None:
        self.std = std

    @classmethod
    def build(cls, settings: None, std: float) -> "Gaussian":
        return cls(std)

    def mean(self, output: Images) -> Images:
        return output

    def nll(self, output: Images, x: Images) -> PerSample:
        squared = ((x - output) / self.std).square().flatten(1).sum(1)
        dimensions = x[0].numel()
        return 0.5 * (squared + dimensions * (LOG_2PI + 2 * math.log(self.std)))

    def sample(self, output: Images, noise: Noise) -> Images:
        return output + self.std * noise.normal(*output.shape)

    def constant_output(self, images: Images) -> ConstantOutput:
        return images.mean(0, keepdim=True)

    def deviance(self, mean: Images, x: Images) -> Images:
        return (mean - x).square() / (2 * self.std**2)

    def protocol(self, binary: bool) -> str:
        return f"gaussian-density-std{self.std}"
