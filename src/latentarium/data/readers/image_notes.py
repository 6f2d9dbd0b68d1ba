"""Notes on what was changed or left out when image files were decoded."""

from collections import Counter
from collections.abc import Mapping, Sequence

from latentarium.texts import Text

MAX_NOTED = 20
"""Largest number of skipped files that the notes name."""


def size_notes(sizes: Counter[tuple[int, int]], target: tuple[int, int]) -> list[str]:
    """Return a note on the images that were fitted to another size.

    Arguments:
        sizes: Number of images by height and width.
        target: The height and width of all images after fitting.
    """
    fitted = {size: count for size, count in sizes.items() if size != target}
    if not fitted:
        return []
    smallest, largest = min(fitted, key=_area), max(fitted, key=_area)
    extent = _size_text(smallest)
    if smallest != largest:
        extent = Text(
            "sizes from {smallest} to {largest}", smallest=extent, largest=_size_text(largest)
        )
    return [
        Text(
            "{count:,} of {total:,} images fitted to {height} x {width} from {extent} (scaled "
            "with antialiasing, cropped at the centre)",
            count=sum(fitted.values()),
            total=sizes.total(),
            height=target[0],
            width=target[1],
            extent=extent,
        )
    ]


def page_notes(names: Sequence[str]) -> list[str]:
    """Return a note on the files with several pages or frames."""
    if not names:
        return []
    return [
        Text(
            "only the first page or frame of {count:,} files with several was read (such as "
            "{name})",
            count=len(names),
            name=names[0],
        )
    ]


def missing_notes(names: Sequence[str]) -> list[str]:
    """Return a note on the images that have pixels without a value."""
    if not names:
        return []
    return [
        Text(
            "{count:,} images have pixels without a value (such as {name}); they were set to the "
            "smallest value of their image, infinite ones to the largest",
            count=len(names),
            name=names[0],
        )
    ]


def broken_notes(broken: Mapping[str, str]) -> list[str]:
    """Return notes on skipped files.

    Arguments:
        broken: Why each file is skipped, by its name.
    """
    notes: list[str] = [
        Text("skipped {name}: {reason}", name=name, reason=reason)
        for name, reason in list(broken.items())[:MAX_NOTED]
    ]
    if len(broken) > MAX_NOTED:
        notes.append(Text("and {more:,} more skipped", more=len(broken) - MAX_NOTED))
    return notes


def _size_text(size: tuple[int, int]) -> Text:
    return Text("{height} x {width}", height=size[0], width=size[1])


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
