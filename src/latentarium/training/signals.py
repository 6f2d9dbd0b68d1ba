"""Stop training on Ctrl-C or SIGTERM after the current step, so that it can save a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """The signal that requested a stop; the object is true once a signal has arrived."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Record the first stop signal during the block instead of acting on it.

    The first signal restores the previous handlers, so a second signal stops the process
    immediately. A signal that the process ignores stays ignored. Python can set handlers only in
    the main thread; in other threads, signals are not recorded.
    """
    request = StopRequest()
    previous = {}

    def record(number: int, frame: FrameType | None) -> None:
        request.signal = number
        for other, handler in previous.items():
            signal.signal(other, handler)

    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.getsignal(number)
                signal.signal(number, record)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
