"""Decode the image files of a folder, a .zip or a .tar in parallel.

If no size is requested and all images have the same size, they keep it. Otherwise they are fitted
to the requested size, or to 64 x 64.
"""

import os
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from latentarium.data.arrays import RawData
from latentarium.data.image_decoding import (
    BYTES_PER_PIXEL,
    BrokenImageError,
    ImageHeader,
    decode_image,
    read_header,
    short_reason,
)
from latentarium.data.readers.listing import SourceFile
from latentarium.data.readers.placement import PlacedImages
from latentarium.data.storage import MemoryBudget, Storage
from latentarium.errors import UserError
from latentarium.progress import console_progress

S = TypeVar("S")
T = TypeVar("T")
MIXED_SIZE = 64
"""Height and width that images of mixed sizes are fitted to."""
MAX_BROKEN_SHARE = 0.05
"""Broken files up to this share of all files are skipped; a larger share is an error."""
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


def read_images(
    placed: PlacedImages, source: str, size: int = 0, storage: Storage | None = None
) -> RawData:
    """Decode image files in parallel.

    Arguments:
        placed: The image files with their splits and classes, from `place_images`.
        source: The name for the data card.
        size: Height and width to fit all images to. 0 keeps the size of the images if all have the
            same size, and otherwise fits them to 64 x 64.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: Too many images are broken, or no image belongs to the training split.
    """
    storage = storage or Storage()
    files = placed.files
    numbers = {name: number for number, name in enumerate(placed.classes)}
    budget = MemoryBudget(MAX_DECODING_BYTES)

    def read_one_header(file: SourceFile) -> ImageHeader:
        with budget.reserve(file.size):
            return read_header(file.content())

    results = list(_map_in_threads(read_one_header, files, f"{source}: reading headers"))
    broken = {i: str(r) for i, r in enumerate(results) if isinstance(r, BrokenImageError)}
    headers = [result for result in results if not isinstance(result, BrokenImageError)]
    _require_few_broken(broken, files, source)
    grey = all(header.grey for header in headers)
    sizes = Counter(header.size for header in headers)
    target = fit_size(sizes, size)
    intact = [i for i in range(len(files)) if i not in broken]
    counts = Counter(placed.splits[i] for i in intact)
    channels = 1 if grey else 3
    images = {split: storage.empty((n, channels, *target)) for split, n in counts.items()}
    labels: dict[str, list[int]] = {}
    filled: Counter[str] = Counter()

    def decode_one(task: tuple[SourceFile, ImageHeader]) -> np.ndarray:
        file, header = task
        with budget.reserve(file.size + BYTES_PER_PIXEL * _area(header.size)):
            return decode_image(file.content(), grey, target)

    tasks = [(files[i], header) for i, header in zip(intact, headers, strict=True)]
    decoded = _map_in_threads(decode_one, tasks, f"{source}: decoding")
    for i, pixels in zip(intact, decoded, strict=True):
        if isinstance(pixels, BrokenImageError):
            broken[i] = str(pixels)
            continue
        split = placed.splits[i]
        images[split][filled[split]] = pixels
        filled[split] += 1
        if placed.labels:
            labels.setdefault(split, []).append(numbers[placed.labels[i]])
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
        labels={split: np.array(part) for split, part in labels.items()},
        classes=placed.classes,
        notes=(*_notes(sizes, target, grey, broken, files), *placed.notes),
        skipped=tuple(files[i].name for i in sorted(broken)),
        problems=placed.problems,
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


def _require_few_broken(broken: dict[int, str], files: Sequence[SourceFile], source: str) -> None:
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
    files: Sequence[SourceFile],
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
