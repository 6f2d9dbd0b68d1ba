"""Ignoring the warnings of other libraries, on which a user can't act.

Pillow warns of unusual metadata, torch's exporter of its own code. Python's filters belong to the
whole process, so threads that changed and restored them by themselves would undo each other.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _WarningFilter:
    """Ignores warnings while at least one thread asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._filters = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._filters.__exit__(None, None, None)


_warning_filter = _WarningFilter()


@contextmanager
def ignore_warnings() -> Iterator[None]:
    """Ignore warnings, in all threads, until the block ends."""
    _warning_filter.enter()
    try:
        yield
    finally:
        _warning_filter.leave()
