"""Tables for people: aligned columns, on a terminal and in a file alike."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 200
"""Characters of a line where the terminal's width is not known, or the table goes to a file."""


def render(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Rows under their titles; the first column is the name, and a long cell wraps.

    Arguments:
        titles: One for each column.
        rows: Cells, one for each title; an empty row is a rule.
        width: Characters of a line; None: as many as the table needs, at most `WIDTH`.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    buffer = io.StringIO()
    console = Console(file=buffer, width=width or WIDTH, color_system=None, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
