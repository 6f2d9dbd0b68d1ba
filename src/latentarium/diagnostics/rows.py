"""Helpers to read the rows of a log."""

from collections.abc import Sequence
from statistics import median
from typing import Any

Row = dict[str, Any]
"""A row: its step, and a dictionary of numbers for each player."""

WINDOW = 5
"""Number of last rows that describe the current state: 250 steps by default. If the log has fewer
rows, nothing is reported."""


def players_of(rows: Sequence[Row]) -> list[str]:
    """List the players in the last row."""
    return [
        name for name, value in rows[-1].items() if isinstance(value, dict) and "total" in value
    ]


def last_median(rows: Sequence[Row], player: str, name: str) -> float | None:
    """Return the median over the last rows; None if one of them lacks the value."""
    values = column(rows[-WINDOW:], player, name)
    return None if values is None else median(values)


def column(rows: Sequence[Row], player: str, name: str) -> list[float] | None:
    """Return a player's value in each row; None if any row lacks it."""
    values = [row.get(player, {}).get(name) for row in rows]
    known = [float(value) for value in values if value is not None]
    return known if len(known) == len(values) else None
