"""Measures runs beside the server, one at a time, as `latentarium evaluate` does."""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from latentarium.errors import UserError

PROGRESS = re.compile(r"(\d+) of (\d+), about (.+) left")
KEPT_LINES = 100
Command = Callable[[Path, str | None], Sequence[str]]


def evaluate_command(folder: Path, data: str | None) -> list[str]:
    """What measures a run."""
    command = [sys.executable, "-m", "latentarium", "evaluate", str(folder)]
    return command if data is None else [*command, "--data", data]


class Measuring:
    """One measurement at a time, in a process of its own.

    Arguments:
        command: From a run's folder, and the data where they have moved, to what measures it;
            None: the command line.
    """

    def __init__(self, command: Command | None = None) -> None:
        self._command = command or evaluate_command
        self._lock = threading.Lock()
        self._follower: threading.Thread | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._code = 0
        self._began = 0.0
        self._model: int | None = None

    def start(self, model: int, folder: Path, data: str | None = None) -> None:
        """Starts to measure a run.

        Raises:
            UserError: Another measurement runs.
        """
        with self._lock:
            if self._follower is not None and self._follower.is_alive():
                raise UserError("One run is measured at a time: wait for the one that runs.")
            self._model, self._began = model, time.monotonic()
            self._lines.clear()
            process = subprocess.Popen(
                self._command(folder, data),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            self._follower = threading.Thread(target=self._follow, args=(process,), daemon=True)
            self._follower.start()

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        """Keeps what the process says, until it ends."""
        assert process.stderr is not None  # it was asked for
        with process.stderr as said:
            for line in said:
                self._lines.append(line.rstrip())
        self._code = process.wait()

    def state(self) -> dict[str, Any]:
        """What is measured, how far it is, and what went wrong."""
        with self._lock:
            if self._follower is None:
                return {"model": None, "running": False, "trouble": ""}
            running, lines = self._follower.is_alive(), list(self._lines)
        found = [match for line in lines if (match := PROGRESS.search(line))]
        done, of, left = found[-1].groups() if found else ("0", "0", "")
        last = lines[-1].removeprefix("latentarium: ") if lines else f"It ended: {self._code}."
        return {
            "model": self._model,
            "running": running,
            "seconds": round(time.monotonic() - self._began),
            "done": int(done),
            "of": int(of),
            "left": left,
            "trouble": "" if running or self._code == 0 else last,
        }
