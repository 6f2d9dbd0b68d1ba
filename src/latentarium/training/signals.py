"""Ctrl-C and SIGTERM end the work after the step in progress, so that it can be saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the work was told to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def stoppable() -> Iterator[Stop]:
    """For the time of the block, a first signal is noted; a second one does at once what it
    would have done without this. A signal that the process ignores stays ignored; outside of the
    main thread, where Python has no say in signals, nothing changes."""
    stop = Stop()
    usual = {}

    def note(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        for other, handler in usual.items():
            signal.signal(other, handler)

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                usual[number] = signal.getsignal(number)
                signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
