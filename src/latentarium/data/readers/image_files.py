"""Decode the image files of a folder, a .zip or a .tar in parallel.

If no size is requested, images are fitted to the size of more than half of them, or else to 64 x
64.
"""

import os
import struct
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from latentarium.data.arrays import RawData
from latentarium.data.image_arrays import MIN_SIDE
from latentarium.data.image_decoding import (
    BrokenImageError,
    DecodedImage,
    ImageHeader,
    decode_image,
    read_header,
    short_reason,
)
from latentarium.data.readers.image_notes import (
    broken_notes,
    missing_notes,
    page_notes,
    size_notes,
)
from latentarium.data.readers.listing import SourceFile
from latentarium.data.readers.placement import PlacedImages
from latentarium.data.storage import MemoryBudget, Storage
from latentarium.errors import UserError
from latentarium.progress import console_progress
from latentarium.texts import Text, join_clauses, text_of
from latentarium.warning_filter import ignore_warnings

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
UNREADABLE = (
    BrokenImageError, OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    RuntimeError, MemoryError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions raised by a file that is missing, damaged or not an image."""


def read_images(
    placed: PlacedImages, source: str, size: int = 0, storage: Storage | None = None
) -> RawData:
    """Decode image files in parallel.

    Arguments:
        placed: The image files with their splits and classes, from `place_images`.
        source: The name for the data card.
        size: Height and width to fit all images to. 0 for the size of more than half of the
            images, or 64 x 64 if there is none.
        storage: Allocates the arrays; None for the default storage.

    Returns:
        Images of 8 bits, or, if some have more bits, of a type that contains the values of all.

    Raises:
        UserError: Too many images are broken, no image belongs to the training split, or some
            images have floats and others whole numbers of more than 8 bits.
    """
    storage = storage or Storage()
    files = placed.files
    numbers = {name: number for number, name in enumerate(placed.classes)}
    budget = MemoryBudget(MAX_DECODING_BYTES)

    def read_one_header(file: SourceFile) -> ImageHeader:
        with budget.reserve(file.size):
            return read_header(file.content())

    results = list(_map_in_threads(read_one_header, files, f"{source}: reading headers"))
    broken: dict[int, str] = {
        i: text_of(r) for i, r in enumerate(results) if isinstance(r, BrokenImageError)
    }
    headers = {i: r for i, r in enumerate(results) if not isinstance(r, BrokenImageError)}
    _require_few_broken(broken, files, source)
    while True:
        common = _format_of(headers, files, source, size)
        images, kept, missing, damaged = _decode(placed, headers, common, storage, source)
        broken |= damaged
        _require_few_broken(broken, files, source)
        headers = {i: header for i, header in headers.items() if i not in damaged}
        # only files with intact pixels determine the format
        if not damaged or _format_of(headers, files, source, size) == common:
            break
    if not kept.get("train"):
        raise UserError(
            Text(
                "{source} has folders for {splits}, but no folder named train: add a "
                "folder of training images with this name.",
                source=source,
                splits=list(images),
            ),
            code="no-train-split",
        )
    kept = {split: positions for split, positions in kept.items() if positions}
    images = drop_equal_channels({s: images[s][: len(part)] for s, part in kept.items()}, storage)
    deep = {split: np.array([headers[i].deep for i in part]) for split, part in kept.items()}
    is_grey = images["train"].shape[1] == 1
    notes = [
        Text(
            "{count:,} images, in grey" if is_grey else "{count:,} images, in colour",
            count=len(headers),
        ),
        *size_notes(Counter(header.size for header in headers.values()), common.size),
        *page_notes([files[i].name for i, header in headers.items() if header.more_pages]),
        *missing_notes([files[i].name for i in missing]),
        *broken_notes({files[i].name: why for i, why in sorted(broken.items())}),
    ]
    return RawData(
        source=source,
        images=dict(images),
        labels={
            split: np.array([numbers[placed.labels[i]] for i in part])
            for split, part in kept.items()
            if placed.labels
        },
        classes=placed.classes,
        notes=(*notes, *placed.notes),
        skipped=tuple(files[i].name for i in sorted(broken)),
        problems=placed.problems,
        deep=deep if common.dtype != np.uint8 else {},
        files={split: tuple(files[i].name for i in part) for split, part in kept.items()},
    )


class _Format(NamedTuple):
    """The channels, the size and the type of all decoded images of a source."""

    grey: bool
    size: tuple[int, int]
    dtype: np.dtype


def _format_of(
    headers: Mapping[int, ImageHeader], files: Sequence[SourceFile], source: str, size: int
) -> _Format:
    target = fit_size(Counter(header.size for header in headers.values()), size)
    _require_target(target, source)
    return _Format(
        all(header.grey for header in headers.values()),
        target,
        common_type({files[i].name: header for i, header in headers.items()}, source),
    )


def _decode(
    placed: PlacedImages,
    headers: Mapping[int, ImageHeader],
    common: _Format,
    storage: Storage,
    source: str,
) -> tuple[dict[str, np.ndarray], dict[str, list[int]], list[int], dict[int, str]]:
    """Decode the files that have a header.

    Returns:
        The images of each split, the numbers of their files, the numbers of the files that have
        pixels without a value, and the reason for each file that is broken.
    """
    counts = Counter(placed.splits[i] for i in headers)
    shape = (1 if common.grey else 3, *common.size)
    images = {split: storage.empty((n, *shape), common.dtype) for split, n in counts.items()}
    kept: dict[str, list[int]] = {split: [] for split in counts}
    missing: list[int] = []
    broken: dict[int, str] = {}
    budget = MemoryBudget(MAX_DECODING_BYTES)

    def decode_one(task: tuple[SourceFile, ImageHeader]) -> DecodedImage:
        file, header = task
        with budget.reserve(file.size + header.decoding_bytes):
            return decode_image(file.content(), common.grey, common.size)

    tasks = [(placed.files[i], header) for i, header in headers.items()]
    decoded = _map_in_threads(decode_one, tasks, f"{source}: decoding")
    for i, result in zip(headers, decoded, strict=True):
        if isinstance(result, BrokenImageError):
            broken[i] = text_of(result)
            continue
        split = placed.splits[i]
        images[split][len(kept[split])] = result.pixels
        kept[split].append(i)
        if result.missing:
            missing.append(i)
    return images, kept, missing, broken


def fit_size(sizes: Counter[tuple[int, int]], size: int) -> tuple[int, int]:
    """Return the height and width to which all images are fitted.

    Arguments:
        sizes: Number of images by height and width.
        size: The requested height and width. 0 for the size of more than half of the images, or
            64 x 64 if there is none.
    """
    if size:
        return size, size
    most_common, count = sizes.most_common(1)[0]
    return most_common if count > sizes.total() / 2 else (MIXED_SIZE, MIXED_SIZE)


def common_type(headers: Mapping[str, ImageHeader], source: str) -> np.dtype:
    """Return a type that contains the values of all images.

    Arguments:
        headers: The headers by the names of the images.
        source: The name of the source for error messages.

    Raises:
        UserError: Some images have floats and others whole numbers of more than 8 bits, which one
            range can't scale.
    """
    deep = {name: header.dtype for name, header in headers.items() if header.deep}
    floats = [name for name, dtype in deep.items() if dtype.kind == "f"]
    if 0 < len(floats) < len(deep):
        whole = next(name for name, dtype in deep.items() if dtype.kind != "f")
        raise UserError(
            Text(
                "{source} has {num_floats:,} images of floats (such as {float_name}) and "
                "{num_whole:,} of whole numbers of more than 8 bits (such as {whole_name}): "
                "convert them to one type.",
                source=source,
                num_floats=len(floats),
                float_name=floats[0],
                num_whole=len(deep) - len(floats),
                whole_name=whole,
            ),
            code="mixed-depth",
        )
    return np.result_type(np.uint8, *set(deep.values()))


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
        first = [
            Text("{name}: {reason}", name=files[i].name, reason=why)
            for i, why in list(broken.items())[:3]
        ]
        raise UserError(
            Text(
                "{count:,} of {total:,} images in {source} are broken ({first}): "
                "replace or remove them.",
                count=len(broken),
                total=len(files),
                source=source,
                first=join_clauses(first),
            ),
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
    threads = ThreadPoolExecutor(os.cpu_count())
    with ignore_warnings(), console_progress() as progress, threads as pool:
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


def _require_target(target: tuple[int, int], source: str) -> None:
    if min(target) < MIN_SIDE:
        raise UserError(
            Text(
                "{source} has images of {height} x {width} pixels; at least {min_side} x "
                "{min_side} are needed. Enlarge them, or give an image size (--image-size "
                "32, in Python size=32).",
                source=source,
                height=target[0],
                width=target[1],
                min_side=MIN_SIDE,
            ),
            code="image-too-small",
        )
