"""A convolutional network that tells corrupted images from real ones by their pixels.

The discriminator of statistics in `latent.discriminator` can't see that a shape is wrong, as in an
image that is joined from halves of two others. This network can. Images with sides of more than 32
pixels are reduced to 32 for it: fine textures are left to the statistics, which are computed at
full resolution.
"""

import json
import math
from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn.functional import interpolate

from latentarium.errors import UserError
from latentarium.files import write_atomic
from latentarium.shapes import PerPoint, Pixels

MAX_SIDE = 32
"""Longer sides are reduced to this many pixels."""
WIDTHS, NUM_FEATURES = (24, 48, 64, 64), 64
"""Channels of the convolutions, and units of the dense layer."""
MIN_COLOUR_CHANNELS, NUM_SAMPLES = 3, 250
"""Images with at least so many channels have colours; number of samples of a small VAE that the
network of such images keeps for the discriminator of statistics."""


@final
class CorruptionNetwork(nn.Module):
    """Four convolutions, of which three halve the image, and a dense layer.

    Arguments:
        image_shape: Channels, height, width.
    """

    samples: Tensor | None
    """Samples of a small VAE, uint8, for images with colours."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_shape = image_shape
        channels, *sides = image_shape
        sides = [min(side, MAX_SIDE) for side in sides]
        colours = channels >= MIN_COLOUR_CHANNELS
        samples = torch.zeros(NUM_SAMPLES, channels, *sides, dtype=torch.uint8)
        layers: list[nn.Module] = []
        for width, kernel, stride in zip(WIDTHS, (4, 3, 3, 3), (2, 2, 1, 2), strict=True):
            layers += [nn.Conv2d(channels, width, kernel, stride, 1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
            sides = [(side + 2 - kernel) // stride + 1 for side in sides]
        dense = nn.Linear(channels * math.prod(sides), NUM_FEATURES, bias=False)
        layers += [nn.Flatten(), dense, nn.BatchNorm1d(NUM_FEATURES), nn.ReLU()]
        self.layers: nn.Sequential = nn.Sequential(*layers, nn.Linear(NUM_FEATURES, 1))
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  stubs
        # after the conversion, since files hold contiguous tensors only
        self.register_buffer("samples", samples if colours else None)

    def forward(self, x: Tensor) -> Tensor:
        """Return the log odds that images are corrupted, with gradients, for training.

        Arguments:
            x: Images in [0, 1] as `reduce` returns them.
        """
        return self.layers((2 * x - 1).contiguous(memory_format=torch.channels_last))[:, 0]

    @torch.no_grad()
    def log_odds(self, images: Pixels, *, batch_size: int = 500) -> PerPoint:
        """Return the log odds that images are corrupted, in float64."""
        return torch.cat([self(reduce(part)) for part in images.split(batch_size)]).double()


def reduce(images: Pixels) -> Tensor:
    """Return images in [0, 1], reduced by area to sides of at most `MAX_SIDE`."""
    x = images.float() / 255
    size = tuple(min(side, MAX_SIDE) for side in x.shape[2:])
    return x if size == tuple(x.shape[2:]) else interpolate(x, size=size, mode="area")


def round_weights(network: CorruptionNetwork) -> CorruptionNetwork:
    """Round the weights to those that files hold, in float16, and return the network for use."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    return network.eval().requires_grad_(False)


def save_network(network: CorruptionNetwork, path: Path, *, fingerprint: str) -> None:
    """Write a network with rounded weights into a file.

    Arguments:
        network: The network.
        path: The file.
        fingerprint: Fingerprint of the images that it was trained on.
    """
    state = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    metadata = {"image_shape": json.dumps(network.image_shape), "fingerprint": fingerprint}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save_tensors(state, metadata))


def load_network(path: Path, *, fingerprint: str) -> CorruptionNetwork | None:
    """Read a network; None if it was trained on other images.

    Raises:
        UserError: The file is damaged ("damaged-network").
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                return None
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        channels, height, width = map(int, json.loads(metadata["image_shape"]))
        network = CorruptionNetwork((channels, height, width))
        network.load_state_dict(state)
        if not all(bool(value.isfinite().all()) for value in state.values()):
            raise ValueError("a weight is not finite")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError):
        raise UserError(
            f"The network at {path} is damaged; delete it, and it is trained again.",
            code="damaged-network",
        ) from None
    return network.eval().requires_grad_(False)
