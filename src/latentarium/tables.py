"""Tables as aligned plain text, for a terminal or a file."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_WIDTH = 200
"""Largest number of characters in a line if no width is given."""


def render_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """Return a table with aligned columns; long cells wrap.

    Arguments:
        titles: The title of each column.
        rows: Rows with one cell for each title; an empty row gives an empty line.
        width: Number of characters in a line; None for what the table needs, up to `MAX_WIDTH`.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    buffer = io.StringIO()
    console = Console(file=buffer, width=width or MAX_WIDTH, color_system=None, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
