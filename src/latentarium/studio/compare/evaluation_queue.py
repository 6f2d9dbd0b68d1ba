"""Evaluate runs one after the other with `latentarium evaluate`, in child processes.

The queue is kept by the server, so it continues while the page is closed.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.shipped_models import SHIPPED, SHIPPED_NAMES
from latentarium.studio.child_processes import ChildProcesses
from latentarium.texts import Text, text_of, text_to_json

NAME = "evaluate"
MAX_QUEUED = 32
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Evaluation:
    """A run to evaluate: the model's number in the registry, the run's folder, the new source of
    its images if they have moved, and the kind of its prior if it is not the default."""

    model: int
    folder: Path
    data: str | None
    prior: str | None


class EvaluationQueue:
    """Evaluates one run at a time.

    Arguments:
        processes: Starts the child processes.
        max_queued: Maximum number of runs in the queue, including the current one.
        on_evaluated: Called when a run has been evaluated.
    """

    def __init__(
        self,
        processes: ChildProcesses,
        max_queued: int = MAX_QUEUED,
        on_evaluated: Callable[[], object] = lambda: None,
    ) -> None:
        self.processes = processes
        self._on_evaluated = on_evaluated
        self.max_queued = max_queued
        self._lock = threading.Lock()
        self._queue: list[Evaluation] = []
        """The first run is being evaluated, or waits for a process of an earlier server to end."""
        self._finished, self._start_time = 0, 0.0
        self._started: Evaluation | None = None
        self._stopped: Evaluation | None = None
        """The evaluation that was stopped last, which is no failure."""
        self._failures: dict[int, str] = {}
        self._durations: list[float] = []
        """Seconds of the evaluations since the start of the server."""

    def add(
        self, model: int, folder: Path, data: str | None = None, prior: str | None = None
    ) -> None:
        """Queue a run, unless it is queued already.

        Arguments:
            model: The model's number in the registry.
            folder: The run's folder.
            data: The new source of its images, if they have moved.
            prior: The kind of its prior; None for the default.

        Raises:
            UserError: The queue is full (code "queue-full").
        """
        with self._lock:
            if any(queued.model == model for queued in self._queue):
                return
            if len(self._queue) >= self.max_queued:
                raise UserError(
                    Text(
                        "{limit} runs are queued for evaluation, which is the maximum: wait "
                        "until some of them are finished.",
                        limit=self.max_queued,
                    ),
                    code="queue-full",
                )
            self._failures.pop(model, None)
            self._queue.append(Evaluation(model, folder, data, prior))
            if len(self._queue) == 1:
                self._finished = 0
                threading.Thread(target=self._work, name="evaluate", daemon=True).start()

    def clear(self) -> None:
        """Remove all waiting runs; the current evaluation continues."""
        with self._lock:
            del self._queue[1:]

    def stop(self) -> None:
        """Remove all waiting runs and stop the current evaluation; its results are discarded."""
        with self._lock:
            del self._queue[1:]
            self._stopped = self._queue[0] if self._queue else None
            self.processes.stop(NAME)

    def require_idle(self, folder: Path) -> None:
        """Check that a run is neither being evaluated nor queued.

        Raises:
            UserError: It is (code "busy").
        """
        with self._lock:
            folders = [queued.folder.resolve() for queued in self._queue]
        if folder.resolve() in folders:
            raise UserError(
                Text(
                    "{name} is being measured in Compare: wait, or cancel it there.",
                    name=folder.name,
                ),
                code="busy",
            )

    def state(self) -> dict[str, Any]:
        """Return the current run, its progress, the waiting runs, and failures by model."""
        with self._lock:
            current = self._queue[0] if self._queue else self._started
            running = bool(self._queue) and current is self._started
            progress = self.processes.progress(NAME) if running else None
            seconds = time.monotonic() - self._start_time if running else 0.0
            usual = self._usual_seconds(None if current is None else current.folder)
            left = max(0.0, usual - seconds) if running else None
            if progress is not None and progress.seconds_left is not None and not left:
                left = progress.seconds_left  # it takes longer than usual
            return {
                "model": None if current is None else current.model,
                "running": bool(self._queue),
                "waiting": [queued.model for queued in self._queue[1:]],
                "finished": self._finished,
                "seconds": seconds,
                "part": progress.label if progress else "",
                "done": progress.done if progress else 0,
                "of": progress.total if progress else 0,
                "left": left,
                "usual": usual,
                "failures": {model: text_to_json(text) for model, text in self._failures.items()},
            }

    def _usual_seconds(self, folder: Path | None) -> float:
        """Return how long an evaluation takes: as the one before of the same run, or the others
        here, or those of the models that ship with the package."""
        previous = 0.0 if folder is None else _recorded_seconds(folder)
        if previous:
            return previous
        return fmean(self._durations) if self._durations else _shipped_seconds()

    def _work(self) -> None:
        """Evaluate until the queue is empty."""
        remaining = True
        while remaining:
            evaluation = self._queue[0]
            try:
                failure = self._evaluate(evaluation)
                if not failure:
                    self._on_evaluated()
            except (UserError, OSError) as error:
                failure = text_of(error)
            with self._lock:
                if failure:
                    self._failures[evaluation.model] = failure
                self._finished += 1
                self._queue.pop(0)
                remaining = bool(self._queue)

    def _evaluate(self, evaluation: Evaluation) -> str:
        """Evaluate a run, and return its error message; "" if it did not fail."""
        self._wait()  # for a process of an earlier server
        if evaluation is self._stopped:
            return ""
        data = [] if evaluation.data is None else ["--data", evaluation.data]
        prior = [] if evaluation.prior is None else ["--prior", evaluation.prior]
        arguments = ["evaluate", str(evaluation.folder), *data, *prior]
        with self._lock:
            self.processes.start(NAME, evaluation.folder, arguments, background=True)
            self._started, self._start_time = evaluation, time.monotonic()
        self._wait()
        if evaluation is self._stopped:
            return ""
        code = self.processes.exit_code(NAME)
        ended = Text("The evaluation ended with exit code {code}.", code=code) if code else ""
        failure = self.processes.failure(NAME) or ended
        if not failure:
            self._durations.append(time.monotonic() - self._start_time)
        return failure

    def _wait(self) -> None:
        while self.processes.is_running(NAME):
            time.sleep(POLL_SECONDS)


def _recorded_seconds(folder: Path) -> float:
    """Return the duration of a run's last evaluation; 0 if it is not known."""
    try:
        seconds = (Run(folder).metrics() or {}).get("seconds", {})
        return float(sum(seconds.values()))
    except (UserError, AttributeError, TypeError, ValueError):
        return 0.0


@cache
def _shipped_seconds() -> float:
    return fmean(_recorded_seconds(SHIPPED / name) for name in SHIPPED_NAMES)
