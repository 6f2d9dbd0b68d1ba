"""The interface of trunks, and the functions that build one from its settings.

To add a trunk, register a `Trunk` under `@register("trunk", name, settings=...)`. It works for any
number of channels and any size, odd and non-square ones too.
"""

from abc import ABC, abstractmethod
from typing import cast

from torch import nn

from latentarium.config import TrunkConfig
from latentarium.registry import component
from latentarium.shapes import Features, Images, SoftLabels

ImageShape = tuple[int, int, int]
"""Channels, height, width."""


class EncoderTrunk(nn.Module, ABC):
    """A network from images to features."""

    num_features: int
    """Size of the features."""

    @abstractmethod
    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        """Return the features of images.

        Arguments:
            x: Images in [-1, 1].
            extra: Numbers that enter with each image, such as an embedded label.
        """

    def __call__(self, x: Images, extra: SoftLabels | None = None) -> Features:
        return cast(Features, super().__call__(x, extra))


class DecoderTrunk(nn.Module, ABC):
    """A network from features to images.

    The output is unbounded: its meaning comes from the likelihood or the generator.
    """

    @abstractmethod
    def forward(self, features: Features) -> Images:
        """Return images for features, such as latents with an embedded label."""

    def __call__(self, features: Features) -> Images:
        return cast(Images, super().__call__(features))


class Trunk(ABC):
    """A kind of network that can be built in both directions."""

    @staticmethod
    @abstractmethod
    def encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> EncoderTrunk:
        """Build the network from images to features.

        Arguments:
            config: The settings of the trunk.
            image_shape: Channels, height, width.
            extra: Number of additional inputs per image; 0: none.
        """

    @staticmethod
    @abstractmethod
    def decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> DecoderTrunk:
        """Build the network from features to images.

        Arguments:
            config: The settings of the trunk.
            num_inputs: Size of the features.
            image_shape: Channels, height, width.
        """


def build_encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> EncoderTrunk:
    """Build the network from images to features that the settings define.

    Raises:
        UserError: No such trunk is registered (code "unknown-component"), or it can't take images
            of this size (code "image-too-small").
    """
    return component("trunk", config.kind).encoder(config, image_shape, extra)


def build_decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> DecoderTrunk:
    """Build the network from features to images that the settings define; see `build_encoder`."""
    return component("trunk", config.kind).decoder(config, num_inputs, image_shape)
