"""Decoded pictures, kept so that the same folder or zip is decoded once.

An entry is a folder with one .npy for each array and a card, named by a hash of all that it was
made from: place, names, sizes and times (in a zip: checksums) of the files, the rule of fitting,
and the version of this format. It appears by one rename, so no reader sees half of it. Entries
larger than a quarter of the memory are mapped: then only what is used takes memory. Others are
read, and held against their fingerprint.
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
from latentarium.data.folders import Item
from latentarium.data.room import is_large
from latentarium.files import cache_folder, folder_atomic

FORMAT = 1
LEFT_FREE = 1 << 30
"""Bytes of the disk that are left for what can't be made again."""


def key_of(items: Sequence[Item], source: str, size: int) -> str:
    """What an entry is named: changes when a file is added, removed, renamed or changed."""
    digest = hashlib.sha256(f"{FORMAT} {source} {size}\n".encode())
    for item in items:
        digest.update(f"{item.name}\0{item.version}\n".encode())
    return digest.hexdigest()


def load(key: str) -> Data | None:
    """The kept data; None where there is none, or it is damaged."""
    folder = cache_folder("data") / key
    try:
        card = json.loads((folder / "card.json").read_text())
        paths = {name: folder / f"{name}.npy" for name in card["arrays"]}
        size = sum(path.stat().st_size for path in paths.values())
        mapped = is_large(size)
        arrays = {
            # copy on write: torch wants memory that it may write, and the file stays as it is
            name: torch.from_numpy(np.load(path, mmap_mode="c" if mapped else None))
            for name, path in paths.items()
        }
        train, validation, test = (
            Split(arrays[name], arrays.get(f"{name}_labels"))
            for name in ("train", "validation", "test")
        )
        described = from_dict(DataCard, card["card"], "card")
        # what is mapped is read only where it is used, so it is not looked through here
        if not mapped and fingerprint(train, validation, test) != described.fingerprint:
            return None
        return Data(described, train, validation, test, tuple(card["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none, or damaged: it is made again


def keep(key: str, data: Data) -> None:
    """Keeps data; where that can't be done, a warning says so and nothing else happens."""
    folder = cache_folder("data") / key
    try:
        with folder_atomic(folder) as made:
            size = sum(split.images.nbytes for split in data.splits().values())
            if shutil.disk_usage(made).free < size + LEFT_FREE:
                raise OSError(errno.ENOSPC, "the disk is nearly full")
            names = []
            for name, split in data.splits().items():
                for end, part in (("", split.images), ("_labels", split.labels)):
                    if part is not None:
                        np.save(made / f"{name}{end}.npy", part.numpy())
                        names.append(f"{name}{end}")
            content = {"arrays": names, "card": to_dict(data.card), "notes": list(data.notes)}
            (made / "card.json").write_text(json.dumps(content))
    except OSError as error:
        warnings.warn(
            f"Decoded pictures can't be kept in {folder.parent} ({error.strerror}); they are "
            "decoded again the next time. LATENTARIUM_CACHE names another place.",
            stacklevel=2,
        )
