"""Turns with a model: who follows the pointer goes before all others."""

import threading
from types import TracebackType


class Turns:
    """For who uses a model for long, turn by turn. Of all these only one waits for the model
    itself, and the others for that one: so who needs it at once, and takes the lock, waits for a
    turn or two, however many there are.

    Arguments:
        lock: Of the model; a thread that has it may take its turn inside.
    """

    def __init__(self, lock: "threading.RLock") -> None:
        self._lock, self._door = lock, threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):  # never so for a thread that has it
            with self._door:
                self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()
