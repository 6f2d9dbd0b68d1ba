"""A run as it goes on: events for the page, read from the run's folder."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentarium.config import Config
from latentarium.diagnostics.log_rules import examine_log
from latentarium.errors import UserError
from latentarium.run.jsonl import MALFORMED, read_row

BATCH = 400
"""Rows of one event."""
CHUNK = 64 << 20
"""Bytes that are read at once."""


class Tail:
    """The lines of a file that grows, as they come. A last line without its end waits; a file
    that was replaced or cut is read from its start.

    Arguments:
        path: Of the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, 0
        self._offset, self._identity = 0, 0

    def read(self) -> tuple[bool, list[bytes]]:
        """Whether the file has started over, and the whole lines that have come since."""
        try:
            status = self.path.stat()
        except OSError:
            status = None
        if status is None or not stat.S_ISREG(status.st_mode):  # a pipe would never end
            over = self.lines > 0
            self._begin(0)
            return over, []
        other = self._identity not in (0, status.st_ino) or status.st_size < self._offset
        over = other and self.lines > 0
        if other or not self._identity:
            self._begin(status.st_ino)
        with self.path.open("rb") as file:
            file.seek(self._offset)
            content = file.read(CHUNK)
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        self._offset += len(whole)
        self.lines += len(lines)
        return over, lines

    def _begin(self, identity: int) -> None:
        self._offset = self.lines = 0
        self._identity = identity


class Follower:
    """Says what has changed of a run since it was last asked, as server-sent events:

    rows    new rows of the log; the event's number is that of the last line
    over    the log has started over: forget the rows
    state   what the page must know of the run, when it has changed
    doctor  what the log shows to be wrong, when it has changed

    Arguments:
        look: What the page must know of the run now.
        log: Its log's path.
        settings: Its configuration; None while there is none.
        seen: Lines of the log that the page has already.
    """

    def __init__(
        self,
        look: Callable[[], dict[str, Any]],
        log: Path,
        settings: Callable[[], Config | None],
        seen: int = 0,
    ) -> None:
        self._look, self._settings, self._seen = look, settings, seen
        self._tail = Tail(log)
        self._rows: dict[int, dict[str, Any]] = {}
        self._state: dict[str, Any] | None = None
        self._findings: list[dict[str, Any]] | None = None

    def poll(self) -> list[bytes]:
        """The events since the last time."""
        events, first = [], self._tail.lines
        over, lines = self._tail.read()
        if over or (first == 0 and len(lines) < self._seen):
            events.append(event("over", {}, 0))
            self._rows, self._seen, first = {}, 0, 0
        rows = []
        for number, line in enumerate(lines, first + 1):
            row = read_row(line)
            if row is None:
                continue
            self._rows[row["step"]] = row
            if number > self._seen:
                rows.append((number, row))
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            events.append(event("rows", [row for _, row in part], part[-1][0]))
        return [*events, *self._changed(bool(rows) or over)]

    def _changed(self, more: bool) -> list[bytes]:
        """Of its state and of its health."""
        events, now = [], self._look()
        if now != self._state:
            self._state = now
            events.append(event("state", now))
        settings = self._settings()
        if settings is not None and (more or self._findings is None):
            found = self._examined(settings)
            if found != self._findings:
                self._findings = found
                events.append(event("doctor", found))
        return events

    def _examined(self, settings: Config) -> list[dict[str, Any]]:
        rows = [self._rows[step] for step in sorted(self._rows)]
        try:
            return [finding.to_dict() for finding in examine_log(settings, rows)]
        except (UserError, *MALFORMED):
            return []


def event(name: str, content: object, number: int | None = None) -> bytes:
    """A server-sent event."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(content)}\n\n".encode()
