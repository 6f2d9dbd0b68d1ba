"""Folders and zips of pictures: labels from sub-folders, splits from those named train or test.

    photos/a.png                 no labels
    photos/cats/a.png            classes cats, ...
    photos/train/cats/a.png      splits of its own, with classes or without

What is the same for all (an outer folder, as zips have) is left out. Files are taken in natural
order of their names (2 before 10), whatever the file system says. Pictures of one size stay as
they are; of mixed sizes, all are fitted to 64 x 64, or whatever `size` says.
"""

import os
import re
import stat
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from latentarium.data.arrays import SPLITS, Raw
from latentarium.data.decode import PIXEL_BYTES, BrokenImage, decode, look
from latentarium.data.room import Allowance, first_channel, is_grey, room
from latentarium.errors import UserError
from latentarium.progress import display

S = TypeVar("S")
T = TypeVar("T")
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
}  # fmt: skip
MIXED_SIZE = 64
MOST_BROKEN = 0.05
"""Share of files that may be broken before loading stops."""
LARGEST_FILE = 1 << 28
"""Bytes of one in a zip or shard."""
MOST_FILES = 5_000_000
AT_ONCE = 1 << 30
"""Bytes that all threads together may read and decode at a time."""
AHEAD = 4096
"""Pictures that are decoded before the first of them is put away."""
QUIET_SECONDS = 2.0
"""Work that takes longer says how far it is."""
UNREADABLE = (
    BrokenImage, OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What a file raises that is gone, damaged, or no picture."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A file that may be a picture."""

    name: str
    """Its path in the source, with slashes."""
    version: str
    """Changes when its content does."""
    size: int
    """Bytes that are read at most."""
    read: Callable[[], bytes]


def list_folder(folder: Path) -> list[Item]:
    """All picture files below a folder; hidden ones, what links lead to, and what
    is no plain file are left out."""
    items = []
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or Path(name).suffix.lower() not in SUFFIXES:
                continue
            path = Path(place, name)
            if path.is_symlink():
                continue
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                continue  # a pipe never ends
            items.append(
                Item(
                    name=path.relative_to(folder).as_posix(),
                    version=f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}",
                    size=status.st_size,
                    read=path.read_bytes,
                )
            )
    return sorted(items, key=lambda item: item.name)


def read_pictures(items: Sequence[Item], source: str, size: int = 0) -> Raw:
    """Decodes all pictures, in parallel.

    Arguments:
        items: As a list function found them.
        source: The name that the card keeps.
        size: Side of the square to fit all to; 0: as they are if all have one size, else 64.

    Raises:
        UserError: No pictures, too many broken ones, or folders that don't say clearly what is
            a class.
    """
    if not items:
        raise UserError(
            f"{source} holds no pictures ({', '.join(sorted(SUFFIXES))}): give another folder."
        )
    items = sorted(items, key=lambda item: natural(item.name))
    places = _places([item.name for item in items])
    _require_clear([label for _, label in places], source)
    allowed = Allowance(AT_ONCE)

    def head_of(item: Item) -> tuple[tuple[int, int], bool]:
        with allowed.take(item.size):
            return look(item.read())

    heads = list(_work(items, head_of, f"{source}: looks"))
    broken = {i: str(head) for i, head in enumerate(heads) if isinstance(head, BrokenImage)}
    found = [head for head in heads if not isinstance(head, BrokenImage)]
    _require_enough(broken, items, source)
    grey = all(is_grey for _, is_grey in found)
    sizes = Counter(shape for shape, _ in found)
    target = fit_to(sizes, size)
    whole = [i for i in range(len(items)) if i not in broken]
    counts = Counter(places[i][0] for i in whole)
    channels = 1 if grey else 3
    images = {split: room((count, channels, *target)) for split, count in counts.items()}
    names = sorted({label for _, label in places if label}, key=natural)
    labels: dict[str, list[int]] = {}
    filled: Counter[str] = Counter()

    def pixels_of(task: tuple[Item, tuple[int, int]]) -> np.ndarray:
        item, shape = task
        with allowed.take(item.size + PIXEL_BYTES * _area(shape)):
            return decode(item.read(), grey, target)

    tasks = [(items[i], shape) for i, shape in zip(whole, (s for s, _ in found), strict=True)]
    decoded = _work(tasks, pixels_of, f"{source}: decodes")
    for i, part in zip(whole, decoded, strict=True):
        if isinstance(part, BrokenImage):
            broken[i] = str(part)
            continue
        split, label = places[i]
        images[split][filled[split]] = part
        filled[split] += 1
        if label:
            labels.setdefault(split, []).append(names.index(label))
    _require_enough(broken, items, source)
    if not filled["train"]:
        raise UserError(f"{source} has folders for {' and '.join(images)} but none named train.")
    images = one_channel_if_grey({s: images[s][:n] for s, n in filled.items()})
    grey = images["train"].shape[1] == 1
    return Raw(
        source=source,
        images=dict(images),
        labels={split: np.array(parts) for split, parts in labels.items()},
        classes=tuple(names),
        notes=tuple(_notes(sizes, target, grey, broken, items)),
    )


