"""Progress for people: a bar with the time left on a terminal, plain lines elsewhere."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

OFTEN = "LATENTARIUM_PLAIN_SECONDS"
"""The variable by which a program that reads plain lines asks for more of them, and for one at
the start."""
PLAIN_SECONDS = float(os.environ.get(OFTEN, 10.0))
"""Time between two plain lines."""
_PLAIN = re.compile(r": (\d+) of (\d+)(?:, about (.+?) left)?(?:  (.*))?$")


class Bar:
    """One piece of work with a known length.

    Arguments:
        title: What is being done.
        total: Its length in steps.
        progress: The terminal's display; None: plain lines on standard error.
    """

    def __init__(self, title: str, total: int, start: int, progress: Progress | None) -> None:
        self.title, self.total, self.first = title, total, start
        self._progress = progress
        self._began = self._spoke = time.monotonic()
        if progress is not None:
            self._task = progress.add_task(title, total=total, completed=start, note="")

    def update(self, done: int, note: str = "") -> None:
        """Says how far it is, with a few words."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, note=note)
            return
        now = time.monotonic()
        if now - self._spoke >= PLAIN_SECONDS and self.first < done < self.total:
            self._spoke = now
            left = (now - self._began) * (self.total - done) / (done - self.first)
            _line(f"{self.title}: {done} of {self.total}, about {duration(left)} left  {note}")
        elif done == self.first and OFTEN in os.environ:
            _line(f"{self.title}: {done} of {self.total}  {note}")

    def end(self, note: str = "") -> None:
        """Says that it is done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=self.total, note=note)
        else:
            _line(f"{self.title}: done in {duration(time.monotonic() - self._began)}  {note}")


class Display:
    """Makes bars; see `display`."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def bar(self, title: str, total: int, start: int = 0) -> Bar:
        """Starts a bar."""
        return Bar(title, total, start, self._progress)

    def say(self, text: str) -> None:
        """Prints a line above the bars."""
        if self._progress is not None:
            self._progress.console.print(text, highlight=False)
        else:
            _line(text)


@contextmanager
def display() -> Iterator[Display]:
    """A display for the time of the block: bars on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Display(None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield Display(progress)


@dataclass(frozen=True)
class Reached:
    """How far a piece of work is, as a plain line says."""

    done: int
    of: int
    left: float | None
    """Seconds, about; None: it has only begun."""
    note: str

    @classmethod
    def read(cls, line: str) -> "Reached | None":
        """What a line says; None for one that says something else."""
        found = _PLAIN.search(line.rstrip())
        if found is None:
            return None
        done, of, left, note = found.groups()
        return cls(int(done), int(of), _seconds(left) if left else None, note or "")


def duration(seconds: float) -> str:
    """A time as a person says it: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _seconds(text: str) -> float:
    """The time that `duration` said."""
    units = {"s": 1, "min": 60, "h": 3600}
    return float(sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", text)))


def _line(text: str) -> None:
    sys.stderr.write(text.rstrip() + "\n")
    sys.stderr.flush()
