"""Write small data sets in every file format, and read what tests compare."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from latentarium.data.dataset import Data, Split
from latentarium.data.readers.idx import DTYPES


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    """Return an array as the content of an IDX file."""
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(DTYPES[code]).tobytes()


def image_bytes(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return an image as the content of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise_png(seed: int, shape: tuple[int, ...] = (10, 12)) -> bytes:
    """Return a .png of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return image_bytes(Image.fromarray(pixels))


def flat_png(value: int, shape: tuple[int, ...] = (10, 12)) -> bytes:
    """Return a .png whose pixels all have one value."""
    return image_bytes(Image.fromarray(np.full(shape, value, np.uint8)))


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by name below a folder, which is returned."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def noise_files(names: Iterable[str], shape: tuple[int, ...] = (10, 12)) -> dict[str, bytes]:
    """Return a different .png of random pixels for each name."""
    return {name: noise_png(seed, shape) for seed, name in enumerate(names)}


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a deflated .zip of files by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def labels_of(split: Split) -> Tensor:
    """Return the labels of a split that has them."""
    assert split.labels is not None
    return split.labels


def total_images(data: Data) -> int:
    """Return the number of images in all splits."""
    return sum(len(split) for split in data.splits().values())
