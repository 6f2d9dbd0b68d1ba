"""`load_data`: load a data set from a name, a path or arrays.

Sources are registered in three tables: `NAMED_SOURCES` by name, `PREFIXED_SOURCES` by prefix, and
`PATH_FORMATS` for files and folders. To add a source, write a reader that returns `Data` or
`RawData`, and add it to one of these tables.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from latentarium.data import cache
from latentarium.data.arrays import MIN_SIDE, RawData, to_data
from latentarium.data.binarized_mnist import (
    STATIC_COUNTS,
    dynamic_mnist,
    read_static_mnist,
    static_file,
)
from latentarium.data.dataset import Data
from latentarium.data.fashion_mnist import fashion_mnist
from latentarium.data.mnist import load_mnist
from latentarium.data.readers.file_names import printable
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.hugging_face import read_hugging_face
from latentarium.data.readers.idx import (
    find_label_file,
    is_idx,
    is_idx_folder,
    parse_idx,
    read_bytes,
    read_idx,
    read_idx_folder,
)
from latentarium.data.readers.image_files import read_images
from latentarium.data.readers.listing import Listing, require_regular
from latentarium.data.readers.npz import read_npz
from latentarium.data.readers.placement import no_images, place_images
from latentarium.data.readers.shards import find_nested_shards, find_shards, list_shards
from latentarium.data.readers.zips import list_zip
from latentarium.data.stacked_mnist import stacked_mnist
from latentarium.data.storage import Storage
from latentarium.data.toy import grid, ring, toy_data
from latentarium.errors import UserError, did_you_mean


def load_data(source: object = "mnist", labels: object = None, *, size: int = 0) -> Data:
    """Load images and, if there are any, their labels, in three splits.

    `source` is one of:

    - "mnist": the 70,000 handwritten digits that ship in the package
    - "mnist-dynamic": the same digits; the validation and test images are binarized once by a
      published protocol
    - "stacked-mnist": images whose three channels are three digits of MNIST; 1,000 classes
    - "fashion-mnist": Fashion-MNIST from Debian's package; if that is not installed, the files are
      downloaded once from the authors' repository
    - "ring", "grid": mixtures of Gaussians in the plane with known density, as float32 "images" of
      two channels and one pixel
    - "hf:NAME": a data set of the Hugging Face hub; needs `latentarium[hf]`
    - the path of a folder of image files, or of a .zip of such a folder; sub-folders are classes,
      and folders named train, validation and test are splits
    - the path of a .tar of image files (a shard), or of a folder of shards, in WebDataset's layout
    - the path of an IDX image file, or of a folder with MNIST's IDX files
    - the path of a .npz file with arrays such as images and labels, or x_train, y_train, x_test
    - the path of a folder with the three files binarized_mnist_*.amat
    - an array, tensor or list of images, uint8 from 0 to 255 or floats in [0, 1], of shape
      (N, H, W), (N, H, W, C) or (N, C, H, W), at least 8 x 8 pixels; floats are stored as
      round(255 x)
    - `Data`, which is returned unchanged

    Arguments:
        source: What to load.
        labels: The labels, if the source is an array, a single IDX file or a .npz file without
            labels: one whole number or name per image, or the path of an IDX label file.
        size: Height and width, in pixels, to which image files are fitted. 0 keeps the size of
            the images if all have the same size, and otherwise fits them to 64 x 64.

    Returns:
        A data set whose splits have uint8 images (N, C, H, W) and int64 class numbers (N,), and
        whose card has the class names and a fingerprint. If the source has no validation or no
        test split, the missing split is a tenth of the training images, chosen by a permutation
        that depends only on their number.

    Raises:
        UserError: The source is unknown (code `unknown-source`), missing (`file-not-found`) or
            damaged (`damaged-file`), the type, shape or range of its images is not supported, or
            the labels don't match the images (`label-count`, `unexpected-labels`).
    """
    if isinstance(source, Data):
        _require_no_labels(labels, "Data")
        return source
    if isinstance(source, str) and source in NAMED_SOURCES:
        _require_no_labels(labels, source)
        return NAMED_SOURCES[source]()
    if isinstance(source, str):
        for prefix, read in PREFIXED_SOURCES.items():
            if source.startswith(prefix):
                _require_no_labels(labels, source)
                return to_data(read(source.removeprefix(prefix), size))
    if isinstance(source, str | os.PathLike):
        return _load_path(os.fspath(source), labels, size)
    if isinstance(source, np.ndarray | torch.Tensor | list | tuple):
        arrays = RawData(
            source="arrays", images={"train": source}, labels={"train": _read_labels(labels)}
        )
        return to_data(arrays)
    raise UserError(
        f"load_data can't read an object of type {type(source).__name__}. {_accepted()}",
        code="unknown-source",
    )


def load_images(
    listing: Listing, path: Path, size: int = 0, storage: Storage | None = None
) -> Data:
    """Load image files from the cache, or decode them and save the result in the cache.

    Arguments:
        listing: The files, from `list_folder`, `list_zip` or `list_shards`.
        path: The absolute path of the folder or archive; its last part names the data set.
        size: Height and width to fit all images to, in pixels; see `load_data`.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: There are no images, too many are broken, or `size` is too small.
    """
    if size and size < MIN_SIDE:
        raise UserError(
            f"size is {size}; it must be at least {MIN_SIDE}, or 0 to keep the images' size.",
            code="invalid-size",
        )
    name = printable(path.name)
    key = cache.cache_key(listing, str(path), size)
    data = cache.load(key, storage)
    if data is None:
        raw = read_images(place_images(listing, name), name, size, storage)
        data = to_data(raw, storage)
        if not raw.skipped:  # a skipped file may be readable next time
            cache.save(key, data)
    return data


def _load_path(text: str, labels: object, size: int) -> Data:
    path = Path(text).expanduser()
    if not path.exists():
        if re.search(r"[./\\~]", text):
            raise UserError(
                f"There is no file or folder {text}: check the path. {_accepted()}",
                code="file-not-found",
            )
        raise UserError(
            f"There is no data source named '{text}'.{did_you_mean(text, NAMED_SOURCES)} "
            f"{_accepted()}",
            code="unknown-source",
        )
    require_regular(path)
    for path_format in PATH_FORMATS:
        data = path_format.load(path, labels, size)
        if data is not None:
            return data
    if path.is_dir():
        raise no_images(list_folder(path), str(path))
    raise UserError(
        f"{path} has a format that load_data can't read. {_accepted()}", code="unknown-format"
    )


def _load_shards(path: Path, labels: object, size: int) -> Data | None:
    shards = find_shards(path)
    if not shards:
        return None
    if path.is_dir() and list_folder(path).images:
        raise UserError(
            f"{path} has image files in addition to {shards[0].name}: keep only the images or "
            "only the shards in this folder.",
            code="mixed-formats",
        )
    listing = list_shards(shards)
    _require_no_labels(labels, str(path))
    return load_images(listing, path.resolve(), size)


def _load_zip(path: Path, labels: object, size: int) -> Data | None:
    if not path.is_file() or path.suffix.lower() != ".zip":
        return None
    listing = list_zip(path)
    _require_no_labels(labels, str(path))
    return load_images(listing, path.resolve(), size)


def _load_static_mnist(path: Path, labels: object, size: int) -> Data | None:
    folder = path if path.is_dir() else path.parent
    parts = [static_file(folder, part) for part in STATIC_COUNTS]
    if path not in parts and not (path.is_dir() and any(part.is_file() for part in parts)):
        return None
    _require_no_labels(labels, str(path))
    return to_data(read_static_mnist(folder))


def _load_idx_folder(path: Path, labels: object, size: int) -> Data | None:
    if not path.is_dir() or not is_idx_folder(path):
        return None
    _require_no_labels(labels, str(path))
    return to_data(read_idx_folder(path))


def _load_folder(path: Path, labels: object, size: int) -> Data | None:
    if not path.is_dir():
        return None
    listing = list_folder(path)
    if not listing.images:
        shards = find_nested_shards(path)
        listing = list_shards(shards) if shards else listing
    if not listing.images:
        return None
    _require_no_labels(labels, str(path))
    return load_images(listing, path.resolve(), size)


def _load_npz(path: Path, labels: object, size: int) -> Data | None:
    if path.is_dir() or path.suffix.lower() != ".npz":
        return None
    return to_data(read_npz(path, _read_labels(labels)))


def _load_idx_file(path: Path, labels: object, size: int) -> Data | None:
    if path.is_dir():
        return None
    content = read_bytes(path)
    if not is_idx(content) and "idx" not in path.name:
        return None
    found = _read_labels(labels)
    label_path = find_label_file(path) if labels is None else None
    if label_path is not None:
        found = read_idx(label_path)
    images = parse_idx(content, path)
    raw = RawData(source=path.name, images={"train": images}, labels={"train": found})
    return to_data(raw)


def _read_labels(labels: object) -> object:
    """Read the labels if they are the path of an IDX file; otherwise return them unchanged."""
    if isinstance(labels, str | os.PathLike):
        return read_idx(Path(labels).expanduser())
    return labels


def _require_no_labels(labels: object, source: str) -> None:
    if labels is not None:
        raise UserError(
            f"The argument `labels` can't be used with {source}: leave it out.",
            code="unexpected-labels",
        )


class PathFormat(NamedTuple):
    """A format of files or folders.

    Arguments:
        description: A description of the format for error messages.
        load: Function that takes a path, labels and a size like `load_data`, and returns None if
            the path has another format.
    """

    description: str
    load: Callable[[Path, object, int], Data | None]


NAMED_SOURCES: dict[str, Callable[[], Data]] = {
    "mnist": load_mnist,
    "mnist-dynamic": dynamic_mnist,
    "ring": lambda: toy_data(ring()),
    "grid": lambda: toy_data(grid()),
    "stacked-mnist": stacked_mnist,
    "fashion-mnist": fashion_mnist,
}
"""Loaders by the name of the source."""

PREFIXED_SOURCES: dict[str, Callable[[str, int], RawData]] = {"hf:": read_hugging_face}
"""Readers by the prefix of the source; a reader takes the rest of the name and a size."""

PATH_FORMATS = [
    PathFormat("a .tar of images or a folder of such files", _load_shards),
    PathFormat("a .zip of images", _load_zip),
    PathFormat("a folder with the three binarized_mnist_*.amat files", _load_static_mnist),
    PathFormat("a folder with MNIST's IDX files", _load_idx_folder),
    PathFormat("a folder of images", _load_folder),
    PathFormat("an .npz file", _load_npz),
    PathFormat("an IDX file", _load_idx_file),
]
"""Formats of paths, in the order in which they are tried."""


def _accepted() -> str:
    names = [*NAMED_SOURCES, *(f"{prefix}NAME" for prefix in PREFIXED_SOURCES)]
    formats = ", ".join(path_format.description for path_format in PATH_FORMATS)
    return f"load_data accepts the names {', '.join(names)}, the path of {formats}, and arrays."
