"""Read images and labels from a .npz file of named arrays."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from latentarium.data.arrays import RawData
from latentarium.data.named_arrays import NamedArrays, select_arrays
from latentarium.data.parts import Part, read_parts
from latentarium.data.read_options import ReadOptions
from latentarium.errors import UserError

MALFORMED = (
    OSError, EOFError, TypeError, KeyError, RuntimeError, NotImplementedError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions that numpy and zipfile raise for malformed files."""
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Functions that read the header of an array, by the version of its format."""


def read_npz(path: Path, options: ReadOptions) -> RawData:
    """Read images and labels from a .npz file; pickled objects are never loaded.

    Arguments:
        path: The .npz file.
        options: How to read it; `select_arrays` says which keys are known.

    Raises:
        UserError: The file is damaged, contains Python objects, or has no images under a known
            key; or the argument `labels` is given although the file has labels.
    """
    try:
        # opened here, since numpy doesn't close a file that turns out not to be a .zip
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            shapes = {key: _shape(archive, key) for key in archive.files}
            selected = select_arrays(shapes, options, str(path))
            parts = _read(archive, selected)
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
    return read_parts(parts, path.name, options, selected.notes)


def _read(archive: np.lib.npyio.NpzFile, selected: NamedArrays) -> dict[str, Part]:
    classes = () if selected.classes is None else archive[selected.classes].tolist()
    return {
        split: Part(
            images=archive[key],
            labels=archive[selected.labels[split]] if split in selected.labels else None,
            classes=tuple(str(name) for name in classes),
        )
        for split, key in selected.images.items()
    }


def _shape(archive: np.lib.npyio.NpzFile, key: str) -> tuple[int, ...] | None:
    """Return the shape of an array without reading it; None if it is not an array."""
    name = f"{key}.npy"
    if archive.zip is None or name not in archive.zip.namelist():
        return None
    with archive.zip.open(name) as file:
        read_header = HEADER_READERS.get(np.lib.format.read_magic(file))
        return archive[key].shape if read_header is None else read_header(file)[0]
