"""Pictures of a stranger, who may mean to fill the memory: bounds that hold before any is decoded,
and that most who mean well never meet."""

from pathlib import Path

from latentarium.data.decode import look
from latentarium.data.folders import UNREADABLE, fit_to, list_folder
from latentarium.data.zips import list_zip
from latentarium.errors import UserError

MOST_FILES = 100_000
"""Of a zip."""
LARGEST = 1 << 32
"""Bytes that all files may unpack to."""
MOST_PIXELS = 1 << 26
"""Of one picture."""
LARGEST_DECODED = 1 << 31
"""Bytes that all pictures may take as they are trained on."""


def require_modest(path: Path) -> None:
    """Checks that a folder or zip of pictures can be loaded without harm.

    Raises:
        UserError: It would take too much memory, or is damaged.
    """
    zipped = path.suffix.lower() == ".zip"
    shapes: set[tuple[int, int]] = set()
    count = 0
    for item in list_zip(path, MOST_FILES, LARGEST) if zipped else list_folder(path):
        try:
            height, width = look(item.read())[0]
        except UNREADABLE:
            continue  # it is left out, or refused, by who loads it
        if height * width > MOST_PIXELS:
            raise UserError(
                f"{item.name} has {width} x {height} pixels, more than {MOST_PIXELS:,}: make it "
                "smaller, or leave it out."
            )
        shapes.add((height, width))
        count += 1
    height, width = fit_to(shapes, 0) if shapes else (0, 0)
    if 3 * count * height * width > LARGEST_DECODED:
        raise UserError(
            f"{count:,} pictures of {width} x {height} pixels take more than "
            f"{LARGEST_DECODED >> 30} GiB: make them smaller, or take a part of them."
        )
