"""What a search usually reaches: how near a model comes to real images that it never saw."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

import torch

from latentarium.data.subsets import scattered
from latentarium.errors import UserError
from latentarium.latent.gaps import percentile_among
from latentarium.latent.inversion import STEPS, Inversion, walk
from latentarium.latent.latent_map import Atlas
from latentarium.latent.scores import YIELD
from latentarium.shapes import PerPoint

SEARCHED = 32
"""Held-out images that are searched, so that one more search can be held against them."""
AT_ONCE = 4
"""Few, so that a step is short: others wait for it."""
PATIENCE = 0.2
"""Seconds between two looks at whether another has ended its search."""


class UsualSearch:
    """Errors of searches for held-out images, computed once.

    Arguments:
        atlas: Of the model.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._model, self._data, self._lock = atlas.model, atlas.data, atlas.in_turn
        self._found: PerPoint | None = None
        self._searching = threading.Lock()

    def search(self) -> Generator[float, None, None]:
        """Inverts held-out images, where that was not done yet; yields the share that is done."""
        while not self._searching.acquire(timeout=PATIENCE):
            yield 0.0  # so that who waits and goes away is not kept here
        try:
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
        finally:
            self._searching.release()

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


_KNOWN: WeakKeyDictionary[Atlas, UsualSearch] = WeakKeyDictionary()


def usual_of(atlas: Atlas) -> UsualSearch:
    """What is usual for a model, as long as its map lives."""
    return _KNOWN.setdefault(atlas, UsualSearch(atlas))


def step_by_step(
    steps: Iterator[Inversion], in_turn: AbstractContextManager[object]
) -> Iterator[Inversion]:
    """The steps, each in turn with who else uses the model."""
    while True:
        with in_turn:
            step = next(steps, None)
        if step is None:
            return
        time.sleep(YIELD)
        yield step
