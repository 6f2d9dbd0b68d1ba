"""Measures runs beside the server, one at a time, as `latentarium evaluate` does."""

import re
import threading
import time
from pathlib import Path
from typing import Any

from latentarium.errors import UserError
from latentarium.studio.processes import Processes

PROGRESS = re.compile(r"(\d+) of (\d+), about (.+) left")
NAME = "evaluate"


class Measuring:
    """One measurement at a time.

    Arguments:
        processes: Where it is begun.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._lock = threading.Lock()
        self._began = 0.0
        self._model: int | None = None

    def start(self, model: int, folder: Path, data: str | None = None) -> None:
        """Starts to measure a run.

        Arguments:
            model: Its number in the gallery.
            folder: Where it lies.
            data: Where its images are, if they have moved.

        Raises:
            UserError: Another measurement runs.
        """
        moved = [] if data is None else ["--data", data]
        with self._lock:
            if self.processes.lives(NAME):
                raise UserError("One run is measured at a time: wait for the one that runs.")
            self.processes.start(NAME, folder, ["evaluate", str(folder), *moved], low=True)
            self._model, self._began = model, time.monotonic()

    def state(self) -> dict[str, Any]:
        """What is measured, how far it is, and what went wrong."""
        with self._lock:
            if self._model is None:
                return {"model": None, "running": False, "trouble": ""}
            running = self.processes.lives(NAME)
            found = PROGRESS.findall("\n".join(self.processes.said(NAME)))
            done, of, left = found[-1] if found else ("0", "0", "")
            return {
                "model": self._model,
                "running": running,
                "seconds": round(time.monotonic() - self._began),
                "done": int(done),
                "of": int(of),
                "left": left,
                "trouble": "" if running else self._trouble(),
            }

    def _trouble(self) -> str:
        code = self.processes.code(NAME)
        return self.processes.failure(NAME) or (f"It ended: {code}." if code else "")
