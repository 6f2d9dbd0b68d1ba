"""Statistics of images with colours: straight edges and palettes.

Where parts of images are joined, moved or covered, there are straight horizontal and vertical
edges of a single pixel, which are rare in images that were drawn or photographed. And models that
are stopped early draw colours that change gradually, where icons have few colours.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from latentarium.shapes import Features, Pixels

LENGTHS, EDGES = (8, 4, 2), 2
"""Lengths of edges, as parts of the side, and number of the strongest ones of each length."""
LEVELS, FINE_LEVELS, FREQUENT = 4, 16, 8
"""Levels per channel of the histogram of colours, levels of the one whose shares are sorted, and
number of its largest shares."""
EPSILON = 1e-3
"""Added before the logarithms of edges, in units of the range of pixel values."""


def colour_statistics(images: Pixels, *, batch_size: int = 500) -> Features:
    """Return the statistics of each image as float32.

    Arguments:
        images: uint8 images with three or more channels. The palette is that of the first three.
        batch_size: Images per pass. It limits memory and does not change the result.
    """
    return torch.cat([_statistics(part.float() / 255) for part in images.split(batch_size)])


def _statistics(x: Tensor) -> Tensor:
    if x.shape[2] == x.shape[3]:  # one pass over both is faster than one over each
        edges = torch.cat(_edges(torch.cat([x, x.transpose(2, 3)])), 1).chunk(2)
    else:
        edges = [*_edges(x), *_edges(x.transpose(2, 3))]
    return torch.cat([*edges, *_palette(x[:, :3])], 1)


def _edges(x: Tensor) -> list[Tensor]:
    """Return the logarithms of the strongest vertical edges of each length: means of how far the
    difference of two neighbours exceeds those to their left and right."""
    height = x.shape[2]
    step = x.diff(dim=3).abs().mean(1)
    neighbours = pad(step, (1, 1))
    excess = (step - torch.maximum(neighbours[..., :-2], neighbours[..., 2:])).clamp_min(0)
    sums = pad(excess.cumsum(1), (0, 0, 1, 0))
    parts = []
    for part in LENGTHS:
        length = max(2, height // part)
        strongest = (sums[:, length:] - sums[:, :-length]).amax(1) / length
        parts.append((strongest.topk(EDGES, 1).values + EPSILON).log())
    return parts


def _palette(x: Tensor) -> list[Tensor]:
    """Return the square roots of the shares of colours and of the largest shares of fine colours,
    the logarithm of the number of the latter, and their entropy in nats."""
    n, fine, coarse = len(x), FINE_LEVELS, LEVELS
    level = (x * fine).long().clamp_max(fine - 1)
    colour = ((level[:, 0] * fine + level[:, 1]) * fine + level[:, 2]).flatten(1)
    share = torch.full((1, 1), 1 / colour.shape[1]).expand_as(colour)
    shares = torch.zeros(n, fine**3).scatter_add_(1, colour, share)
    number = (shares > 0).sum(1, keepdim=True).float()
    entropy = torch.special.entr(shares).sum(1, keepdim=True)
    frequent = shares.topk(FREQUENT, 1).values
    parts = [size for _ in range(3) for size in (coarse, fine // coarse)]
    shares = shares.view(n, *parts).sum((2, 4, 6)).flatten(1)
    return [shares.sqrt(), frequent.sqrt(), number.log(), entropy]
