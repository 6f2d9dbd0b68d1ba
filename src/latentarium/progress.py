"""Report progress on standard error: bars on a terminal, plain lines elsewhere, JSON on request.

A program that runs a command of latentarium can set the environment variable
`LATENTARIUM_PROGRESS_JSON` to the number of seconds between two reports. The command then writes
one JSON object per line, also on a terminal:

    {"progress": 2, "total": 6, "label": "memorization", "seconds_left": 65.0, "title": "runs/a"}

`progress` is the number of finished steps out of `total`, `label` names the current part, `title`
names the task, and `seconds_left` is null until the first step is finished. A task reports when it
starts, then at this interval, and when it ends. Other lines, such as an error message, are plain
text. `parse_progress` turns a line into a `ProgressLine`, or None.
"""

import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from latentarium.errors import UserError
from latentarium.terminal import printable

T = TypeVar("T", bound=Sized)
StepProgress = Callable[[int, int, str], object]
"""Takes the number of finished steps, that of all steps, and the name of the current part."""
JSON_VARIABLE = "LATENTARIUM_PROGRESS_JSON"
"""Environment variable that requests JSON lines; its value is the interval in seconds."""
PLAIN_INTERVAL = 10.0
"""Seconds between two plain lines."""
ESTIMATE_SECONDS = 60.0
"""The remaining time is estimated from the speed during this many seconds."""


@dataclass(frozen=True)
class ProgressLine:
    """The progress of a task, as one JSON line reports it."""

    done: int = 0
    """Number of finished steps."""
    total: int = 0
    """Number of steps of the task; 0 if unknown."""
    label: str = ""
    """The name of the current part, or the current losses."""
    seconds_left: float | None = None
    """Estimated remaining time in seconds; None until it can be estimated."""
    title: str = ""
    """The name of the task."""

    def to_json(self) -> str:
        """Return the line, without a line break."""
        return json.dumps(
            {
                "progress": self.done,
                "total": self.total,
                "label": self.label,
                "seconds_left": self.seconds_left,
                "title": self.title,
            }
        )


def parse_progress(line: str) -> ProgressLine | None:
    """Parse a line of standard error; return None if it doesn't report progress."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(line)
        left = content["seconds_left"]
        return ProgressLine(
            done=int(content["progress"]),
            total=int(content["total"]),
            label=str(content["label"]),
            seconds_left=None if left is None else float(left),
            title=str(content.get("title", "")),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


class ProgressTask:
    """A task with a known number of steps; made by `ConsoleProgress.task`.

    Arguments:
        title: The name of the task.
        total: The number of steps.
        start: Number of steps that were finished earlier, for instance before a training was
            resumed.
        bars: The progress bars of the terminal; None writes lines instead.
        interval: Seconds between two lines.
        as_json: Whether the lines are JSON.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        title: str,
        total: int,
        start: int = 0,
        *,
        bars: Progress | None = None,
        interval: float = PLAIN_INTERVAL,
        as_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title: str = title
        self.total: int = total
        self.start: int = start
        self._bars, self._interval, self._as_json, self._clock = bars, interval, as_json, clock
        self._started = self._last_line = clock()
        self._reports: deque[tuple[float, float]] = deque([(self._started, 0.0)])
        if bars is not None:
            self._bar = bars.add_task(printable(title), total=total, completed=start, note="")

    def update(self, done: int, label: str = "", share: float | None = None) -> None:
        """Report finished steps.

        Arguments:
            done: The number of finished steps.
            label: The name of the current part.
            share: The share of the task's time that the finished steps take, between 0 and 1; None
                if all steps take the same time.
        """
        if self._bars is not None:
            completed = done if share is None else share * self.total
            self._bars.update(self._bar, completed=completed, note=label)
            return
        now = self._clock()
        if now - self._last_line >= self._interval and self.start < done < self.total:
            self._last_line = now
            if share is None:
                share = (done - self.start) / (self.total - self.start)
            self._write(done, label, self._seconds_left(now, share))
        elif done == self.start and self._as_json:
            self._write(done, label, None)

    def end(self, label: str = "") -> None:
        """Report that the task is complete."""
        if self._bars is not None:
            self._bars.update(self._bar, completed=self.total, note=label)
        elif self._as_json:
            self._write(self.total, label, 0.0)
        else:
            took = format_duration(self._clock() - self._started)
            _write_line(f"{self.title}: done in {took}  {label}")

    def _seconds_left(self, now: float, share: float) -> float | None:
        """Estimate the remaining time from the speed of about the last `ESTIMATE_SECONDS`, so
        that an earlier pause or a program that has ended doesn't count."""
        while len(self._reports) > 1 and self._reports[1][0] <= now - ESTIMATE_SECONDS:
            self._reports.popleft()
        since, before = self._reports[0]
        self._reports.append((now, share))
        return (now - since) * (1 - share) / (share - before) if share > before else None

    def _write(self, done: int, label: str, left: float | None) -> None:
        if self._as_json:
            line = ProgressLine(done, self.total, label, left, self.title)
            _write_line(line.to_json())
        elif left is not None:
            about = format_duration(left)
            _write_line(f"{self.title}: {done} of {self.total}, about {about} left  {label}")


