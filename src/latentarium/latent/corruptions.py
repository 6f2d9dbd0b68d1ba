"""Corrupted versions of real images, which nobody takes for real.

They have two uses. Two discriminators learn to tell them from real images. And those in
`CORRUPTIONS` are positive controls: if the scores of corrupted images don't differ from those of
real ones, the scores of other images can't show that they are like real ones either.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from latentarium.shapes import Pixels

Corruption = Callable[[Tensor, torch.Generator], Tensor]
MILD_BLUR, HEAVY_BLUR = 1 / 28, 1 / 9
"""Standard deviation of a blur that leaves an image readable and of one that doesn't, as a share
of the smaller side of the image."""
MIN_MILD_BLUR = 0.5
"""Smallest standard deviation of a mild blur in pixels; a smaller one changes nothing. Images of
14 or more pixels have a larger one."""
MOSAIC_SIDE = 7
"""Largest number of pixels per side of a mosaic."""


def corrupt(images: Pixels, seed: int) -> Pixels:
    """Return a corrupted version of each image; the kinds take turns."""
    noise = torch.Generator().manual_seed(seed)
    kinds = [*CORRUPTIONS.values(), *HARD]
    return _as_pixels(corrupt_floats(images.float() / 255, kinds, noise))


def corrupt_floats(x: Tensor, kinds: Sequence[Corruption], noise: torch.Generator) -> Tensor:
    """Return a corrupted version of each image in [0, 1]; the kinds take turns."""
    corrupted = torch.empty_like(x)
    for number, kind in enumerate(kinds):
        part = x[number :: len(kinds)]
        if len(part):
            corrupted[number :: len(kinds)] = kind(part, noise).clamp(0, 1)
    return corrupted


def soften(images: Pixels, seed: int) -> Pixels:
    """Return a mildly blurred version of each image, which is still readable."""
    noise = torch.Generator().manual_seed(seed)
    return _as_pixels(soften_floats(images.float() / 255, noise))


def soften_floats(x: Tensor, noise: torch.Generator) -> Tensor:
    """Return a mildly blurred version of each image in [0, 1]."""
    share = torch.rand(len(x), 1, 1, 1, generator=noise)
    deviation = max(MIN_MILD_BLUR, MILD_BLUR * min(x.shape[2:]))
    return x + share * (blur(x, deviation) - x)


def _as_pixels(x: Tensor) -> Pixels:
    return (x * 255).round().to(torch.uint8)


def blur(x: Tensor, deviation: float) -> Tensor:
    """Convolve images with a Gaussian, given its standard deviation in pixels; border pixels are
    repeated outside the image."""
    height, width = x.shape[2:]
    return _blur_matrix(height, deviation) @ x @ _blur_matrix(width, deviation).T


@lru_cache(maxsize=64)
def _blur_matrix(size: int, deviation: float) -> Tensor:
    """Return the matrix that blurs a column of pixels; products are faster than convolutions."""
    radius = max(1, math.ceil(2.5 * deviation))
    offsets = torch.arange(-radius, radius + 1)
    kernel = (-0.5 * (offsets / deviation).square()).exp()
    weights = (kernel / kernel.sum()).expand(size, -1)
    source = (torch.arange(size)[:, None] + offsets).clamp(0, size - 1)
    return torch.zeros(size, size).scatter_add_(1, source, weights)


def spectral_noise(x: Tensor, noise: torch.Generator) -> Tensor:
    """Replace images by noise with a power spectrum 1/f^a, a from 0 to 2, of random contrast."""
    height, width = x.shape[2:]
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    radius = (down.square() + across.square()).sqrt().clamp_min(1 / max(height, width))
    exponent = torch.rand(len(x), 1, 1, 1, generator=noise)
    white = torch.fft.rfft2(torch.randn(x.shape, generator=noise))
    coloured = torch.fft.irfft2(white * radius**-exponent, s=(height, width))
    coloured = coloured - coloured.mean((1, 2, 3), keepdim=True)
    scale = 0.1 + 0.4 * torch.rand(len(x), 1, 1, 1, generator=noise)
    level = torch.rand(len(x), x.shape[1], 1, 1, generator=noise)
    return level + scale * coloured / coloured.std((1, 2, 3), keepdim=True)


def shuffle_pixels(x: Tensor, noise: torch.Generator) -> Tensor:
    """Permute the pixels of each image."""
    order = torch.rand(len(x), 1, x[0, 0].numel(), generator=noise).argsort(2)
    return x.flatten(2).gather(2, order.expand(-1, x.shape[1], -1)).view_as(x)


def add_noise(x: Tensor, noise: torch.Generator) -> Tensor:
    """Add white noise."""
    scale = 0.15 + 0.35 * torch.rand(len(x), 1, 1, 1, generator=noise)
    return x + scale * torch.randn(x.shape, generator=noise)


def heavy_blur(x: Tensor, noise: torch.Generator) -> Tensor:
    """Blur images until they are unreadable."""
    widths = HEAVY_BLUR * min(x.shape[2:]) * (1 + torch.rand(8, generator=noise))
    parts = [blur(part, float(w)) for part, w in zip(x.chunk(8), widths, strict=False)]
    return torch.cat(parts)


def mix(x: Tensor, noise: torch.Generator) -> Tensor:
    """Average each image with another one."""
    share = 0.35 + 0.3 * torch.rand(len(x), 1, 1, 1, generator=noise)
    return share * x + (1 - share) * x.roll(1, 0)


def overlay(x: Tensor, noise: torch.Generator) -> Tensor:
    """Take the larger or the smaller value of two images at each pixel."""
    larger = torch.rand(len(x), 1, 1, 1, generator=noise) < 0.5
    other = x.roll(1, 0)
    return torch.where(larger, torch.maximum(x, other), torch.minimum(x, other))


def stitch(x: Tensor, noise: torch.Generator) -> Tensor:
    """Join the halves of two images, side by side or one above the other."""
    other = x.roll(1, 0)
    vertical = torch.rand(len(x), 1, 1, 1, generator=noise) < 0.5
    height, width = x.shape[2:]
    upper = (torch.arange(height) < height // 2)[None, None, :, None]
    left = (torch.arange(width) < width // 2)[None, None, None]
    return torch.where(torch.where(vertical, upper, left), x, other)


def shuffle_patches(x: Tensor, noise: torch.Generator) -> Tensor:
    """Permute the patches of a grid of 3 x 3 or 4 x 4."""
    parts = []
    for part, grid in zip(x.chunk(2), (4, 3), strict=False):
        height, width = (max(1, size // grid) for size in part.shape[2:])
        result = part.clone()
        patches = result[..., : grid * height, : grid * width]
        patches = patches.unfold(2, height, height).unfold(3, width, width)
        rows, columns = patches.shape[2:4]
        flat = patches.reshape(len(part), part.shape[1], rows * columns, height, width)
        order = torch.rand(len(part), rows * columns, generator=noise).argsort(1)
        index = order[:, None, :, None, None].expand_as(flat)
        moved = flat.gather(2, index).view_as(patches).permute(0, 1, 2, 4, 3, 5)
        result[..., : rows * height, : columns * width] = moved.reshape(
            len(part), part.shape[1], rows * height, columns * width
        )
        parts.append(result)
    return torch.cat(parts)


def invert(x: Tensor, noise: torch.Generator) -> Tensor:
    """Return the negatives of images."""
    del noise
    return 1 - x


def occlude(x: Tensor, noise: torch.Generator) -> Tensor:
    """Cover a block of a third to two thirds of each side with one colour."""
    corner, size = (torch.rand(len(x), 2, 1, 1, 1, generator=noise) for _ in range(2))
    size = (1 + size) / 3
    low = corner * (1 - size)
    down = torch.linspace(0, 1, x.shape[2])[:, None]
    across = torch.linspace(0, 1, x.shape[3])[None]
    inside = (down - low[:, 0] - size[:, 0] / 2).abs() < size[:, 0] / 2
    inside = inside & ((across - low[:, 1] - size[:, 1] / 2).abs() < size[:, 1] / 2)
    return torch.where(inside, torch.rand(len(x), x.shape[1], 1, 1, generator=noise), x)


def flatten(x: Tensor, noise: torch.Generator) -> Tensor:
    """Replace images by one colour or a gradient of two."""
    ends = torch.rand(2, len(x), x.shape[1], 1, 1, generator=noise)
    constant = torch.rand(len(x), 1, 1, 1, generator=noise) < 0.5
    position = torch.linspace(0, 1, x.shape[3])
    gradient = ends[0] + position * (ends[1] - ends[0])
    return torch.where(constant, ends[0], gradient).expand_as(x)


def mosaic(x: Tensor, noise: torch.Generator) -> Tensor:
    """Reduce images to a few large pixels with few values."""
    del noise
    size = [min(MOSAIC_SIDE, max(1, side // 2)) for side in x.shape[2:]]
    small = interpolate(x, size=size, mode="area")
    return interpolate((small * 3).round() / 3, size=x.shape[2:], mode="nearest")


def checkerboard(x: Tensor, noise: torch.Generator) -> Tensor:
    """Add a checkerboard of single pixels, up to full contrast."""
    board = (torch.arange(x.shape[2])[:, None] + torch.arange(x.shape[3])[None]) % 2
    strength = 0.2 + 0.8 * torch.rand(len(x), 1, 1, 1, generator=noise)
    return x + strength * (board - x)


def blend(x: Tensor, noise: torch.Generator) -> Tensor:
    """Join parts of two images along a random smooth line."""
    field = _smooth_fields(x, noise, 0.08, 0.25)[:, :1]
    return torch.where(field > 0, x, x.roll(1, 0))


def warp(x: Tensor, noise: torch.Generator) -> Tensor:
    """Move the pixels along random smooth fields, by up to about a third of the side."""
    height, width = x.shape[2:]
    strength = 0.16 + 0.2 * torch.rand(len(x), 1, 1, 1, generator=noise)
    shift = (strength * _smooth_fields(x, noise, 0.06, 0.16)).permute(0, 2, 3, 1)
    down, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    places = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)
    return grid_sample(x, places + shift, padding_mode="border", align_corners=True)


def melt(x: Tensor, noise: torch.Generator) -> Tensor:
    """Warp and blur images, which leaves soft shapes of their colours."""
    least = 1 / 20
    widths = least + (HEAVY_BLUR - least) * torch.rand(4, generator=noise)
    parts = [
        blur(warp(part, noise), float(width) * min(x.shape[2:]))
        for part, width in zip(x.chunk(4), widths, strict=False)
    ]
    return torch.cat(parts)


def _smooth_fields(x: Tensor, noise: torch.Generator, low: float, high: float) -> Tensor:
    """Return two smooth random fields of unit variance per image.

    Their scale, as a share of the side, is drawn between `low` and `high`.
    """
    share = low + (high - low) * float(torch.rand(1, generator=noise))
    white = torch.randn(len(x), 2, *x.shape[2:], generator=noise)
    fields = blur(white, share * min(x.shape[2:]))
    return fields / fields.std((2, 3), keepdim=True).clamp_min(1e-6)


CORRUPTIONS: dict[str, Corruption] = {
    kind.__name__: kind
    for kind in (
        spectral_noise, shuffle_pixels, add_noise, heavy_blur, mix, overlay, stitch,
        shuffle_patches, invert, occlude, flatten, mosaic, checkerboard,
    )
}  # fmt: skip
HARD = (mix, overlay, stitch, shuffle_patches)
"""Kinds that most resemble real images; a discriminator sees them twice as often."""
MORE_CORRUPTIONS: tuple[Corruption, ...] = (blend, warp, melt)
"""Kinds from which only the network learns; they are no positive controls."""
NETWORK_KINDS: tuple[Corruption, ...] = (
    *CORRUPTIONS.values(),
    *4 * (mix, overlay, stitch, blend),
    *3 * (shuffle_patches,),
    *2 * (occlude, warp, melt),
)
"""Kinds from which the network learns, hard ones several times."""
