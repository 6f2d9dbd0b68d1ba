"""Find the nearest training image of each image, to detect copies.

Distances are Euclidean between pixels in [-1, 1], as in `metrics.memorization`. They are compared
with the distances of held-out images to their nearest training image.
"""

import threading
from dataclasses import dataclass

from latentarium.cached import cached
from latentarium.data.dataset import Data, to_float
from latentarium.data.subsets import first
from latentarium.latent.gaps import percentile_among
from latentarium.metrics.memorization import nearest_images, pixel_distances
from latentarium.shapes import Images, LabelSet, PerPoint

MAX_HELD_OUT = 1000
"""Maximum number of held-out images to compare with."""


@dataclass(frozen=True, kw_only=True)
class NearestTraining:
    """The nearest training image of each image."""

    number: LabelSet
    distance: PerPoint
    nearer: PerPoint
    """The share of held-out images with a smaller distance to their nearest training image."""


class CopyCheck:
    """Finds nearest training images.

    Arguments:
        data: The data that the models were trained on.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self._lock = threading.RLock()

    @cached
    def reference(self) -> PerPoint:
        """Distances of held-out images to their nearest training image."""
        held_out = first(self.data.validation, MAX_HELD_OUT).images
        return self._nearest(to_float(held_out))[1]

    def __call__(self, images: Images) -> NearestTraining:
        """Find the nearest training images of images in [-1, 1] of the data's shape."""
        with self._lock:
            number, distance = self._nearest(images)
            nearer = percentile_among(distance, self.reference)
        return NearestTraining(number=number, distance=distance, nearer=nearer)

    def _nearest(self, images: Images) -> tuple[LabelSet, PerPoint]:
        train = self.data.train.images
        number = nearest_images(images, train)
        return number, pixel_distances(images, train, number)
