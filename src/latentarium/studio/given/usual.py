"""What a model usually reaches: how near it comes to real images that it never saw."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

import torch

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.latent.gaps import percentile_among
from latentarium.latent.invert import STEPS, Inversion, walk
from latentarium.latent.starts import apart
from latentarium.metrics.subject import scattered
from latentarium.sampling import reconstruct
from latentarium.shapes import PerPoint
from latentarium.studio.maps.atlas import HELD_OUT, Atlas
from latentarium.studio.once import once

SEARCHED = 32
"""Held-out images that are searched, so that one more search can be held against them."""
AT_ONCE = 4
"""Few, so that a step is short: others wait for it."""


class Usual:
    """Errors on held-out images of a model, each kind computed once.

    Arguments:
        atlas: Of the model.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._model, self._data, self._lock = atlas.model, atlas.data, atlas.in_turn
        self._found: PerPoint | None = None
        self._searching = threading.Lock()

    @once
    def reconstruction(self) -> PerPoint:
        """Of their reconstructions, as `Inversion.error`."""
        held_out = scattered(self._data.validation, HELD_OUT)
        return apart(reconstruct(self._model, held_out), to_float(held_out.images))

    def search(self) -> Iterator[float]:
        """Inverts held-out images, where that was not done yet; yields the share that is done."""
        with self._searching:
            if self._found is not None:
                return
            images = scattered(self._data.validation, SEARCHED).images
            errors: list[PerPoint] = []
            for done, part in enumerate(parts := images.split(AT_ONCE)):
                error = torch.empty(0)
                for step in step_by_step(walk(self._model, part), self._lock):
                    yield (done + step.step / STEPS) / len(parts)
                    error = step.error
                errors.append(error)
            self._found = torch.cat(errors)

    def as_well_as(self, error: PerPoint) -> float:
        """The share of held-out images that are found no better than with this error.

        Raises:
            UserError: They were not searched yet.
        """
        if self._found is None:
            raise UserError("Held-out images were not searched yet: wait for them.")
        return 1 - float(percentile_among(error, self._found))

    @property
    def searched(self) -> int:
        """Held-out images that were searched."""
        return 0 if self._found is None else len(self._found)


_KNOWN: WeakKeyDictionary[Atlas, Usual] = WeakKeyDictionary()


def usual_of(atlas: Atlas) -> Usual:
    """What is usual for a model, as long as its map lives."""
    return _KNOWN.setdefault(atlas, Usual(atlas))


def step_by_step(
    steps: Iterator[Inversion], in_turn: AbstractContextManager[object]
) -> Iterator[Inversion]:
    """The steps, each in turn with who else uses the model."""
    while True:
        with in_turn:
            step = next(steps, None)
        if step is None:
            return
        time.sleep(0.001)  # else this thread takes its turn again before any other wakes
        yield step
