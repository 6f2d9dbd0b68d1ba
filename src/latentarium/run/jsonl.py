"""A log of rows, a JSON object a line, which may be killed in the middle of a write."""

import io
import json
import math
from pathlib import Path
from typing import Any

from latentarium.files import write_failure

OF_ANOTHER_HAND = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What rows raise, where they are used, that we did not write."""


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Adds a row at the end.

    Raises:
        UserError: It can't be written.
    """
    try:
        with path.open("a+b") as file:
            if file.tell() and not _ends_line(path):  # a torn row: close it
                file.write(b"\n")
            file.write(json.dumps(row).encode() + b"\n")
    except OSError as error:
        raise write_failure(path, error) from None


def read_row(line: bytes) -> dict[str, Any] | None:
    """A row, which has a step; None for a torn one. What is no finite number, as the loss of a
    training that went astray, is None: there is no JSON for it."""
    try:
        row = json.loads(line, parse_constant=lambda _: None, parse_float=_finite)
        return row if isinstance(row["step"], int) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, io.SEEK_END)
        return file.read(1) == b"\n"
