"""The formats of files and folders that `load_data` reads.

To add a format, write a function that returns `Data`, or None for other paths, and add it to
`PATH_FORMATS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from latentarium.data import cache
from latentarium.data.arrays import to_data
from latentarium.data.binarized_mnist import STATIC_COUNTS, read_static_mnist, static_file
from latentarium.data.dataset import Data
from latentarium.data.parts import Part, read_parts
from latentarium.data.read_options import ReadOptions, require_no_keys, require_no_labels
from latentarium.data.readers.file_names import printable
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.hugging_face import is_saved_dataset, read_saved_dataset
from latentarium.data.readers.idx import (
    find_label_file,
    is_idx_file,
    is_idx_folder,
    read_idx,
    read_idx_folder,
)
from latentarium.data.readers.image_files import read_images
from latentarium.data.readers.label_rows import label_file_of
from latentarium.data.readers.listing import Listing
from latentarium.data.readers.npy import read_npy
from latentarium.data.readers.npz import read_npz
from latentarium.data.readers.parquet import find_parquet_files, read_parquet
from latentarium.data.readers.placement import place_images
from latentarium.data.readers.shards import find_nested_shards, find_shards, list_shards
from latentarium.data.readers.zips import list_zip
from latentarium.data.storage import Storage
from latentarium.errors import UserError


def load_images(
    listing: Listing,
    path: Path,
    options: ReadOptions | None = None,
    storage: Storage | None = None,
) -> Data:
    """Load image files from the cache, or decode them and save the result in the cache.

    Arguments:
        listing: The files, from `list_folder`, `list_zip` or `list_shards`.
        path: The absolute path of the folder or archive; its last part names the data set.
        options: How to read them; None for the default options.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: There are no images, too many are broken, or the labels can't be read.
    """
    options = options or ReadOptions()
    require_no_keys(options, path.name)
    label_file, name = label_file_of(options.labels, path), printable(path.name)
    key = cache.cache_key(
        listing, str(path), options.size, label_file, options.label_column, options.value_range
    )
    data = cache.load(key, storage)
    if data is None:
        placed = place_images(listing, name, labels=label_file, label_column=options.label_column)
        raw = read_images(placed, name, options.size, storage)
        data = to_data(raw, storage, options.value_range)
        if not raw.skipped:  # a skipped file may be readable next time
            cache.save(key, data)
    return data


def _load_shards(path: Path, options: ReadOptions) -> Data | None:
    shards = find_shards(path)
    if not shards:
        return None
    if path.is_dir() and list_folder(path).images:
        raise UserError(
            f"{path} has image files in addition to {shards[0].name}: keep only the images or "
            "only the shards in this folder.",
            code="mixed-formats",
        )
    return load_images(list_shards(shards, options.label_column), path.resolve(), options)


def _load_zip(path: Path, options: ReadOptions) -> Data | None:
    if not path.is_file() or path.suffix.lower() != ".zip":
        return None
    return load_images(list_zip(path), path.resolve(), options)


def _load_static_mnist(path: Path, options: ReadOptions) -> Data | None:
    folder = path if path.is_dir() else path.parent
    parts = [static_file(folder, part) for part in STATIC_COUNTS]
    if path not in parts and not (path.is_dir() and any(part.is_file() for part in parts)):
        return None
    require_no_labels(options, str(path))
    return to_data(read_static_mnist(folder), value_range=options.value_range)


def _load_idx_folder(path: Path, options: ReadOptions) -> Data | None:
    if not path.is_dir() or not is_idx_folder(path):
        return None
    require_no_labels(options, str(path))
    return to_data(read_idx_folder(path), value_range=options.value_range)


def _load_folder(path: Path, options: ReadOptions) -> Data | None:
    if not path.is_dir():
        return None
    listing = list_folder(path)
    if not listing.images:
        shards = find_nested_shards(path)
        listing = list_shards(shards, options.label_column) if shards else listing
    return load_images(listing, path.resolve(), options) if listing.images else None


def _load_arrays(path: Path, options: ReadOptions) -> Data | None:
    if path.is_dir() or path.suffix.lower() not in (".npy", ".npz"):
        return None
    read = read_npz if path.suffix.lower() == ".npz" else read_npy
    return to_data(read(path, options), value_range=options.value_range)


def _load_tables(path: Path, options: ReadOptions) -> Data | None:
    files = find_parquet_files(path)
    return (
        to_data(read_parquet(files, path, options), value_range=options.value_range)
        if files
        else None
    )


def _load_saved_dataset(path: Path, options: ReadOptions) -> Data | None:
    return (
        to_data(read_saved_dataset(path, options), value_range=options.value_range)
        if is_saved_dataset(path)
        else None
    )


def _load_idx_file(path: Path, options: ReadOptions) -> Data | None:
    if path.is_dir() or not (is_idx_file(path) or "idx" in path.name):
        return None
    require_no_keys(options, path.name)
    label_file = find_label_file(path) if options.labels is None else None
    labels = None if label_file is None else read_idx(label_file)
    part = Part(images=read_idx(path), labels=labels)
    return to_data(
        read_parts({"train": part}, path.name, options), value_range=options.value_range
    )


class PathFormat(NamedTuple):
    """A format of files or folders.

    Arguments:
        description: A description of the format for error messages.
        load: Function that takes a path and the options of `load_data`, and returns None if the
            path has another format.
    """

    description: str
    load: Callable[[Path, ReadOptions], Data | None]


PATH_FORMATS = [
    PathFormat("a .tar of images or a folder of such files", _load_shards),
    PathFormat("a .zip of images", _load_zip),
    PathFormat("a folder with the three binarized_mnist_*.amat files", _load_static_mnist),
    PathFormat("a folder with MNIST's IDX files", _load_idx_folder),
    PathFormat("a folder that datasets.save_to_disk wrote", _load_saved_dataset),
    PathFormat("a .parquet file or a folder of them", _load_tables),
    PathFormat("a folder of images", _load_folder),
    PathFormat("a .npy or .npz file", _load_arrays),
    PathFormat("an IDX file", _load_idx_file),
]
"""Formats of paths, in the order in which they are tried."""
