"""Image files with labels from folder names, whether in a folder, a .zip or a .tar.

    photos/a.png                 no labels
    photos/cats/a.png            classes cats, ...
    photos/train/cats/a.png      splits train, ..., with or without classes

Outer folders that all files share are ignored. Files are read in natural order of their names (2
before 10), independently of the file system. If no size is requested and all images have the same
size, they keep it. Otherwise they are fitted to the requested size, or to 64 x 64.
"""

import os
import re
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.image_decoding import (
    BYTES_PER_PIXEL,
    BrokenImageError,
    ImageHeader,
    decode_image,
    read_header,
    short_reason,
)
from latentarium.data.storage import MemoryBudget, Storage
from latentarium.errors import UserError
from latentarium.progress import console_progress

S = TypeVar("S")
T = TypeVar("T")
IMAGE_SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
}  # fmt: skip
MIXED_SIZE = 64
"""Height and width that images of mixed sizes are fitted to."""
MAX_BROKEN_SHARE = 0.05
"""Broken files up to this share of all files are skipped; a larger share is an error."""
MAX_FILE_BYTES = 1 << 28
"""Largest size of a file in a .zip or .tar, in bytes."""
MAX_FILES = 5_000_000
"""Largest number of files in a .zip or in shards."""
MAX_DECODING_BYTES = 1 << 30
"""Memory that all threads together may use to read and decode files, in bytes."""
MAX_PENDING = 4096
"""Largest number of decoded images that wait to be stored."""
PROGRESS_DELAY = 2.0
"""Duration in seconds after which progress is reported."""
MAX_NOTED = 20
"""Largest number of skipped files that the notes name."""
UNREADABLE = (
    BrokenImageError, OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions raised by a file that is missing, damaged or not an image."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file with the suffix of an image, in a folder or an archive."""

    name: str
    """Path within the source, with slashes."""
    version: str
    """A string that changes when the content does."""
    size: int
    """Upper bound of the number of bytes that `read` returns."""
    read: Callable[[], bytes]
    """Function that returns the content."""


def read_images(
    files: Sequence[ImageFile], source: str, size: int = 0, storage: Storage | None = None
) -> RawData:
    """Decode image files in parallel.

    Arguments:
        files: The image files, from `list_folder`, `list_zip` or `list_shards`.
        source: The name for the data card.
        size: Height and width to fit all images to. 0 keeps the size of the images if all have the
            same size, and otherwise fits them to 64 x 64.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: There are no images, too many are broken, or only some have a class.
    """
    if not files:
        raise UserError(
            f"{source} has no image files (suffixes {', '.join(sorted(IMAGE_SUFFIXES))}): give a "
            "folder or an archive of images.",
            code="no-images",
        )
    storage = storage or Storage()
    files = sorted(files, key=lambda file: natural_key(file.name))
    places = _splits_and_classes(file.name for file in files)
    _require_all_or_no_classes([label for _, label in places], source)
    budget = MemoryBudget(MAX_DECODING_BYTES)

    def read_one_header(file: ImageFile) -> ImageHeader:
        with budget.reserve(file.size):
            return read_header(file.read())

    results = list(_map_in_threads(read_one_header, files, f"{source}: reading headers"))
    broken = {i: str(r) for i, r in enumerate(results) if isinstance(r, BrokenImageError)}
    headers = [result for result in results if not isinstance(result, BrokenImageError)]
    _require_few_broken(broken, files, source)
    grey = all(header.grey for header in headers)
    sizes = Counter(header.size for header in headers)
    target = fit_size(sizes, size)
    intact = [i for i in range(len(files)) if i not in broken]
    counts = Counter(places[i][0] for i in intact)
    channels = 1 if grey else 3
    images = {split: storage.empty((n, channels, *target)) for split, n in counts.items()}
    classes = sorted({label for _, label in places if label}, key=natural_key)
    labels: dict[str, list[int]] = {}
    filled: Counter[str] = Counter()

    def decode_one(task: tuple[ImageFile, ImageHeader]) -> np.ndarray:
        file, header = task
        with budget.reserve(file.size + BYTES_PER_PIXEL * _area(header.size)):
            return decode_image(file.read(), grey, target)

    tasks = [(files[i], header) for i, header in zip(intact, headers, strict=True)]
    decoded = _map_in_threads(decode_one, tasks, f"{source}: decoding")
    for i, pixels in zip(intact, decoded, strict=True):
        if isinstance(pixels, BrokenImageError):
            broken[i] = str(pixels)
            continue
        split, label = places[i]
        images[split][filled[split]] = pixels
        filled[split] += 1
        if label:
            labels.setdefault(split, []).append(classes.index(label))
    _require_few_broken(broken, files, source)
    if not filled["train"]:
        raise UserError(
            f"{source} has folders for {' and '.join(images)}, but no folder named train: add "
            "a folder of training images with this name.",
            code="no-train-split",
        )
    images = drop_equal_channels({s: images[s][:n] for s, n in filled.items()}, storage)
    grey = images["train"].shape[1] == 1
    return RawData(
        source=source,
        images=dict(images),
        labels={split: np.array(numbers) for split, numbers in labels.items()},
        classes=tuple(classes),
        notes=tuple(_notes(sizes, target, grey, broken, files)),
        skipped=tuple(files[i].name for i in sorted(broken)),
    )


def fit_size(sizes: Collection[tuple[int, int]], size: int) -> tuple[int, int]:
    """Return the height and width to which all images are fitted.

    Arguments:
        sizes: Heights and widths of the images.
        size: The requested height and width. 0 for the size of the images if all have the same
            size, and otherwise 64 x 64.
    """
    if size:
        return size, size
    return next(iter(sizes)) if len(set(sizes)) == 1 else (MIXED_SIZE, MIXED_SIZE)


def drop_equal_channels(
    images: dict[str, np.ndarray], storage: Storage | None = None
) -> dict[str, np.ndarray]:
    """Keep only the first channel if every image is grey, that is, if its channels are equal."""
    storage = storage or Storage()
    if images["train"].shape[1] > 1 and all(storage.is_grey(part) for part in images.values()):
        return {split: storage.first_channel(part) for split, part in images.items()}
    return images


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts img2 before img10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in parts if p]


