"""Share a model between interactive requests and long jobs."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import TypeVar
from weakref import WeakKeyDictionary

from latentarium.latent.latent_map import LatentMap

PAUSE = 0.001
"""Seconds that a long job pauses between two steps. Without a pause its thread takes the lock
again before any other thread wakes up."""
Step = TypeVar("Step")


class PriorityLock:
    """A lock for long jobs that lets interactive requests go first.

    Only one long job at a time waits for the model's lock; all other long jobs wait in a queue. An
    interactive request takes the model's lock directly, so it waits for at most one or two steps
    of long jobs, however many jobs there are.

    Arguments:
        lock: The model's re-entrant lock. A thread that has already acquired it may also acquire
            the priority lock.
    """

    def __init__(self, lock: "threading.RLock") -> None:
        self._lock, self._queue = lock, threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):  # succeeds for a thread that holds it
            with self._queue:
                self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()


_LOCKS: "WeakKeyDictionary[LatentMap, PriorityLock]" = WeakKeyDictionary()


def priority_lock(latent_map: LatentMap) -> PriorityLock:
    """Return the lock for long jobs on a map's model."""
    return _LOCKS.setdefault(latent_map, PriorityLock(latent_map.lock))


def interleaved(latent_map: LatentMap, steps: Iterator[Step]) -> Iterator[Step]:
    """Yield the steps of a long job, computing each step under the priority lock."""
    while True:
        with priority_lock(latent_map):
            step = list(islice(steps, 1))
        if not step:
            return
        time.sleep(PAUSE)
        yield step[0]
