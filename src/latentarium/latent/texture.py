"""Statistics of an image's texture: differences, local contrast, power spectrum, grey values.

Features of a classifier hardly change if noise is added to the pixels, so a distance between such
features doesn't reveal it. These statistics do. Each is computed for the brightness and, if there
are several channels, for the saturation and for the difference of each two successive channels:
hues can change within an image of constant brightness and saturation.

References:
    Statistics of natural image categories (Torralba and Oliva, 2003)
    Detecting hidden messages using higher-order statistics (Farid, 2001): moments of differences
    at several scales
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from latentarium.shapes import Features, Pixels

GRID, GREY_BINS, RADIAL_BINS = 4, 8, 10
"""Blocks per side of the image, bins of grey values, and bins of spatial frequency."""
MIN_SIDE = 4
"""Differences are computed at all scales at which the smaller side is at least this long."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
"""Quantiles of the local contrast."""
EPSILON = 1e-3
"""Added before logarithms, in units of the range of pixel values."""


def texture_statistics(images: Pixels, *, batch_size: int = 500) -> Features:
    """Return the statistics of each image as float32.

    Arguments:
        images: uint8 images.
        batch_size: Images per pass. It limits memory and does not change the result.
    """
    return torch.cat([_statistics(part.float() / 255) for part in images.split(batch_size)])


def _statistics(x: Tensor) -> Tensor:
    brightness = x.mean(1, keepdim=True)
    planes = [brightness]
    if x.shape[1] > 1:
        planes.append((x - brightness).square().mean(1, keepdim=True).sqrt())
        planes += ((x.diff(dim=1) + 1) / 2).split(1, dim=1)
    # one pass over all planes takes hardly longer than one over a single plane of a single image
    statistics = torch.cat(_plane_statistics(torch.cat(planes)), 1)
    return torch.cat(statistics.chunk(len(planes)), 1)


def _plane_statistics(x: Tensor) -> list[Tensor]:
    contrast = _local_contrast(x)
    edges = torch.linspace(0, 1, GREY_BINS, device=x.device)
    shares = (1 - (x.flatten(1)[..., None] - edges).abs() * (GREY_BINS - 1)).clamp_min(0).mean(1)
    return [
        *_differences(x),
        shares.sqrt(),
        _log(_quantiles(contrast.flatten(1))),
        _log_spectrum(x),
        adaptive_avg_pool2d(x, GRID).flatten(1),
        _log(adaptive_avg_pool2d(contrast, GRID).flatten(1)),
    ]


def _quantiles(x: Tensor) -> Tensor:
    """Return `QUANTILES` of each row, the same bits as from `torch.quantile`, which sorts all
    values and takes about four times as long."""
    below, above, share = _positions(x.shape[1])
    places = sorted({*below, *above})
    part = torch.from_numpy(np.partition(x.numpy(), places, axis=1))
    return part[:, below].lerp(part[:, above], share)


@cache
def _positions(size: int) -> tuple[list[int], list[int], Tensor]:
    """Return the indices below and above each quantile of sorted values, and the weight of the
    latter."""
    position = torch.tensor(QUANTILES) * (size - 1)
    below, above = position.floor(), position.ceil()
    return below.long().tolist(), above.long().tolist(), position - below


def _log(x: Tensor) -> Tensor:
    return (x + EPSILON).log()


def _differences(x: Tensor) -> list[Tensor]:
    """Return the logarithms of the mean absolute value and the root mean square of horizontal,
    vertical and mixed differences, at each scale."""
    parts = []
    while True:
        across, down = x.diff(dim=3), x.diff(dim=2)
        for difference in (across, down, across.diff(dim=2)):
            flat = difference.flatten(1)
            parts += [_log(flat.abs().mean(1)), _log(flat.square().mean(1).sqrt())]
        if min(x.shape[2:]) < 2 * MIN_SIDE:
            return [torch.stack(parts, 1)]
        x = avg_pool2d(x, 2)


def _local_contrast(x: Tensor) -> Tensor:
    """Return the standard deviation in the 3 x 3 neighbourhood of each pixel."""
    mean, square = (avg_pool2d(v, 3, 1, 1, count_include_pad=False) for v in (x, x.square()))
    return (square - mean.square()).clamp_min(0).sqrt()


def _log_spectrum(x: Tensor) -> Tensor:
    """Return the log power in bins of spatial frequency, separately for frequencies that are
    nearer to the horizontal and to the vertical axis."""
    height, width = x.shape[2:]
    centred = x[:, 0] - x.mean((1, 2, 3))[:, None, None]
    power = torch.fft.rfft2(centred, norm="ortho").abs().square().flatten(1)
    return (power @ _frequency_bins(height, width) + EPSILON**2).log()


@cache
def _frequency_bins(height: int, width: int) -> Tensor:
    """Return the weights (frequencies, bins) that average the power in each bin."""
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    radius = (down.square() + across.square()).sqrt() / 0.5**0.5
    index = (radius * RADIAL_BINS).long().clamp_max(RADIAL_BINS - 1)
    index = index * 2 + (down.abs() > across.abs())
    bins = torch.nn.functional.one_hot(index.flatten(), 2 * RADIAL_BINS).float()
    bins[0] = 0  # the mean of the image
    return bins[:, bins.sum(0) > 0] / bins.sum(0)[bins.sum(0) > 0]