class ConsoleProgress:
    """Progress of one or more tasks on standard error; see `console_progress`.

    Arguments:
        bars: The progress bars of the terminal; None writes lines instead.
        json_interval: Seconds between two JSON lines; None writes plain lines.
    """

    def __init__(self, bars: Progress | None = None, json_interval: float | None = None) -> None:
        self._bars, self._json_interval = bars, json_interval

    def task(self, title: str, total: int, start: int = 0) -> ProgressTask:
        """Start a task of `total` steps, of which `start` were finished earlier."""
        as_json = self._json_interval is not None
        interval = PLAIN_INTERVAL if self._json_interval is None else self._json_interval
        return ProgressTask(
            title, total, start, bars=self._bars, interval=interval, as_json=as_json
        )

    def print(self, text: str) -> None:
        """Print a line; on a terminal, above the bars."""
        if self._bars is not None:
            # a path may contain what looks like markup
            self._bars.console.print(printable(text), markup=False, emoji=False, highlight=False)
        else:
            _write_line(text)


@contextmanager
def reported_parts(title: str) -> Iterator[StepProgress]:
    """Report a task on standard error until the block ends.

    Yields:
        The function that reports the progress; nothing is printed before its first call.
    """
    with console_progress() as progress:
        task: ProgressTask | None = None

        def update(done: int, total: int, label: str) -> None:
            nonlocal task
            task = task or progress.task(title, total)
            task.update(done, label)

        yield update
        if task is not None:
            task.end()


@contextmanager
def console_progress() -> Iterator[ConsoleProgress]:
    """Report progress on standard error until the block ends.

    If `LATENTARIUM_PROGRESS_JSON` is set, progress is reported as JSON lines; otherwise as bars on
    a terminal, and as plain lines elsewhere.

    Raises:
        UserError: `LATENTARIUM_PROGRESS_JSON` is not a number of seconds.
    """
    interval = os.environ.get(JSON_VARIABLE)
    if interval:
        yield ConsoleProgress(json_interval=_parse_interval(interval))
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ConsoleProgress()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, expand=True) as bars:
        yield ConsoleProgress(bars)


def report_parts(parts: Iterator[T], task: ProgressTask | None) -> Iterator[T]:
    """Yield the parts of a set, such as tensors of images, and report their total length."""
    done = 0
    for part in parts:
        yield part
        done += len(part)
        if task is not None:
            task.update(done)
    if task is not None:
        task.end()


def format_duration(seconds: float) -> str:
    """Return a duration as text: "42 s", "3 min 05 s", "2 h 10 min"."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02d} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02d} min"


def _parse_interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UserError(
            f"{JSON_VARIABLE} is {text!r}; set it to a number of seconds, such as 0.2.",
            code="invalid-interval",
        )
    return seconds


def _write_line(text: str) -> None:
    sys.stderr.write(printable(text.rstrip()) + "\n")
    sys.stderr.flush()
