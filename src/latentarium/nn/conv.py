"""The convolutional trunk.

The encoder halves height and width, at least once, until the larger of them is at most 8 pixels or
the smaller is 1 pixel. The decoder goes through the same sizes in reverse. Every height and width
of at least 2 pixels is possible, odd ones included: halving rounds down, and the decoder knows the
size before.
"""

import math
from typing import cast

import torch
from torch import nn

from latentarium.config import NetConfig, TrunkConfig
from latentarium.errors import UserError
from latentarium.nn.base import DecoderTrunk, EncoderTrunk, ImageShape, Trunk
from latentarium.nn.layers import activation, dense_stack, initialize
from latentarium.registry import register
from latentarium.shapes import Features, Images, SoftLabels

COARSEST_SIDE = 8
"""A side with more pixels than this is halved."""


def stage_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the image sizes of the stages, finest first.

    Raises:
        UserError: Height or width is 1 pixel, as for points in the plane (code "image-too-small").
    """
    if min(height, width) < 2:
        raise UserError(
            f"Images of {height} x {width} pixels are too small for a convolutional trunk: set "
            "kind to 'mlp', or use a preset for points in the plane, such as gan_ring.",
            code="image-too-small",
        )
    sizes = [(height, width)]
    while len(sizes) == 1 or (max(sizes[-1]) > COARSEST_SIDE and min(sizes[-1]) > 1):
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes


class ConvEncoder(EncoderTrunk):
    """Strided convolutions, then a dense layer, with the arguments of `Trunk.encoder`."""

    def __init__(self, config: NetConfig, image_shape: ImageShape, extra: int = 0) -> None:
        super().__init__()
        channels, height, width = image_shape
        sizes = stage_sizes(height, width)
        layers: list[nn.Module] = []
        for stage in range(len(sizes) - 1):
            wide = config.width * 2**stage
            layers += _convolution(nn.Conv2d(channels, wide, 4, 2, 1), wide, config)
            for _ in range(config.depth - 1):
                layers += _convolution(nn.Conv2d(wide, wide, 3, 1, 1), wide, config)
            channels = wide
        self.convolutions: nn.Sequential = nn.Sequential(*layers)
        flat = channels * sizes[-1][0] * sizes[-1][1] + extra
        hidden = [config.hidden] if config.hidden else []
        self.dense: nn.Sequential = dense_stack([flat, *hidden], config.norm)
        self.num_features: int = hidden[-1] if hidden else flat
        initialize(self)

    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        features = self.convolutions(x).flatten(1)
        if extra is not None:
            features = torch.cat([features, extra], 1)
        return self.dense(features)


class ConvDecoder(DecoderTrunk):
    """A dense layer, then upsampling and convolutions, with the arguments of `Trunk.decoder`.

    References:
        Deconvolution and checkerboard artifacts (Odena et al., 2016),
        https://doi.org/10.23915/distill.00003
    """

    def __init__(self, config: NetConfig, num_inputs: int, image_shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = image_shape
        sizes = stage_sizes(height, width)[::-1]
        stages = len(sizes) - 1
        wide = config.width * 2 ** (stages - 1)
        hidden = [config.hidden] if config.hidden else []
        self.coarsest: tuple[int, int, int] = (wide, *sizes[0])
        self.dense: nn.Sequential = dense_stack(
            [num_inputs, *hidden, math.prod(self.coarsest)], config.norm
        )
        layers: list[nn.Module] = []
        for stage in range(stages):
            last = stage == stages - 1
            after = channels if last else wide // 2
            for _ in range(config.depth - 1):
                layers += _convolution(nn.Conv2d(wide, wide, 3, 1, 1), wide, config)
            finer = sizes[stage + 1]
            if config.upsampling == "bilinear":
                layers.append(nn.Upsample(finer, mode="bilinear"))
                up = nn.Conv2d(wide, after, 3, 1, 1)
            else:
                odd = (finer[0] % 2, finer[1] % 2)  # restores what halving dropped
                up = nn.ConvTranspose2d(wide, after, 4, 2, 1, output_padding=odd)
            layers += [up] if last else _convolution(up, after, config)
            wide = after
        self.convolutions: nn.Sequential = nn.Sequential(*layers)
        initialize(self)

    def forward(self, features: Features) -> Images:
        images = self.convolutions(self.dense(features).unflatten(1, self.coarsest))
        return images.to(features.dtype)  # under autocast the layers return bfloat16


@register("trunk", "conv", settings=NetConfig)
class ConvTrunk(Trunk):
    """Strided convolutions, and transposed ones or bilinear interpolation in reverse."""

    @staticmethod
    def encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> ConvEncoder:
        return ConvEncoder(cast(NetConfig, config), image_shape, extra)

    @staticmethod
    def decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> ConvDecoder:
        return ConvDecoder(cast(NetConfig, config), num_inputs, image_shape)


def _convolution(layer: nn.Module, channels: int, config: NetConfig) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels)] if config.norm == "batch" else []
    return [layer, *norm, activation()]
