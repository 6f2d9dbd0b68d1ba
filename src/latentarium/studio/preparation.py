"""Prepare models in the background, so that the first request for each one is fast."""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from weakref import ref

import torch

from latentarium.latent.gaps import decoder_stretch
from latentarium.latent.latent_map import LatentMap


@dataclass(frozen=True)
class Learning:
    """Progress of the training of the network that recognizes corrupted images of a data set."""

    done: int
    """Number of finished steps."""
    total: int
    """Number of all steps; 0 before the first report."""
    seconds_left: float | None
    """Estimated remaining time; None until it can be estimated."""


class _StoppedError(Exception):
    """The training of a network was stopped."""


class Preparation:
    """A queue of models that a background thread prepares, one after the other.

    A data set that was never scored before needs a network first; see `LatentMap.prepare`. Until
    it is trained, the images have unknown scores.
    """

    def __init__(self) -> None:
        self._waiting: deque[ref[LatentMap]] = deque()
        """Models that are not shown any longer may be freed."""
        self._unfinished = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._progress: dict[str, Learning] = {}
        """By the fingerprint of the data."""

    def start(self) -> None:
        """Start the thread; models that were added before are prepared first."""
        self._thread = threading.Thread(target=self._work, name="prepare", daemon=True)
        self._thread.start()

    def add(self, latent_map: LatentMap) -> None:
        """Prepare a model after those that wait already."""
        with self._changed:
            self._waiting.append(ref(latent_map))
            self._unfinished += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop the thread, and wait until it has ended.

        A thread that is inside torch when the interpreter exits would abort the process.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def wait(self) -> None:
        """Wait until all models that were added are prepared."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unfinished)

    def learning(self, latent_map: LatentMap) -> Learning | None:
        """Return the progress of the network of a model's data; None if it isn't being trained."""
        if not latent_map.decoder.is_learning:
            return None
        unknown = Learning(0, 0, None)
        return self._progress.get(latent_map.data.card.fingerprint, unknown)

    def _work(self) -> None:
        differentiated = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                latent_map = self._waiting.popleft()()
            try:
                if latent_map is not None:
                    self._prepare(latent_map)
                if latent_map is not None and latent_map.can_encode and not differentiated:
                    # the first derivative initializes parts of torch, which blocks all threads
                    zero = torch.zeros(1, latent_map.model.latent_dim)
                    decoder_stretch(latent_map.model.decode, zero)
                    differentiated = True
            except _StoppedError:
                return
            except Exception:  # a request for this model reports the same error to the page
                logging.getLogger(__name__).exception("A model could not be prepared.")
            latent_map = None
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def _prepare(self, latent_map: LatentMap) -> None:
        fingerprint, started = latent_map.data.card.fingerprint, time.monotonic()

        def report(done: int, total: int, label: str) -> None:
            del label
            if self._stopping:
                raise _StoppedError
            left = (time.monotonic() - started) * (total - done) / done if done else None
            self._progress[fingerprint] = Learning(done, total, left)

        try:
            latent_map.prepare(report)
        finally:
            self._progress.pop(fingerprint, None)
