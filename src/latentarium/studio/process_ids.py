"""Processes by their ids: recognize, end and slow down commands of latentarium."""

import contextlib
from collections.abc import Sequence
from pathlib import PurePath

import psutil

BACKGROUND_NICENESS = 10


def is_latentarium(pid: int, arguments: Sequence[str] = ()) -> bool:
    """Return whether a process runs latentarium, with these arguments at the end.

    The system may have given the id of an ended process to another one, so a recorded id alone
    doesn't identify a command.
    """
    if pid <= 0:
        return False
    try:
        words = psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return False
    named = any(PurePath(word).name in ("latentarium", "latentarium.exe") for word in words[:6])
    return named and words[len(words) - len(arguments) :] == list(arguments)


def terminate(pid: int) -> None:
    """Ask a process to save its work and end."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).terminate()


def lower_priority(pid: int) -> None:
    """Lower the priority of a process."""
    # Windows has priority classes instead of numbers
    niceness = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", BACKGROUND_NICENESS)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process(pid).nice(niceness)
