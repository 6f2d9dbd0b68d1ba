"""Priors p(z) and p(z | y), registered by name.

A custom prior subclasses `Prior` and is registered with `@register("prior", name)`. If it has
settings, these are a frozen dataclass derived from `PriorConfig`, which its constructor receives
as the keyword argument `settings`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from latentarium.config import PriorConfig, name_of
from latentarium.distributions.base import Distribution
from latentarium.distributions.gaussian import DiagonalGaussian
from latentarium.errors import UserError
from latentarium.registry import component, register, settings_type
from latentarium.shapes import Labels, SoftLabels
from latentarium.unchecked import unchecked_inputs


@dataclass(frozen=True)
class PriorContext:
    """What a prior may need to know about its model.

    Arguments:
        latent_dim: Number of dimensions of z.
        num_classes: Number of classes; 0 without labels.
        image_shape: Channels, height and width of the images.
        encode: The model's `encode`. A prior such as the VampPrior (Tomczak and Welling, 2018,
            https://arxiv.org/abs/1705.07120) calls it on its pseudo-inputs.
    """

    latent_dim: int
    num_classes: int
    image_shape: tuple[int, int, int]
    encode: Callable[..., Distribution]


class Prior(nn.Module, ABC):
    """p(z), or p(z | y) if `takes_label`.

    Calling it returns the distribution of n latents with these labels. Its parameters, if there
    are any, are trained with the rest of the model.
    """

    takes_label: ClassVar[bool] = False
    """Whether the distribution depends on the label."""

    @classmethod
    def build(cls, context: PriorContext, settings: Any) -> "Prior":  # noqa: ANN401
        """Build the prior of a model.

        By default the constructor is called with the numbers of dimensions and classes. A prior
        that needs more of the context overrides this method.

        Arguments:
            context: What is known about the model.
            settings: The settings with which the prior is registered; None if it has none.
        """
        options = {} if settings is None else {"settings": settings}
        return cls(context.latent_dim, context.num_classes, **options)

    @abstractmethod
    def forward(self, y: Labels | SoftLabels | None, n: int) -> Distribution:
        """Return the distributions of n latents.

        Arguments:
            y: A label for each latent; None if there are none.
            n: Number of latents.

        Raises:
            UserError: The prior needs labels and there are none (code "label-missing").
        """

    def __call__(self, y: Labels | SoftLabels | None, n: int) -> Distribution:
        with unchecked_inputs():  # a prior may encode pseudo-inputs outside [-1, 1]
            return cast(Distribution, super().__call__(y, n))


def build_prior(choice: str | PriorConfig, context: PriorContext) -> Prior:
    """Build a prior from its name or its settings.

    Raises:
        UserError: No such prior is registered (code "unknown-component").
    """
    name = name_of(choice)
    settings: Any = choice
    if isinstance(choice, str):
        kind = settings_type("prior", name)
        settings = None if kind is None else kind()
    prior: type[Prior] = component("prior", name)
    return prior.build(context, settings)


@register("prior", "standard_normal")
class StandardNormal(Prior):
    """N(0, I), whatever the label.

    Arguments:
        latent_dim: Number of dimensions.
        num_classes: Not used.
    """

    zero: Tensor

    def __init__(self, latent_dim: int, num_classes: int = 0) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(1, latent_dim), persistent=False)

    def forward(self, y: Labels | SoftLabels | None, n: int) -> DiagonalGaussian:
        zero = self.zero.expand(n, -1)
        return DiagonalGaussian(zero, zero)


@register("prior", "class_gaussian")
class ClassGaussian(Prior):
    """p(z | y) = N(mean_y, diag(var_y)), with a learned mean and variance for each class.

    A blend of classes (soft labels) has the blend of their means and log-variances.

    Arguments:
        latent_dim: Number of dimensions.
        num_classes: Number of classes.
        spread: Standard deviation of the initial means.
    """

    takes_label = True

    def __init__(self, latent_dim: int, num_classes: int, spread: float = 1.0) -> None:
        super().__init__()
        self.mean: nn.Parameter = nn.Parameter(torch.randn(num_classes, latent_dim) * spread)
        self.log_variance: nn.Parameter = nn.Parameter(torch.zeros(num_classes, latent_dim))

    def forward(self, y: Labels | SoftLabels | None, n: int) -> DiagonalGaussian:
        if y is None:
            raise UserError(
                "A class Gaussian prior needs a label for each latent: give a label.",
                code="label-missing",
            )
        if y.dtype.is_floating_point:
            return DiagonalGaussian(y @ self.mean, y @ self.log_variance)
        return DiagonalGaussian(self.mean[y], self.log_variance[y])
