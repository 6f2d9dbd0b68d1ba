"""Ctrl-C during a command."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Whether Ctrl-C was pressed during a command."""

    def __init__(self) -> None:
        self.received = False

    def record(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: raise `KeyboardInterrupt`."""
        self.received = True
        raise KeyboardInterrupt


@contextmanager
def recorded_interrupts(*, permanent: bool = False) -> Iterator[Interrupts]:
    """Record Ctrl-C until the block ends.

    A library that is imported, or a destructor, may turn the `KeyboardInterrupt` into another
    error, or print and ignore it; so it is recorded, and not printed.

    Arguments:
        permanent: The process runs only this command: after the block, Ctrl-C ends it at once,
            since Python's shutdown would print a traceback.
    """
    interrupts = Interrupts()
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):  # ignored, as in a background job, or handled by the caller
        yield interrupts
        return
    print_unraisable = sys.unraisablehook

    def hide_interrupts(unraisable: Any) -> None:  # noqa: ANN401  its type has no public name
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            print_unraisable(unraisable)

    sys.unraisablehook = hide_interrupts
    signal.signal(signal.SIGINT, interrupts.record)
    try:
        yield interrupts
    finally:
        after = signal.SIG_DFL if permanent else signal.default_int_handler
        signal.signal(signal.SIGINT, after)
        if not permanent:
            sys.unraisablehook = print_unraisable
