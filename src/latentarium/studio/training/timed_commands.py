"""Commands that the page waits for, with an estimate of the time left."""

import time
from collections.abc import Generator
from typing import Any

from latentarium.progress import ProgressLine
from latentarium.studio.child_processes import CommandLine, run_child

ProgressLines = Generator[dict[str, Any], None, None]
"""Progress as {done, of, left, note}; the last object is {"result": result}."""


class TimedCommands:
    """Runs commands, and remembers the duration of each kind to estimate the time left.

    Arguments:
        command: Makes the command lines; None: `latentarium_command`.
    """

    def __init__(self, command: CommandLine | None = None) -> None:
        self._command = command
        self._durations: dict[str, float] = {}

    def run(self, *arguments: str, timeout: float) -> Generator[dict[str, Any], None, str]:
        """Run a command as `run_child` does, and yield its progress with the time left.

        The time left is the command's own estimate. Until the command has one, the time left is
        estimated from the previous command of the same kind; for the first command, it is None.
        """
        kind, clock = arguments[0], _Countdown(self._durations.get(arguments[0]))
        work = run_child(*arguments, timeout=timeout, command=self._command)
        try:
            while True:
                try:
                    progress = next(work)
                except StopIteration as end:
                    self._durations[kind] = clock.elapsed
                    return end.value
                yield clock.describe(progress)
        finally:
            work.close()


class _Countdown:
    def __init__(self, expected: float | None) -> None:
        self._started = self._reported = time.monotonic()
        self._expected, self._last = expected, ProgressLine()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def describe(self, progress: ProgressLine | None) -> dict[str, Any]:
        """Return the progress as JSON values; the time left counts down between two estimates."""
        if progress is not None and progress != self._last:
            self._last, self._reported = progress, time.monotonic()
        left, since = self._last.seconds_left, self._reported
        if left is None:
            left, since = self._expected, self._started
        if left is not None:
            left = max(0.0, since + left - time.monotonic())
        last = self._last
        return {"done": last.done, "of": last.total, "left": left, "note": last.label}
