"""Read a .npy file, an array of images."""

from pathlib import Path

import numpy as np

from latentarium.data.arrays import RawData
from latentarium.data.parts import Part, read_parts
from latentarium.data.read_options import ReadOptions, require_no_keys
from latentarium.errors import UserError


def read_npy(path: Path, options: ReadOptions) -> RawData:
    """Map the array of a .npy file; pickled objects are never loaded.

    Raises:
        UserError: The file is damaged or contains Python objects, or the labels don't match.
    """
    require_no_keys(options, path.name)
    try:
        # copy on write: torch requires writable memory, and the file must not change
        images = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        raise UserError(
            f"{path} contains Python objects or is damaged: save a plain array with numpy.save.",
            code="object-array",
        ) from None
    if not isinstance(images, np.ndarray):
        images.close()
        raise UserError(
            f"{path} is a .npz file: rename it to {path.stem}.npz.", code="unknown-format"
        )
    return read_parts({"train": Part(images=images)}, path.name, options)