def _splits_and_classes(names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Return the split and the class of each file, from the names of its folders.

    Outer folders that all files share are ignored. The first folder after them is the split if all
    files have the name of a split there; otherwise it is the class.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    while True:
        outer = {f[0] if f else "" for f in folders}
        if all(name.lower() in SPLIT_NAMES for name in outer):
            splits = [SPLIT_NAMES[f[0].lower()] for f in folders]
            return [
                (split, f[1] if len(f) > 1 else None)
                for split, f in zip(splits, folders, strict=True)
            ]
        if len(outer) > 1 or "" in outer:
            return [("train", f[0] if f else None) for f in folders]
        folders = [f[1:] for f in folders]


def _require_all_or_no_classes(labels: Sequence[str | None], source: str) -> None:
    without = sum(label is None for label in labels)
    if 0 < without < len(labels):
        raise UserError(
            f"{source} has {without:,} images outside its class folders: move them into a class "
            "folder, or remove them.",
            code="missing-labels",
        )


def _require_few_broken(broken: dict[int, str], files: Sequence[ImageFile], source: str) -> None:
    if len(broken) > MAX_BROKEN_SHARE * len(files):
        first = "; ".join(f"{files[i].name}: {why}" for i, why in list(broken.items())[:3])
        raise UserError(
            f"{len(broken):,} of {len(files):,} images in {source} are broken ({first}): replace "
            "or remove them.",
            code="broken-images",
        )


def _map_in_threads(
    work: Callable[[S], T], items: Sequence[S], title: str
) -> Iterator[T | BrokenImageError]:
    """Call `work` on each item in several threads, and yield the results in order.

    The threads run in parallel, because Pillow releases the interpreter lock while it decodes. At
    most `MAX_PENDING` results are buffered, to bound the memory.
    """

    def work_or_error(item: S) -> T | BrokenImageError:
        try:
            return work(item)
        except BrokenImageError as error:
            return error
        except UNREADABLE as error:
            return BrokenImageError(short_reason(error))

    started, task, done = time.monotonic(), None, 0
    with console_progress() as progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(items), MAX_PENDING):
            for result in pool.map(work_or_error, items[first : first + MAX_PENDING]):
                yield result
                done += 1
                if task is None and time.monotonic() - started > PROGRESS_DELAY:
                    task = progress.task(title, len(items), done)
                if task is not None:
                    task.update(done)
        if task is not None:
            task.end()


def _notes(
    sizes: Counter[tuple[int, int]],
    target: tuple[int, int],
    grey: bool,
    broken: dict[int, str],
    files: Sequence[ImageFile],
) -> list[str]:
    notes = [f"{len(files) - len(broken):,} images, in {'grey' if grey else 'colour'}"]
    if set(sizes) != {target}:
        smallest, largest = min(sizes, key=_area), max(sizes, key=_area)
        notes.append(
            f"sizes from {smallest[0]} x {smallest[1]} to {largest[0]} x {largest[1]}, fitted to "
            f"{target[0]} x {target[1]} (scaled with antialiasing, cropped at the centre)"
        )
    notes += [f"skipped {files[i].name}: {why}" for i, why in sorted(broken.items())[:MAX_NOTED]]
    if len(broken) > MAX_NOTED:
        notes.append(f"and {len(broken) - MAX_NOTED:,} more skipped")
    return notes


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
