"""Trunks: the network between an image and its features, in either direction.

`EncoderTrunk` takes images to features (B, F); `DecoderTrunk` takes features to images. Both work
for any number of channels and any size, odd and non-square ones too: a convolutional trunk halves
both sides until the larger is at most 8 (at least once) or the smaller is 1, and its decoder walks
the same sizes back.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from latentarium.config import NetConfig
from latentarium.errors import UserError
from latentarium.shapes import Features, Images, OtherFeatures, SoftLabels

Size = tuple[int, int]
COARSEST = 8
SLOPE = 0.2
FREQUENCIES = 32


def stage_sizes(height: int, width: int) -> list[Size]:
    """The sizes that a convolutional trunk walks, finest first.

    Raises:
        UserError: There is nothing to halve: points in the plane have height and width 1.
    """
    if min(height, width) < 2:
        raise UserError(
            f"Data of {height} x {width} pixels has nothing to convolve: set kind to 'mlp', or "
            "take a preset for points in the plane, such as gan_ring."
        )
    sizes = [(height, width)]
    while len(sizes) == 1 or (max(sizes[-1]) > COARSEST and min(sizes[-1]) > 1):
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes


def activation() -> nn.Module:
    return nn.LeakyReLU(SLOPE)


def dense_stack(sizes: list[int], norm: str) -> nn.Sequential:
    """Fully connected layers, each followed by its normalization and activation."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers.append(nn.Linear(before, after))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(after))
        layers.append(activation())
    return nn.Sequential(*layers)


class Fourier(nn.Module):
    """Vectors, and beside them sines and cosines of random projections of them.

        x -> x, sin(2 pi B x), cos(2 pi B x),  B ~ N(0, scale^2), drawn once and never trained

    Fully connected layers learn slow functions of x first; of these features they learn fast ones
    as readily (Fourier features let networks learn high frequency functions in low dimensional
    domains; Tancik et al., 2020, https://arxiv.org/abs/2006.10739).

    Arguments:
        num_inputs: Size of x.
        scale: Standard deviation of the frequencies, in cycles per unit of x.
    """

    frequencies: Tensor

    def __init__(self, num_inputs: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(num_inputs, FREQUENCIES))
        self.num_outputs = num_inputs + 2 * FREQUENCIES

    def forward(self, x: Features) -> OtherFeatures:
        angles = 2 * math.pi * x @ self.frequencies
        return torch.cat([x, angles.sin(), angles.cos()], 1)


def mlp_stack(num_inputs: int, config: NetConfig) -> nn.Sequential:
    """The hidden layers of a trunk of kind "mlp"."""
    hidden = [config.width] * config.depth
    if config.fourier == 0:
        return dense_stack([num_inputs, *hidden], config.norm)
    waves = Fourier(num_inputs, config.fourier)
    return nn.Sequential(waves, *dense_stack([waves.num_outputs, *hidden], config.norm))


def initialize(trunk: nn.Module) -> None:
    """He initialization for leaky ReLU (He et al., 2015); biases are spread, so that in few
    dimensions the kinks don't all pass through the origin."""
    for layer in trunk.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            fan_in = layer.weight[0].numel()
            if isinstance(layer, nn.ConvTranspose2d):  # each output sees every second input
                fan_in = layer.in_channels * math.prod(layer.kernel_size) // 4
            nn.init.normal_(layer.weight, std=math.sqrt(2 / ((1 + SLOPE**2) * fan_in)))
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -(fan_in**-0.5), fan_in**-0.5)


class EncoderTrunk(nn.Module):
    """Images to features.

    Arguments:
        image_shape: Channels, height, width.
        config: Kind, width and depth.
        extra: Numbers that enter beside each image (an embedded label), 0 for none.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], config: NetConfig, extra: int = 0
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if config.kind == "mlp":
            self.convolutions = nn.Sequential()
            self.dense = mlp_stack(channels * height * width + extra, config)
            self.num_features = config.width
        else:
            sizes = stage_sizes(height, width)
            layers: list[nn.Module] = []
            for stage in range(len(sizes) - 1):
                wide = config.width * 2**stage
                layers += _conv(nn.Conv2d(channels, wide, 4, 2, 1), wide, config)
                for _ in range(config.depth - 1):
                    layers += _conv(nn.Conv2d(wide, wide, 3, 1, 1), wide, config)
                channels = wide
            self.convolutions = nn.Sequential(*layers)
            flat = channels * sizes[-1][0] * sizes[-1][1] + extra
            hidden = [config.hidden] if config.hidden else []
            self.dense = dense_stack([flat, *hidden], config.norm)
            self.num_features = hidden[-1] if hidden else flat
        initialize(self)

    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        features = self.convolutions(x).flatten(1)
        if extra is not None:
            features = torch.cat([features, extra], 1)
        return self.dense(features)


class DecoderTrunk(nn.Module):
    """Features to images, with no bound on their values: the likelihood gives them meaning.

    Arguments:
        num_inputs: Size of what comes in (a latent, perhaps with an embedded label).
        image_shape: Channels, height, width.
        config: Kind, width and depth.
    """

    def __init__(
        self, num_inputs: int, image_shape: tuple[int, int, int], config: NetConfig
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.image_shape = image_shape
        if config.kind == "mlp":
            self.dense = mlp_stack(num_inputs, config)
            self.start = image_shape
            self.convolutions = nn.Sequential()
            self.dense.append(nn.Linear(config.width, channels * height * width))
        else:
            sizes = stage_sizes(height, width)[::-1]
            stages = len(sizes) - 1
            wide = config.width * 2 ** (stages - 1)
            hidden = [config.hidden] if config.hidden else []
            self.start = (wide, *sizes[0])
            self.dense = dense_stack([num_inputs, *hidden, math.prod(self.start)], config.norm)
            layers: list[nn.Module] = []
            for stage in range(stages):
                last = stage == stages - 1
                after = channels if last else wide // 2
                for _ in range(config.depth - 1):
                    layers += _conv(nn.Conv2d(wide, wide, 3, 1, 1), wide, config)
                finer = sizes[stage + 1]
                odd = (finer[0] % 2, finer[1] % 2)  # halving lost a row or a column: give it back
                up = nn.ConvTranspose2d(wide, after, 4, 2, 1, output_padding=odd)
                layers += [up] if last else _conv(up, after, config)
                wide = after
            self.convolutions = nn.Sequential(*layers)
        initialize(self)

    def forward(self, features: Features) -> Images:
        images = self.convolutions(self.dense(features).unflatten(1, self.start))
        return images.to(features.dtype)  # in mixed precision it comes with less


def _conv(layer: nn.Module, channels: int, config: NetConfig) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels)] if config.norm == "batch" else []
    return [layer, *norm, activation()]
