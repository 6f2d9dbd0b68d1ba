"""Measures runs beside the server, one at a time, as `latentarium evaluate` does."""

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from latentarium.errors import UserError

PROGRESS = re.compile(r"(\d+) of (\d+), about (.+) left")
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
        self._process: subprocess.Popen[bytes] | None = None
        self._said = Path()
        self._began = 0.0
        self._model: int | None = None

    def start(self, model: int, folder: Path, data: str | None = None) -> None:
        """Starts to measure a run.

        Raises:
            UserError: Another measurement runs.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise UserError("One run is measured at a time: wait for the one that runs.")
            with tempfile.NamedTemporaryFile(delete=False) as said:
                self._said, self._model = Path(said.name), model
                self._began = time.monotonic()
                self._process = subprocess.Popen(
                    self._command(folder, data), stdout=subprocess.DEVNULL, stderr=said
                )

    def state(self) -> dict[str, Any]:
        """What is measured, how far it is, and what went wrong."""
        with self._lock:
            if self._process is None:
                return {"model": None, "running": False, "trouble": ""}
            code = self._process.poll()
            lines = self._said.read_text(errors="replace").splitlines()
        found = [match for line in lines if (match := PROGRESS.search(line))]
        done, of, left = found[-1].groups() if found else ("0", "0", "")
        failed = code not in (None, 0)
        last = lines[-1].removeprefix("latentarium: ") if lines else f"It ended with code {code}."
        return {
            "model": self._model,
            "running": code is None,
            "seconds": round(time.monotonic() - self._began),
            "done": int(done),
            "of": int(of),
            "left": left,
            "trouble": last if failed else "",
        }
