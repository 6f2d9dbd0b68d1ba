"""The interface of trunks, and the functions that build one from its settings.

To add a trunk, register a subclass of `Trunk` with `@register("trunk", name, settings=...)`. It
must work for any number of channels and any image size, including odd and non-square sizes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

import torch
from torch import Tensor, nn

from latentarium.config import TrunkConfig
from latentarium.registry import component
from latentarium.shapes import Features, Images, SoftLabels

ImageShape = tuple[int, int, int]
"""Channels, height, width."""

_trunk_type: ContextVar[torch.dtype | None] = ContextVar("trunk_type", default=None)


@contextmanager
def trunks_compute_in(dtype: torch.dtype) -> Iterator[None]:
    """Let trunks, and the hidden layers between two levels of latents, compute in this type until
    the block ends (mixed precision).

    Their parameters and outputs, and whatever is computed outside of them, keep their types.
    """
    token = _trunk_type.set(dtype)
    try:
        yield
    finally:
        _trunk_type.reset(token)


def in_trunk_type(call: Callable[..., Tensor], *inputs: Tensor | None) -> Tensor:
    """Call a trunk, or other hidden layers, in the type that `trunks_compute_in` sets.

    The first input is a tensor, and the output has its type.
    """
    dtype, first = _trunk_type.get(), inputs[0]
    if dtype is None or first is None:
        return call(*inputs)
    with torch.autocast(first.device.type, dtype):
        output = call(*inputs)
    return output.to(first.dtype)


class EncoderTrunk(nn.Module, ABC):
    """A network from images to features."""

    num_features: int
    """Size of the features."""

    @abstractmethod
    def forward(self, x: Images, extra: SoftLabels | None = None) -> Features:
        """Return the features of images.

        Arguments:
            x: Images in [-1, 1].
            extra: Additional inputs for each image, such as an embedded label; None for none.
        """

    def __call__(self, x: Images, extra: SoftLabels | None = None) -> Features:
        return cast(Features, in_trunk_type(super().__call__, x, extra))


class DecoderTrunk(nn.Module, ABC):
    """A network from features to images.

    The output is unbounded; the likelihood or the generator maps it to pixel values.
    """

    @abstractmethod
    def forward(self, features: Features) -> Images:
        """Return images from features, for instance from latents with an embedded label."""

    def __call__(self, features: Features) -> Images:
        return cast(Images, in_trunk_type(super().__call__, features))


class Trunk(ABC):
    """A network architecture that can be built as an encoder and as a decoder."""

    @staticmethod
    @abstractmethod
    def encoder(config: TrunkConfig, image_shape: ImageShape, extra: int = 0) -> EncoderTrunk:
        """Build the network from images to features.

        Arguments:
            config: The settings of the trunk.
            image_shape: Channels, height, width.
            extra: Number of additional inputs per image; 0 for none.
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
    """Build the encoder trunk that the settings define.

    Raises:
        UserError: No such trunk is registered (code "unknown-component"), or the images are too
            small for it (code "image-too-small").
    """
    return component("trunk", config.kind).encoder(config, image_shape, extra)


def build_decoder(config: TrunkConfig, num_inputs: int, image_shape: ImageShape) -> DecoderTrunk:
    """Build the decoder trunk that the settings define; errors are those of `build_encoder`."""
    return component("trunk", config.kind).decoder(config, num_inputs, image_shape)
