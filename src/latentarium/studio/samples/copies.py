"""Whether an image is one of the training images: its nearest one, beside what is usual.

The distance is Euclidean between pixels in [-1, 1], as in `metrics.memorization`; what is usual is
how near real images that the model never saw are to their nearest training image.
"""

import threading
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from latentarium.data.dataset import Data, to_float
from latentarium.latent.gaps import percentile_among
from latentarium.metrics.subject import first
from latentarium.shapes import Images, LabelSet, PerPoint

USUAL = 1000
"""Held-out images that say what is usual, at most."""
ROWS = 1 << 22
"""Pixels of training images held as floats at once: 16 MiB."""


@dataclass(frozen=True, kw_only=True)
class Copies:
    """The nearest training image of each of some images."""

    number: LabelSet
    distance: PerPoint
    nearer: PerPoint
    """The share of held-out real images that lie nearer to a training image."""


class CopyCheck:
    """Finds nearest training images; exact, with little memory beside the images themselves.

    Arguments:
        data: What models were trained on.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self._train = data.train.images.flatten(1)
        self._lock = threading.Lock()

    @cached_property
    def _norms(self) -> Tensor:
        return torch.cat([part.float().square().sum(1) for part in self._parts()])

    @cached_property
    def usual(self) -> PerPoint:
        """Distances of held-out images to their nearest training image."""
        return self._nearest(to_float(first(self.data.validation, USUAL).images))[1]

    def __call__(self, images: Images) -> Copies:
        """Images in [-1, 1], of the shape of the data."""
        with self._lock:
            number, distance = self._nearest(images)
            nearer = percentile_among(distance, self.usual)
        return Copies(number=number, distance=distance, nearer=nearer)

    def _parts(self) -> tuple[Tensor, ...]:
        return self._train.split(max(1, ROWS // self._train.shape[1]))

    def _nearest(self, images: Images) -> tuple[LabelSet, PerPoint]:
        wanted = ((images.flatten(1) + 1) * 127.5).T.contiguous()
        least = torch.full((len(images),), torch.inf)
        number = torch.zeros(len(images), dtype=torch.int64)
        start = 0
        for part in self._parts():
            norms = self._norms[start : start + len(part), None]
            low, index = torch.addmm(norms, part.float(), wanted, alpha=-2).min(0)
            number = torch.where(low < least, index + start, number)
            least = torch.minimum(low, least)
            start += len(part)
        found = to_float(self._train[number]).double()
        return number, (images.flatten(1).double() - found).norm(dim=1)
