"""The progress of a training in another process, as a file with one JSON object per line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentarium.run import Run
from latentarium.training.logging import Reporter


class EventWriter(Reporter):
    """Appends the progress of a training to a file, as one JSON object per line.

    Arguments:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, run: Run, step: int) -> None:
        self._write({"start": step})

    def update(self, step: int, row: dict[str, Any]) -> None:
        self._write({"step": step, "row": row})

    def end(self, seconds: float) -> None:
        self._write({"seconds": seconds})

    def _write(self, event: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(event) + "\n")


class Follower:
    """Passes the events of a file on to a reporter.

    Arguments:
        path: The file, which need not exist yet.
        folder: The folder of the run.
        make_reporter: Returns the reporter; it is called when the training starts.
    """

    def __init__(self, path: Path, folder: Path, make_reporter: Callable[[], Reporter]) -> None:
        self._path, self._folder, self._make_reporter = path, folder, make_reporter
        self._position = 0

    def report(self) -> None:
        """Pass on the events since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        complete = content[: content.rfind(b"\n") + 1]
        self._position += len(complete)
        for line in complete.splitlines():
            event = json.loads(line)
            if "start" in event:
                self._reporter = self._make_reporter()
                self._reporter.start(Run(self._folder), event["start"])
            elif "row" in event:
                self._reporter.update(event["step"], event["row"])
            else:
                self._reporter.end(event["seconds"])
