"""Ways between two latents of a model, and films of them.

straight    lerp
spherical   slerp: keeps the length that draws from a wide N(0, I) have
data        through the data: over a graph of codes, where the model has an encoder
"""

import threading
from weakref import WeakKeyDictionary

import numpy as np
import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.errors import UserError
from latentarium.image_files import gif_bytes
from latentarium.latent.latent_map import Atlas
from latentarium.latent.paths import DataGraph, lerp, slerp
from latentarium.shapes import LatentVector, Path

GRAPH_CODES = 20_000
"""Codes that a graph joins, at most, from all over the data: it is built in half a second."""
NEIGHBOURS = (10, 40, 160)
"""Of each code: more where fewer leave islands."""
_graphs: "WeakKeyDictionary[Atlas, dict[int, DataGraph]]" = WeakKeyDictionary()
"""Built once for many ways."""
_building = threading.Lock()


def ways_of(atlas: Atlas) -> tuple[str, ...]:
    """The ways that a model has: through the data only with an encoder."""
    return ("straight", "spherical", "data") if atlas.has_map else ("straight", "spherical")


def way(atlas: Atlas, name: str, a: LatentVector, b: LatentVector, steps: int = 16) -> Path:
    """The latents from a to b, both included.

    Raises:
        UserError: No such way for this model, or none between these two.
    """
    if name not in ways_of(atlas):
        raise UserError(f"There is no way '{name}' here: choose {' or '.join(ways_of(atlas))}.")
    if name == "straight":
        return lerp(a, b, steps)
    if name == "spherical":
        return slerp(a, b, steps)
    return through_data(atlas, a, b, steps)


def through_data(atlas: Atlas, a: LatentVector, b: LatentVector, steps: int = 16) -> Path:
    """The shortest way over a graph that joins each code to its 10 nearest; where islands are
    left, to more.

    Raises:
        UserError: Too few codes, or even those leave islands.
    """
    most = min(len(atlas.codes), GRAPH_CODES) - 1
    *fewer, last = sorted({min(k, most) for k in NEIGHBOURS})
    for k in fewer:
        try:
            return _graph(atlas, k).path(a, b, steps)
        except UserError:
            continue
    return _graph(atlas, last).path(a, b, steps)


def _graph(atlas: Atlas, k: int) -> DataGraph:
    with _building:  # by one thread for all who wait for it
        kept = _graphs.setdefault(atlas, {})
        if k not in kept:
            order = torch.from_numpy(fixed_permutation(len(atlas.codes))[:GRAPH_CODES])
            kept[k] = DataGraph(atlas.codes[order], k)
        return kept[k]


def film(pixels: np.ndarray, *, side: int = 256, milliseconds: int = 90) -> bytes:
    """Images as an endless GIF, there and back, each pixel a square.

    Arguments:
        pixels: uint8 (n, channels, height, width).
        side: Frames are enlarged by the largest whole number that fits their longer side in it.
        milliseconds: Of each frame; the ends stay four times as long.
    """
    scale = max(1, side // max(pixels.shape[2:]))
    large = pixels.repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)
    shown = large if large.shape[3] == 3 else large[..., 0]
    there = list(np.ascontiguousarray(shown))
    times = [milliseconds] * len(there)
    times[0] = times[-1] = 4 * milliseconds
    return gif_bytes(there + there[-2:0:-1], times + times[-2:0:-1])
