"""The convolutional trunk.

The encoder halves height and width, at least once, until the larger of them is at most 8 pixels or
the smaller is 1 pixel. The decoder goes through the same sizes in reverse. Every height and width
of at least 2 pixels is possible, odd ones included: halving rounds down, and the decoder knows the
size before.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentarium.config import NetConfig, TrunkConfig
from latentarium.errors import UserError
from latentarium.nn.base import DecoderTrunk, EncoderTrunk, ImageShape, Trunk
from latentarium.nn.layers import build_activation, dense_stack, initialize
from latentarium.registry import register
from latentarium.shapes import Features, Images, SoftLabels
from latentarium.texts import Text

COARSEST_SIDE = 8
"""A side with more pixels than this is halved."""


def stage_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the image sizes of the stages, finest first.

    Raises:
        UserError: Height or width is 1 pixel, as for points in the plane (code "image-too-small").
    """
    if min(height, width) < 2:
        raise UserError(
            Text(
                "Images of {height} x {width} pixels are too small for a convolutional "
                "trunk: set kind to 'mlp', or use a preset for points in the plane, such "
                "as gan_ring.",
                height=height,
                width=width,
            ),
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
        self.dense: nn.Sequential = dense_stack(
            [flat, *hidden], norm=config.norm, activation=config.activation
        )
        self.num_features: int = hidden[-1] if hidden else flat
        initialize(self)

    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        features = self.convolutions(x).flatten(1)
        if extra is not None:
            features = torch.cat([features, extra], 1)
        return self.dense(features)


class ResizeConv2d(nn.Conv2d):
    """Double height and width by bilinear interpolation, then convolve with a 3 x 3 kernel.

    Equal features give equal pixels, whereas a transposed convolution treats pixels differently by
    the parity of their position, which shows as a checkerboard. Both operations together are a
    transposed convolution whose 6 x 6 kernel is the 3 x 3 kernel convolved with that of the
    interpolation, which needs no enlarged copy of the features. Pixels at the border are repeated
    beyond it.

    References:
        Deconvolution and checkerboard artifacts (Odena et al., 2016),
        https://doi.org/10.23915/distill.00003

    Arguments:
        before, after: Number of channels of the input and of the output.
        odd: 1 if the output's height (width) is one pixel larger than twice the input's.
    """

    def __init__(self, before: int, after: int, odd: tuple[int, int] = (0, 0)) -> None:
        super().__init__(before, after, 3)
        self.odd: tuple[int, int] = odd

    def forward(self, input: Tensor) -> Tensor:
        kernel = self.weight.transpose(0, 1).flip(2, 3)
        kernel = _interpolate(_interpolate(kernel).transpose(2, 3)).transpose(2, 3)
        height, width = (
            2 * size + odd for size, odd in zip(input.shape[2:], self.odd, strict=True)
        )
        border = (1, 1 + self.odd[1], 1, 1 + self.odd[0])
        input = functional.pad(input, border, mode="replicate")
        output = functional.conv_transpose2d(input, kernel, self.bias, stride=2, padding=4)
        return output[:, :, :height, :width]


def _interpolate(kernel: Tensor) -> Tensor:
    """Convolve the rows of a kernel with that of linear interpolation, (1, 3, 3, 1) / 4."""
    shifted = [functional.pad(kernel, (shift, 3 - shift)) for shift in range(4)]
    return 0.25 * (shifted[0] + shifted[3]) + 0.75 * (shifted[1] + shifted[2])


class ConvDecoder(DecoderTrunk):
    """A dense layer, then upsampling and convolutions, with the arguments of `Trunk.decoder`."""

    def __init__(self, config: NetConfig, num_inputs: int, image_shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = image_shape
        sizes = stage_sizes(height, width)[::-1]
        stages = len(sizes) - 1
        wide = config.width * 2 ** (stages - 1)
        hidden = [config.hidden] if config.hidden else []
        self.coarsest: tuple[int, int, int] = (wide, *sizes[0])
        self.dense: nn.Sequential = dense_stack(
            [num_inputs, *hidden, math.prod(self.coarsest)],
            norm=config.norm,
            activation=config.activation,
        )
        layers: list[nn.Module] = []
        for stage in range(stages):
            last = stage == stages - 1
            after = channels if last else wide // 2
            for _ in range(config.depth - 1):
                layers += _convolution(nn.Conv2d(wide, wide, 3, 1, 1), wide, config)
            finer = sizes[stage + 1]
            odd = (finer[0] % 2, finer[1] % 2)  # restores the row or column that halving dropped
            up = (
                ResizeConv2d(wide, after, odd)
                if config.upsampling == "bilinear"
                else nn.ConvTranspose2d(wide, after, 4, 2, 1, output_padding=odd)
            )
            layers += [up] if last else _convolution(up, after, config)
            wide = after
        self.convolutions: nn.Sequential = nn.Sequential(*layers)
        initialize(self, self.convolutions[-1], config.output_scale)

    def forward(self, features: Features) -> Images:
        return self.convolutions(self.dense(features).unflatten(1, self.coarsest))


@register("trunk", "conv", settings=NetConfig)
class ConvTrunk(Trunk):
    """Strided convolutions, and transposed or resize convolutions in reverse."""

    @staticmethod
    def encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> ConvEncoder:
        return ConvEncoder(cast(NetConfig, config), image_shape, extra)

    @staticmethod
    def decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> ConvDecoder:
        return ConvDecoder(cast(NetConfig, config), num_inputs, image_shape)


def _convolution(layer: nn.Module, channels: int, config: NetConfig) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels)] if config.norm == "batch" else []
    return [layer, *norm, build_activation(config.activation)]
