"""Server-sent events about a run during its training, read from its folder."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentarium.diagnostics.status import log_status
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.jsonl import MALFORMED, read_row

ROWS_PER_EVENT = 400
READ_BYTES = 64 << 20
"""Maximum number of bytes per read."""


class LogTail:
    """Reads the complete lines of a growing file.

    An unfinished last line is read later. A file that was replaced or truncated is read from its
    start.

    Arguments:
        path: The file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: int = 0
        self._offset, self._inode = 0, 0

    def read(self) -> tuple[bool, list[bytes]]:
        """Return whether the file was replaced or truncated, and the lines since the last call."""
        try:
            status = self.path.stat()
        except OSError:
            status = None
        if status is None or not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            restarted = self.lines > 0
            self._restart(0)
            return restarted, []
        replaced = self._inode not in (0, status.st_ino) or status.st_size < self._offset
        restarted = replaced and self.lines > 0
        if replaced or not self._inode:
            self._restart(status.st_ino)
        with self.path.open("rb") as file:
            file.seek(self._offset)
            content = file.read(READ_BYTES)
        complete = content[: content.rfind(b"\n") + 1]
        lines = complete.split(b"\n")[:-1]
        self._offset += len(complete)
        self.lines += len(lines)
        return restarted, lines

    def _restart(self, inode: int) -> None:
        self._offset = self.lines = 0
        self._inode = inode


class RunFollower:
    """Reports what has changed in a run as server-sent events.

    rows    new rows of the log; the event's id is the number of the last line
    restart the log has started over: discard the rows
    state   the state of the run, when it has changed
    doctor  the status and the issues that the log shows, when they have changed

    Arguments:
        state: Returns the state of the run as JSON values.
        log: The path of its log.
        run: Returns the run; None if there is none yet.
        lines_seen: Number of lines of the log that the client already has.
    """

    def __init__(
        self,
        state: Callable[[], dict[str, Any]],
        log: Path,
        run: Callable[[], Run | None],
        lines_seen: int = 0,
    ) -> None:
        self._read_state, self._read_run, self._lines_seen = state, run, lines_seen
        self._tail = LogTail(log)
        self._rows: dict[int, dict[str, Any]] = {}
        self._state: dict[str, Any] | None = None
        self._diagnosis: dict[str, Any] | None = None

    def poll(self) -> list[bytes]:
        """Return the events since the last call."""
        events, first = [], self._tail.lines
        restarted, lines = self._tail.read()
        if restarted or (first == 0 and len(lines) < self._lines_seen):
            events.append(format_event("restart", {}, 0))
            self._rows, self._lines_seen, first = {}, 0, 0
        rows = []
        for number, line in enumerate(lines, first + 1):
            row = read_row(line)
            if row is None:
                continue
            self._rows[row["step"]] = row
            if number > self._lines_seen:
                rows.append((number, row))
        for start in range(0, len(rows), ROWS_PER_EVENT):
            part = rows[start : start + ROWS_PER_EVENT]
            events.append(format_event("rows", [row for _, row in part], part[-1][0]))
        return [*events, *self._changes(bool(rows) or restarted)]

    def _changes(self, log_changed: bool) -> list[bytes]:
        events, state = [], self._read_state()
        if state != self._state:
            self._state = state
            events.append(format_event("state", state))
        run = self._read_run()
        if run is not None and (log_changed or self._diagnosis is None):
            diagnosis = self._diagnose(run)
            if diagnosis != self._diagnosis:
                self._diagnosis = diagnosis
                events.append(format_event("doctor", diagnosis))
        return events

    def _diagnose(self, run: Run) -> dict[str, Any]:
        rows = [self._rows[step] for step in sorted(self._rows)]
        try:
            fine_tuned = run.initial_weights is not None
            status, issues = log_status(run.config, rows, fine_tuned=fine_tuned)
        except (UserError, *MALFORMED):
            return {"status": None, "issues": []}
        return {"status": status.to_dict(), "issues": [issue.to_dict() for issue in issues]}


def format_event(name: str, content: object, number: int | None = None) -> bytes:
    """Return a server-sent event with JSON data."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(content)}\n\n".encode()
