"""Whether an image is one of the training images: its nearest one, beside what is usual.

The distance is Euclidean between pixels in [-1, 1], as in `metrics.memorization`; what is usual is
how near real images that the model never saw are to their nearest training image.
"""

import threading
from dataclasses import dataclass

from latentarium.cached import once
from latentarium.data.dataset import Data, to_float
from latentarium.data.subsets import first
from latentarium.latent.gaps import percentile_among
from latentarium.metrics.memorization import nearest_images, pixel_distances
from latentarium.shapes import Images, LabelSet, PerPoint

USUAL = 1000
"""Held-out images that say what is usual, at most."""


@dataclass(frozen=True, kw_only=True)
class Copies:
    """The nearest training image of each of some images."""

    number: LabelSet
    distance: PerPoint
    nearer: PerPoint
    """The share of held-out real images that lie nearer to a training image."""


class CopyCheck:
    """Finds the nearest training images.

    Arguments:
        data: What models were trained on.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self._lock = threading.RLock()

    @once
    def usual(self) -> PerPoint:
        """Distances of held-out images to their nearest training image."""
        return self._nearest(to_float(first(self.data.validation, USUAL).images))[1]

    def __call__(self, images: Images) -> Copies:
        """Images in [-1, 1], of the shape of the data."""
        with self._lock:
            number, distance = self._nearest(images)
            nearer = percentile_among(distance, self.usual)
        return Copies(number=number, distance=distance, nearer=nearer)

    def _nearest(self, images: Images) -> tuple[LabelSet, PerPoint]:
        train = self.data.train.images
        number = nearest_images(images, train)
        return number, pixel_distances(images, train, number)
