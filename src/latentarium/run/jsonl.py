"""A log in the JSON Lines format, whose complete rows survive a process killed during a write."""

import io
import json
import math
from pathlib import Path
from typing import Any

from latentarium.files import write_failure
from latentarium.run.compat import upgrade_log_row

MALFORMED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""Exceptions that malformed rows raise when they are used: a log from elsewhere is untrusted."""


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a log.

    Raises:
        UserError: The file can't be written.
    """
    try:
        with path.open("a+b") as file:
            if file.tell() and not _ends_line(path):  # terminate an incomplete row
                file.write(b"\n")
            file.write(json.dumps(row).encode() + b"\n")
    except OSError as error:
        raise write_failure(path, error) from None


def read_row(line: bytes) -> dict[str, Any] | None:
    """Parse a row of the log and replace the keys of earlier versions by the current ones.

    Returns:
        The row, which has an integer `step` and, if it is known, a number of `seconds`; None for
        an incomplete or malformed line. Numbers that are not finite, such as the loss of a
        diverged training, become None, and so do integers beyond the range of floats.
    """
    try:
        row = json.loads(
            line,
            parse_constant=lambda _: None,
            parse_float=_finite_or_none,
            parse_int=_integer_or_none,
        )
        return upgrade_log_row(row) if _is_row(row) else None
    except (ValueError, RecursionError):
        return None


def _is_row(row: object) -> bool:
    """Return whether values have the types of a row: numbers, and values of players."""
    if not isinstance(row, dict):
        return False
    step, seconds = row.get("step"), row.get("seconds", 0)
    if type(step) is not int or step < 0 or isinstance(seconds, bool):
        return False
    if not isinstance(seconds, int | float | None):
        return False
    values = [value for value in row.values() if not isinstance(value, dict)]
    values += [value for part in row.values() if isinstance(part, dict) for value in part.values()]
    return all(isinstance(value, int | float | list | dict | None) for value in values)


def _finite_or_none(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _integer_or_none(text: str) -> int | None:
    return int(text) if _finite_or_none(text) is not None else None


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return file.read(1) == b"\n"
