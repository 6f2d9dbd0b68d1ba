"""Layers and initialization that several trunks share."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from latentarium.shapes import Features, OtherFeatures

SLOPE = 0.2
"""Slope of the leaky ReLU below 0."""
NUM_FREQUENCIES = 32


def build_activation(name: str) -> nn.Module:
    """Return the activation that follows each hidden layer, by its name in the settings."""
    return nn.SiLU() if name == "silu" else nn.LeakyReLU(SLOPE)


def dense_stack(
    sizes: list[int], norm: str = "none", activation: str = "leaky_relu"
) -> nn.Sequential:
    """Return fully connected layers, each followed by normalization and activation."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers.append(nn.Linear(before, after))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(after))
        layers.append(build_activation(activation))
    return nn.Sequential(*layers)


class Fourier(nn.Module):
    """Append sines and cosines of random projections to vectors.

        x -> x, sin(2 pi B x), cos(2 pi B x),  B ~ N(0, scale^2), drawn once and never trained

    Fully connected layers learn slowly varying functions of x first. With these features they
    learn quickly varying functions equally well.

    References:
        Fourier features let networks learn high frequency functions in low dimensional domains
        (Tancik et al., 2020), https://arxiv.org/abs/2006.10739

    Arguments:
        num_inputs: Size of x.
        scale: Standard deviation of the frequencies, in cycles per unit of x.
    """

    frequencies: Tensor

    def __init__(self, num_inputs: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(num_inputs, NUM_FREQUENCIES))
        self.num_outputs: int = num_inputs + 2 * NUM_FREQUENCIES

    def forward(self, x: Features) -> OtherFeatures:
        """Return x, followed by the sines and cosines of its projections."""
        angles = 2 * math.pi * x @ self.frequencies
        return torch.cat([x, angles.sin(), angles.cos()], 1)


def initialize(trunk: nn.Module, output: nn.Module | None = None, output_scale: float = 1) -> None:
    """Initialize a trunk for leaky ReLU (He et al., 2015, https://arxiv.org/abs/1502.01852).

    With SiLU, each layer shrinks the features by up to a fifth.

    Biases are random, so that with few inputs the kinks don't all pass through the origin.

    Arguments:
        trunk: The trunk.
        output: Its last layer, whose weights and biases are multiplied by `output_scale`.
        output_scale: The factor.
    """
    for layer in trunk.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            fan_in = layer.weight[0].numel()
            if isinstance(layer, nn.ConvTranspose2d):  # an output uses 1/4 of the kernel
                fan_in = layer.in_channels * math.prod(layer.kernel_size) // 4
            nn.init.normal_(layer.weight, std=math.sqrt(2 / ((1 + SLOPE**2) * fan_in)))
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -(fan_in**-0.5), fan_in**-0.5)
    if output is not None and output_scale != 1:
        with torch.no_grad():
            for parameter in output.parameters():
                parameter *= output_scale
