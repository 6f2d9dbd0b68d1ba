"""A cache of decoded images, so that a folder or archive is decoded only once.

A cache entry is a folder with a card and a .npy file for each array. The name of the folder is a
hash of everything that determines its content: the path of the source, the names, sizes and times
of the files (checksums instead of times in a .zip), the requested image size, and the version of
the cache format. A new entry is written under a temporary name and then renamed, so no reader sees
an incomplete entry. Large entries are memory-mapped; small entries are read and verified against
their fingerprint.
"""

import errno
import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence

import numpy as np
import torch

from latentarium.config import DataCard, from_dict, to_dict
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.readers.listing import SourceFile
from latentarium.data.storage import Storage
from latentarium.files import atomic_folder, cache_folder

FORMAT = 2
MIN_FREE_BYTES = 1 << 30
"""Disk space to leave free when an entry is saved."""


def cache_key(
    files: Sequence[SourceFile],
    source: str,
    size: int,
    value_range: tuple[float, float] | None = None,
) -> str:
    """Return the name of an entry; it changes if a file is added, removed, renamed or changed."""
    digest = hashlib.sha256(f"{FORMAT} {source} {size} {value_range}\n".encode())
    for file in files:
        digest.update(f"{file.name}\0{file.version}\n".encode())
    return digest.hexdigest()


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
        return Data(card, train, validation, test, tuple(content["notes"]))
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
            content = {"arrays": names, "card": to_dict(data.card), "notes": list(data.notes)}
            (temporary / "card.json").write_text(json.dumps(content))
    except OSError as error:
        warnings.warn(
            f"The decoded images can't be saved in {folder.parent} ({error.strerror}); they will "
            "be decoded again next time. Set LATENTARIUM_CACHE to use another folder.",
            stacklevel=2,
        )
