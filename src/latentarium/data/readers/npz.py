"""Read images and labels from a .npz file of named arrays."""

import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.errors import UserError

IMAGE_KEYS = {"images", "image", "x", "pixels"}
LABEL_KEYS = {"labels", "label", "y", "targets", "target"}
MALFORMED = (OSError, EOFError, TypeError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""Exceptions that numpy and zipfile raise for malformed files."""


def read_npz(path: Path, labels: object = None) -> RawData:
    """Read images and labels from a .npz file.

    The keys of image arrays are images, x, x_train, test_images, ...; those of label arrays are
    labels, y, y_train, ... Other keys are ignored. Pickled objects are never loaded.

    Arguments:
        path: The .npz file.
        labels: Labels for a file with one array of images and no labels.

    Raises:
        UserError: The file is damaged, contains Python objects, or has no images under a known
            key; or the argument `labels` is given although the file has labels or several splits.
    """
    images, own_labels = {}, {}
    try:
        # opened here, since numpy doesn't close a file that turns out not to be a .zip
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files:
                words = [w for w in re.split(r"[_\W]+", key.lower()) if w]
                split = {SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES} or {"train"}
                rest = {w for w in words if w not in SPLIT_NAMES}
                if len(rest) != 1 or len(split) != 1 or not rest <= IMAGE_KEYS | LABEL_KEYS:
                    continue
                arrays, name = images if rest <= IMAGE_KEYS else own_labels, split.pop()
                if name in arrays:
                    raise UserError(
                        f"{path} has two arrays of the same kind for the split {name} (keys "
                        f"{', '.join(archive.files)}): keep one array of images and one of labels "
                        "for each split.",
                        code="duplicate-arrays",
                    )
                arrays[name] = archive[key]
            keys = ", ".join(archive.files) or "none"
    except UserError:
        raise
    except ValueError:
        raise UserError(
            f"{path} contains Python objects or is not a .npz file: save plain arrays with "
            "numpy.savez_compressed.",
            code="object-array",
        ) from None
    except MALFORMED:
        raise UserError(
            f"{path} is damaged or not a .npz file: download or save it again.",
            code="damaged-file",
        ) from None
    if "train" not in images or not set(own_labels) <= set(images):
        raise UserError(
            f"{path} has the keys {keys}; name the images 'images' or 'x' and the labels "
            "'labels' or 'y', with '_train' and '_test' if it has splits.",
            code="unknown-keys",
        )
    if labels is not None:
        if own_labels or len(images) > 1:
            raise UserError(
                f"{path} already has labels or several splits: leave the argument `labels` out.",
                code="unexpected-labels",
            )
        own_labels = {"train": labels}
    return RawData(source=path.name, images=images, labels=own_labels)
