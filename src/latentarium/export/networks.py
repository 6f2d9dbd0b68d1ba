"""Decoder and encoder of a model as networks of tensors, which exporters trace.

Images are floats in [-1, 1], and a label is a row of weights over the classes whose sum is 1.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from latentarium.distributions import DiagonalGaussian
from latentarium.models.base import LatentModel
from latentarium.rng import Noise


class ExportableNetwork(nn.Module):
    """A network with named inputs and outputs.

    The functions of the model are called without their checks of inputs, which can't be traced.
    """

    outputs: tuple[str, ...]

    def __init__(self, model: LatentModel, method: str) -> None:
        super().__init__()
        self.model = model
        self.function: Callable[..., Any] = inspect.unwrap(getattr(type(model), method))
        first = "z" if method == "decode" else "images"
        self.inputs: tuple[str, ...] = (first, "label") if model.decodes_label else (first,)


class DecoderNetwork(ExportableNetwork):
    """Maps latents (N, Z), and labels (N, K) if the decoder takes them, to images in [-1, 1]."""

    def __init__(self, model: LatentModel) -> None:
        super().__init__(model, "decode")
        self.outputs = ("images",)

    def forward(self, z: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the images as the only element of a tuple."""
        return (self.model.limit(self.function(self.model, z, label)),)


class EncoderNetwork(ExportableNetwork):
    """Maps images, and labels if the encoder takes them, to the mean of the posterior, and to its
    standard deviation if it is a Gaussian."""

    def __init__(self, model: LatentModel) -> None:
        super().__init__(model, "encode")
        shape = (1, *model.image_shape)
        label = torch.full((1, model.num_classes), 1.0) if model.decodes_label else None
        with torch.no_grad():
            posterior = self.function(model, torch.zeros(shape), label)
        self.has_std: bool = isinstance(posterior, DiagonalGaussian)
        self.outputs = ("mean", "std") if self.has_std else ("mean",)

    def forward(self, images: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the outputs in the order of their names."""
        posterior = self.function(self.model, images, label)
        if self.has_std:
            return posterior.mean, posterior.std
        return (posterior.mean,)


Inputs = Callable[[LatentModel, int], tuple[Tensor, ...]]


@torch.no_grad()
def latent_inputs(model: LatentModel, n: int) -> tuple[Tensor, ...]:
    """Return n latents from N(0, I), and labels if the decoder takes them."""
    z = Noise("export", n).normal(n, model.latent_dim)
    return (z, soft_labels(model, n)) if model.decodes_label else (z,)


def image_inputs(model: LatentModel, n: int) -> tuple[Tensor, ...]:
    """Return n images of noise, and labels if the encoder takes them."""
    x = Noise("export", n).normal(n, *model.image_shape).clamp(-1, 1)
    return (x, soft_labels(model, n)) if model.decodes_label else (x,)


def soft_labels(model: LatentModel, n: int) -> Tensor:
    """Return a class for every second row, and a blend of all classes for the others."""
    blends = Noise("export labels", n).normal(n, model.num_classes).softmax(1)
    classes = nn.functional.one_hot(torch.arange(n) % model.num_classes, model.num_classes)
    return torch.where(torch.arange(n)[:, None] % 2 == 0, classes.float(), blends)
