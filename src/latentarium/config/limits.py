"""Limits of values, which are part of the annotations of settings."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """The allowed values of a number, as part of an annotation.

    Arguments:
        low: The smallest allowed value; None for no limit.
        high: The largest allowed value; None for no limit.
        above: The value that the number must exceed; None for no limit.
        below: The value that the number must stay under; None for no limit.
    """

    low: float | int | None = None
    high: float | int | None = None
    above: float | int | None = None
    below: float | int | None = None

    def __contains__(self, value: float | int) -> bool:
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"between {format_limit(self.low)} and {format_limit(self.high)}"
        limits = (
            ("at least", self.low), ("more than", self.above),
            ("at most", self.high), ("below", self.below),
        )  # fmt: skip
        return " and ".join(f"{words} {format_limit(x)}" for words, x in limits if x is not None)


@dataclass(frozen=True)
class Length:
    """The allowed lengths of a string or a list, as part of an annotation."""

    low: int


NOT_EMPTY = Length(1)
"""The annotation of strings that must not be empty."""
SEEDS = Range(0, 2**32 - 1)
"""The seeds that every random number generator accepts."""
Seed = Annotated[int, SEEDS]
"""A seed of random numbers."""


def format_limit(value: float | int) -> str:
    """Return a limit as text."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
