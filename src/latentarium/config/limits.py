"""Limits of values, which are part of the annotations of settings."""

from dataclasses import dataclass
from typing import Annotated

from latentarium.texts import Text


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

    @property
    def text(self) -> str:
        """The allowed values in words, such as "between 1 and 10"; "" if there is no limit."""
        low, high, above, below = map(format_limit, (self.low, self.high, self.above, self.below))
        if low and high:
            return Text("between {low} and {high}", low=low, high=high)
        limits = [
            Text("at least {low}", low=low) if low else "",
            Text("more than {above}", above=above) if above else "",
            Text("at most {high}", high=high) if high else "",
            Text("below {below}", below=below) if below else "",
        ]
        first, *more = [*filter(None, limits), ""]
        return Text("{first} and {second}", first=first, second=more[0]) if more[:-1] else first

    def __str__(self) -> str:
        return str(self.text)


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


def format_limit(value: float | int | None) -> str:
    """Return a limit as text; "" for no limit."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
