"""The fully connected trunk."""

import math
from typing import cast

import torch
from torch import nn

from latentarium.config import NetConfig, TrunkConfig
from latentarium.nn.base import DecoderTrunk, EncoderTrunk, ImageShape, Trunk
from latentarium.nn.layers import Fourier, dense_stack, initialize
from latentarium.registry import register
from latentarium.shapes import Features, Images, SoftLabels


def hidden_layers(num_inputs: int, config: NetConfig) -> nn.Sequential:
    """Return the hidden layers, after Fourier features if the settings request them."""
    hidden = [config.width] * config.depth
    options = {"norm": config.norm, "activation": config.activation}
    if config.fourier == 0:
        return dense_stack([num_inputs, *hidden], **options)
    fourier = Fourier(num_inputs, config.fourier)
    return nn.Sequential(fourier, *dense_stack([fourier.num_outputs, *hidden], **options))


class MLPEncoder(EncoderTrunk):
    """Fully connected layers on the flattened image, with the arguments of `Trunk.encoder`."""

    def __init__(self, config: NetConfig, image_shape: ImageShape, extra: int = 0) -> None:
        super().__init__()
        self.dense: nn.Sequential = hidden_layers(math.prod(image_shape) + extra, config)
        self.num_features: int = config.width
        initialize(self)

    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        features = x.flatten(1)
        if extra is not None:
            features = torch.cat([features, extra], 1)
        return self.dense(features)


class MLPDecoder(DecoderTrunk):
    """Fully connected layers from features to pixels, with the arguments of `Trunk.decoder`."""

    def __init__(self, config: NetConfig, num_inputs: int, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.dense: nn.Sequential = hidden_layers(num_inputs, config)
        self.dense.append(nn.Linear(config.width, math.prod(image_shape)))
        initialize(self, self.dense[-1], config.output_scale)

    def forward(self, features: Features) -> Images:
        return self.dense(features).unflatten(1, self.image_shape)


@register("trunk", "mlp", settings=NetConfig)
class MLPTrunk(Trunk):
    """Fully connected layers."""

    @staticmethod
    def encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> MLPEncoder:
        return MLPEncoder(cast(NetConfig, config), image_shape, extra)

    @staticmethod
    def decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> MLPDecoder:
        return MLPDecoder(cast(NetConfig, config), num_inputs, image_shape)
