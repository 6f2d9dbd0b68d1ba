"""Measures runs beside the server, one after the other, as `latentarium evaluate` does. What waits
is kept here and not in the page, which may be closed meanwhile."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentarium.errors import UserError
from latentarium.progress import format_duration
from latentarium.studio.child_processes import ChildProcesses

NAME = "evaluate"
MOST = 32
"""Runs that are measured or wait for it."""
LOOK = 0.05
"""Seconds between two looks at a measurement."""


@dataclass(frozen=True)
class Task:
    """A run that is to be measured: the model's number in the gallery, the run's folder, and where
    its images are, if they have moved."""

    model: int
    folder: Path
    data: str | None


class Measuring:
    """One measurement at a time; the others wait.

    Arguments:
        processes: Where it is begun.
    """

    def __init__(self, processes: ChildProcesses) -> None:
        self.processes = processes
        self._lock = threading.Lock()
        self._tasks: list[Task] = []
        """The first is at work."""
        self._finished, self._began = 0, 0.0
        self._begun: Task | None = None
        self._troubles: dict[int, str] = {}

    def start(self, model: int, folder: Path, data: str | None = None) -> None:
        """Measures a run as soon as those before it are; one that waits already does so once.

        Arguments:
            model: Its number in the gallery.
            folder: Where it lies.
            data: Where its images are, if they have moved.

        Raises:
            UserError: Too many wait.
        """
        with self._lock:
            if any(one.model == model for one in self._tasks):
                return
            if len(self._tasks) >= MOST:
                raise UserError(f"{MOST} runs wait to be measured: wait for some of them.")
            self._troubles.pop(model, None)
            self._tasks.append(Task(model, folder, data))
            if len(self._tasks) == 1:
                self._finished = 0
                threading.Thread(target=self._work, name="measure", daemon=True).start()

    def leave(self) -> None:
        """Measures no more than what is at work."""
        with self._lock:
            del self._tasks[1:]

    def state(self) -> dict[str, Any]:
        """What is measured, how far it is, what waits, and what went wrong with which model."""
        with self._lock:
            first = self._tasks[0] if self._tasks else self._begun
            goes_on = bool(self._tasks) and first is self._begun
            progress = self.processes.progress(NAME) if goes_on else None
            if progress is None or progress.seconds_left is None:
                done, of, left = 0, 0, ""
            else:
                done, of = progress.done, progress.total
                left = format_duration(progress.seconds_left)
            return {
                "model": None if first is None else first.model,
                "running": bool(self._tasks),
                "waiting": [one.model for one in self._tasks[1:]],
                "finished": self._finished,
                "seconds": round(time.monotonic() - self._began) if goes_on else 0,
                "done": done,
                "of": of,
                "left": left,
                "troubles": dict(self._troubles),
            }

    def _work(self) -> None:
        """Until nothing is left to be measured."""
        left = True
        while left:
            task = self._tasks[0]
            try:
                trouble = self._measured(task)
            except (UserError, OSError) as error:
                trouble = str(error)
            with self._lock:
                if trouble:
                    self._troubles[task.model] = trouble
                self._finished += 1
                self._tasks.pop(0)
                left = bool(self._tasks)

    def _measured(self, task: Task) -> str:
        """Measures a run; what went wrong, or nothing."""
        self._until_it_ends()  # what a server before this one began
        moved = [] if task.data is None else ["--data", task.data]
        with self._lock:
            self.processes.start(
                NAME, task.folder, ["evaluate", str(task.folder), *moved], background=True
            )
            self._begun, self._began = task, time.monotonic()
        self._until_it_ends()
        code = self.processes.exit_code(NAME)
        return self.processes.failure(NAME) or (f"It ended: {code}." if code else "")

    def _until_it_ends(self) -> None:
        while self.processes.is_running(NAME):
            time.sleep(LOOK)