def fit_to(sizes: Collection[tuple[int, int]], size: int) -> tuple[int, int]:
    """Height and width for pictures of these sizes: the square asked for; their own, if all have
    one; else 64 x 64."""
    if size:
        return size, size
    return next(iter(sizes)) if len(set(sizes)) == 1 else (MIXED_SIZE, MIXED_SIZE)


def one_channel_if_grey(images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One channel where all three are equal in every picture: grey, stored as colours."""
    if images["train"].shape[1] > 1 and all(is_grey(part) for part in images.values()):
        return {split: first_channel(part) for split, part in images.items()}
    return images


def natural(name: str) -> list[tuple[int, int, str]]:
    """Orders names as people do: img2 before img10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in parts if p]


def _places(names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Split and class of each file. Outer folders that all share are left out; the next ones are
    splits if every one of them is called like one, else classes."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    while True:
        outer = {f[0] if f else "" for f in folders}
        if all(name.lower() in SPLITS for name in outer):
            splits = [SPLITS[f[0].lower()] for f in folders]
            return [
                (split, f[1] if len(f) > 1 else None)
                for split, f in zip(splits, folders, strict=True)
            ]
        if len(outer) > 1 or "" in outer:
            return [("train", f[0] if f else None) for f in folders]
        folders = [f[1:] for f in folders]


def _require_clear(labels: Sequence[str | None], source: str) -> None:
    bare = sum(label is None for label in labels)
    if 0 < bare < len(labels):
        raise UserError(
            f"{source} has {bare:,} pictures beside its class folders: move them into a class, or "
            "away."
        )


def _require_enough(broken: dict[int, str], items: Sequence[Item], source: str) -> None:
    if len(broken) > MOST_BROKEN * len(items):
        few = "; ".join(f"{items[i].name}: {why}" for i, why in list(broken.items())[:3])
        raise UserError(
            f"{len(broken):,} of {len(items):,} pictures in {source} are broken ({few}): mend or "
            "remove them."
        )


def _work(items: Sequence[S], work: Callable[[S], T], title: str) -> Iterator[T | BrokenImage]:
    """The work on each item, in order, in threads: Pillow decodes without holding the others. A
    few are ahead of who takes them, so that results don't pile up."""

    def safely(item: S) -> T | BrokenImage:
        try:
            return work(item)
        except BrokenImage as error:
            return error
        except UNREADABLE as error:
            return BrokenImage(" ".join(str(error).split())[:80])

    began, bar, done = time.monotonic(), None, 0
    with display() as shown, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), AHEAD):
            for part in pool.map(safely, items[start : start + AHEAD]):
                yield part
                done += 1
                if bar is None and time.monotonic() - began > QUIET_SECONDS:
                    bar = shown.bar(title, len(items), done)
                if bar is not None:
                    bar.update(done)
        if bar is not None:
            bar.end()


def _notes(
    sizes: Counter,
    target: tuple[int, int],
    grey: bool,
    broken: dict[int, str],
    items: Sequence[Item],
) -> list[str]:
    notes = [f"{len(items) - len(broken):,} pictures, as {'grey' if grey else 'colour'}"]
    if set(sizes) != {target}:
        smallest, largest = min(sizes, key=_area), max(sizes, key=_area)
        notes.append(
            f"sizes from {smallest[0]} x {smallest[1]} to {largest[0]} x {largest[1]}, fitted to "
            f"{target[0]} x {target[1]} (scaled to cover it, antialiased, then cut at the centre)"
        )
    notes += [f"skipped {items[i].name}: {why}" for i, why in sorted(broken.items())[:20]]
    if len(broken) > 20:
        notes.append(f"and {len(broken) - 20:,} more skipped")
    return notes


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
