"""A cache of decoded images, so that a folder or archive is decoded only once.

A cache entry is a folder with a card and a .npy file for each array. The name of the folder is a
hash of everything that determines its content: the path of the source, the names, sizes and times
of the images and of the tables of labels (checksums instead of times in a .zip), the options, and
the version of the cache format. A new entry is written under a temporary name and then renamed, so
no reader sees an incomplete entry. Large entries are memory-mapped; small entries are read and
verified against their fingerprint.
"""

import errno
import hashlib
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch

from latentarium.config import DataCard, from_dict, to_dict
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.readers.listing import Listing
from latentarium.data.storage import Storage
from latentarium.files import atomic_folder, cache_folder
from latentarium.texts import text_from_json, text_to_json

FORMAT = 5
MIN_FREE_BYTES = 1 << 30
"""Disk space to leave free when an entry is saved."""


def cache_key(listing: Listing, source: str, *options: object) -> str:
    """Return the name of an entry.

    It changes if a file is added, removed, renamed or changed, images and tables of labels alike,
    and if what is noted on the other files changes.

    Arguments:
        listing: The files of the source.
        source: The path of the source.
        options: All options that determine the content, such as the size; each has a `repr` that
            is the same for the same value. A path is represented by its content's version.
    """
    values = [file_version(option) if isinstance(option, Path) else option for option in options]
    digest = hashlib.sha256()

    def add(*parts: object) -> None:
        digest.update("\0".join(map(str, parts)).encode("utf-8", "surrogatepass") + b"\n")

    add(FORMAT, source, repr(values))
    for file in (*listing.images, *listing.label_files):
        add(file.name, file.version, file.split, file.label)
    add(listing.left_out.describe(), listing.other_tables, listing.empty_folders)
    add(listing.notes, listing.problems)
    return digest.hexdigest()


def file_version(path: Path) -> str:
    """Return a string that changes when the file at a path does, or another file is there."""
    try:
        status = path.stat()
    except OSError:
        return f"{path} missing"
    return f"{path.absolute()} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def load(key: str, storage: Storage | None = None) -> Data | None:
    """Load a cache entry; return None if it is missing or damaged.

    Arguments:
        key: The name of the entry, from `cache_key`.
        storage: Decides whether arrays are memory-mapped; None for the default storage.
    """
    folder = cache_folder("data") / key
    try:
        content = json.loads((folder / "card.json").read_text())
        paths = {name: folder / f"{name}.npy" for name in content["arrays"]}
        size = sum(path.stat().st_size for path in paths.values())
        mapped = (storage or Storage()).is_mapped(size)
        arrays = {
            # copy on write: torch requires writable memory, and the file must not change
            name: torch.from_numpy(np.load(path, mmap_mode="c" if mapped else None))
            for name, path in paths.items()
        }
        train, validation, test = (
            Split(arrays[name], arrays.get(f"{name}_labels"))
            for name in ("train", "validation", "test")
        )
        card = from_dict(DataCard, content["card"], "card")
        # verifying mapped arrays would read the whole files
        if not mapped and fingerprint(train, validation, test) != card.fingerprint:
            return None
        files = {name: tuple(names) for name, names in content["files"].items()}
        notes = tuple(map(text_from_json, content["notes"]))
        problems = tuple(map(text_from_json, content["problems"]))
        return Data(card, train, validation, test, notes, problems, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(key: str, data: Data, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Save a cache entry. If it can't be saved, warn and continue.

    Arguments:
        key: The name of the entry, from `cache_key`.
        data: The decoded images.
        min_free_bytes: Disk space to leave free.
    """
    folder = cache_folder("data") / key
    try:
        with atomic_folder(folder) as temporary:
            size = sum(split.images.nbytes for split in data.splits().values())
            if shutil.disk_usage(temporary).free < size + min_free_bytes:
                raise OSError(errno.ENOSPC, "the disk is nearly full")
            names = []
            for name, split in data.splits().items():
                for suffix, part in (("", split.images), ("_labels", split.labels)):
                    if part is not None:
                        np.save(temporary / f"{name}{suffix}.npy", part.numpy())
                        names.append(f"{name}{suffix}")
            content = {
                "arrays": names,
                "card": to_dict(data.card),
                "notes": [text_to_json(note) for note in data.notes],
                "problems": [text_to_json(problem) for problem in data.problems],
                "files": {name: list(names) for name, names in data.files.items()},
            }
            (temporary / "card.json").write_text(json.dumps(content))
    except OSError as error:
        warnings.warn(
            f"The decoded images can't be saved in {folder.parent} ({error.strerror}); they will "
            "be decoded again next time. Set LATENTARIUM_CACHE to use another folder.",
            stacklevel=2,
        )
