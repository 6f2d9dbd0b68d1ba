"""End a command with the program that started it.

A program that sets `LATENTARIUM_END_WITH_PARENT` for a command holds the other end of the pipe
that is the command's standard input. When that program ends, however it ends, the system closes
the pipe, and the command ends too.
"""

import os
import signal
import sys
import threading

PARENT_VARIABLE = "LATENTARIUM_END_WITH_PARENT"
"""Environment variable that makes a command end when its standard input is closed."""


def end_with_parent() -> None:
    """Watch standard input in a thread if the program that started this command asks for it."""
    if os.environ.get(PARENT_VARIABLE) and sys.stdin is not None:
        threading.Thread(target=_watch, name="parent", daemon=True).start()


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
