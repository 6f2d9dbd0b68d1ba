"""Commands that the page waits for: how far they are, and how much longer they take."""

import time
from collections.abc import Generator
from typing import Any

from latentarium.progress import ProgressLine
from latentarium.studio.processes import working

Lines = Generator[dict[str, Any], None, None]
"""How far something is (done, of, left in seconds, note), at last what was `found`."""


class Waits:
    """Remembers how long commands took, to say so before they do themselves."""

    def __init__(self) -> None:
        self._took: dict[str, float] = {}

    def told(self, *arguments: str, seconds: float) -> Generator[dict[str, Any], None, str]:
        """As `working`, with the time left: as the command says it, and before it does, by how
        long the last one of its kind took."""
        kind, clock = arguments[0], _Clock(self._took.get(arguments[0]))
        work = working(*arguments, seconds=seconds)
        try:
            while True:
                try:
                    reached = next(work)
                except StopIteration as end:
                    self._took[kind] = clock.seconds
                    return end.value
                yield clock.line(reached)
        finally:
            work.close()


class _Clock:
    def __init__(self, took: float | None) -> None:
        self._begun = self._told = time.monotonic()
        self._took, self._last = took, ProgressLine()

    @property
    def seconds(self) -> float:
        """Since its beginning."""
        return time.monotonic() - self._begun

    def line(self, reached: ProgressLine | None) -> dict[str, Any]:
        """How far it is now: what was said a while ago counts down."""
        if reached is not None and reached != self._last:
            self._last, self._told = reached, time.monotonic()
        left, since = self._last.seconds_left, self._told
        if left is None:
            left, since = self._took, self._begun
        if left is not None:
            left = max(0.0, since + left - time.monotonic())
        last = self._last
        return {"done": last.done, "of": last.total, "left": left, "note": last.label}
