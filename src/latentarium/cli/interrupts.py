"""Ctrl-C during a command."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

RESUMABLE = ("train", "resume", "tour", "bench", "duality-gap", "studio")
"""Commands that continue what was stopped; the studio, the trainings that it had started."""
EXIT_CODE = 128 + signal.SIGINT


class Interrupts:
    """Whether Ctrl-C was pressed during a command.

    Arguments:
        permanent: The process runs only this command.
    """

    def __init__(self, permanent: bool = False) -> None:
        self.received: bool = False
        self.without_cleanup: bool = False
        """Whether Ctrl-C ends a permanent process without waiting for its threads."""
        self._permanent = permanent

    def record(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal: raise `KeyboardInterrupt`, or end the process during an import."""
        self.received = True
        # libraries catch exceptions in their imports
        if self._permanent and (self.without_cleanup or _is_import(frame)):
            if os.environ.get("RANK", "0") == "0":
                sys.stderr.write(f"\n{stopped(sys.argv[1:])}\n")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(EXIT_CODE)
        raise KeyboardInterrupt


def stopped(arguments: Sequence[str]) -> str:
    """Return the message that Ctrl-C has stopped a command with these arguments."""
    resumable = bool(arguments) and arguments[0] in RESUMABLE
    return "Stopped. To resume, repeat the command." if resumable else "Stopped."


def end_without_cleanup() -> None:
    """From now on, let Ctrl-C end the process without waiting for its threads.

    For a command whose threads may compute for a long time, and write files only atomically. It
    has no effect if the process does not run only this command.
    """
    handler = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(handler, Interrupts):
        handler.without_cleanup = True


def _is_import(frame: FrameType | None) -> bool:
    """Return whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def recorded_interrupts(*, permanent: bool = False) -> Iterator[Interrupts]:
    """Record Ctrl-C until the block ends.

    A library may turn the `KeyboardInterrupt` into another error, and Python prints and ignores it
    in destructors; so it is recorded, and not printed there.

    Arguments:
        permanent: The process runs only this command: after the block, Ctrl-C ends it at once,
            since Python's shutdown would print a traceback.
    """
    interrupts = Interrupts(permanent)
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
