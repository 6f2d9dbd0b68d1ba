"""Inversion baselines of the open models, each measured once."""

import threading
from collections.abc import Generator
from weakref import WeakKeyDictionary

from latentarium.latent.inversion_baseline import InversionBaseline
from latentarium.latent.latent_map import LatentMap
from latentarium.shapes import PerPoint
from latentarium.studio.priority_lock import interleaved

POLL_SECONDS = 0.2
"""Seconds between two yields of a request that waits for the measurement of another request.
Yielding makes it possible to cancel the request."""
NUM_IMAGES = 32


class SharedBaseline:
    """The inversion baseline of a model, measured by the first request that needs it.

    Arguments:
        latent_map: The model's map.
        num_images: Number of held-out images to invert.
    """

    def __init__(self, latent_map: LatentMap, num_images: int) -> None:
        self._map = latent_map
        self._baseline = InversionBaseline(
            latent_map.model, latent_map.data.validation, num_images
        )
        self._measuring = threading.Lock()

    def measure(self) -> Generator[float, None, None]:
        """Invert the held-out images, unless that is done, and yield the share that is done."""
        while not self._measuring.acquire(timeout=POLL_SECONDS):
            yield 0.0
        try:
            if self._baseline.errors is None:
                yield from interleaved(self._map, self._baseline.measure())
        finally:
            self._measuring.release()

    def share_not_better(self, error: PerPoint) -> float:
        """Return the share of held-out images whose error is at least as large as this one (1,).

        `measure` must have ended before.
        """
        return self._baseline.share_not_better(error)

    @property
    def num_measured(self) -> int:
        """Number of held-out images that were inverted."""
        return 0 if self._baseline.errors is None else len(self._baseline.errors)


_BASELINES: "WeakKeyDictionary[LatentMap, SharedBaseline]" = WeakKeyDictionary()


def shared_baseline(latent_map: LatentMap, num_images: int | None = None) -> SharedBaseline:
    """Return the baseline of a model, which is cached for as long as its map exists.

    Arguments:
        latent_map: The model's map.
        num_images: Number of held-out images, if the baseline is new; None: `NUM_IMAGES`.
    """
    new = SharedBaseline(latent_map, NUM_IMAGES if num_images is None else num_images)
    return _BASELINES.setdefault(latent_map, new)
