"""Stop on Ctrl-C or SIGTERM: a training after the current step, so that it can save a checkpoint,
other computations immediately."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from latentarium.errors import StoppedError

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

    def record(number: int, frame: FrameType | None) -> None:
        request.signal = number
        restore()

    with _handling(record) as restore:
        yield request


@contextmanager
def raise_on_stop_signals() -> Iterator[None]:
    """Raise a StoppedError in the block when a stop signal arrives.

    Signals that the process ignores, and other threads, are as in `catch_stop_signals`.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError(number)

    with _handling(stop):
        yield


@contextmanager
def _handling(
    handler: Callable[[int, FrameType | None], None],
) -> Iterator[Callable[[], None]]:
    """Handle stop signals during the block.

    Yields:
        The function that restores the previous handlers.
    """
    previous = {}

    def restore() -> None:
        for number, earlier in previous.items():
            signal.signal(number, earlier)

    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.getsignal(number)
                signal.signal(number, handler)
    try:
        yield restore
    finally:
        restore()
