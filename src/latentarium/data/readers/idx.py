"""Read the IDX format of the MNIST files (LeCun, Cortes and Burges, 1998), plain or gzip.

A file consists of two zero bytes, a type code, the number of axes, the length of each axis as a
big-endian uint32, and the values in big-endian row-major order.
"""

import gzip
import io
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from latentarium.data.arrays import RawData
from latentarium.errors import UserError
from latentarium.files import require_regular

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""NumPy types by IDX type code."""
GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20
"""Number of bytes to unpack at a time."""
SPLIT_PREFIXES = {"train": "train", "test": "t10k"}
"""The beginning of MNIST's file names for each split."""


def read_bytes(path: Path) -> bytes:
    """Read a file and decompress it if it is compressed with gzip.

    A small gzip file may unpack to any size, so at most one byte more than an IDX header states
    is unpacked.

    Raises:
        UserError: The file is missing or can't be read, or its gzip data is damaged.
    """
    try:
        with _open(path) as file:
            content = file.read(4)
            if not isinstance(file, gzip.GzipFile):
                return content + file.read()
            if not is_idx(content):
                return content  # refused by its start
            content += file.read(4 * content[3])
            parts, missing = [content], _stated_size(content) - len(content) + 1
            while missing > 0 and (part := file.read(min(missing, CHUNK_BYTES))):
                parts.append(part)
                missing -= len(part)
            return b"".join(parts)
    except FileNotFoundError:
        raise UserError(
            f"There is no file {path}: check the path.", code="file-not-found"
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(
            f"{path} is damaged (its gzip data is truncated or corrupt): download or copy it "
            "again.",
            code="damaged-file",
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): make it readable, or give another file.",
            code="unreadable-file",
        ) from None


def is_idx(content: bytes) -> bool:
    """Return whether decompressed content starts like an IDX file."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in DTYPES


def is_idx_file(path: Path) -> bool:
    """Return whether a file starts like an IDX file, plain or gzip; only its start is read."""
    try:
        with _open(path) as file:
            return is_idx(file.read(4))
    except (OSError, EOFError, zlib.error):
        return False


def _stated_size(content: bytes) -> int:
    """Return the size in bytes that the header of an IDX file states."""
    axes = content[3]
    if len(content) < 4 + 4 * axes:
        return len(content)
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    return 4 + 4 * axes + math.prod(shape) * np.dtype(DTYPES[content[2]]).itemsize


def parse_idx(content: bytes, path: Path) -> np.ndarray:
    """Parse decompressed IDX content.

    Arguments:
        content: The bytes of the file.
        path: Its path, for error messages.

    Raises:
        UserError: The content is not in IDX format, is truncated, or has extra bytes.
    """
    if not is_idx(content):
        raise UserError(
            f"{path} is not an IDX file (it starts with {content[:4].hex() or 'nothing'}): give "
            "a file such as train-images-idx3-ubyte, plain or .gz.",
            code="not-idx",
        )
    dtype, axes = np.dtype(DTYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if axes == 0 or len(content) < start:
        raise UserError(
            f"{path} is truncated within its header: download or copy it again.",
            code="damaged-file",
        )
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected, actual = math.prod(shape) * dtype.itemsize, len(content) - start
    if actual != expected:
        problem = "is truncated" if actual < expected else "has extra bytes at its end"
        raise UserError(
            f"{path} {problem}: its header states {expected:,} bytes of values "
            f"({' x '.join(map(str, shape))}), but {actual:,} follow. Download or copy it again.",
            code="damaged-file",
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file, plain or gzip, as an array.

    Raises:
        UserError: The file is missing, damaged, or not IDX.
    """
    require_regular(path)
    return parse_idx(read_bytes(path), path)


def _open(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if packed else path.open("rb")


def is_idx_folder(folder: Path) -> bool:
    """Return whether a folder contains MNIST's training images under a common file name."""
    return _find(folder, f"{SPLIT_PREFIXES['train']}-images-idx3-ubyte") is not None


def read_idx_folder(folder: Path) -> RawData:
    """Read train-images-idx3-ubyte and t10k-images-idx3-ubyte, with labels if there are any.

    Arguments:
        folder: The folder with these files, plain or gzip. Only the training images are required.

    Raises:
        UserError: The training images are missing, or a file is damaged.
    """
    images, labels = {}, {}
    for split, prefix in SPLIT_PREFIXES.items():
        path = _find(folder, f"{prefix}-images-idx3-ubyte")
        if path is None:
            continue
        images[split] = read_idx(path)
        label_path = _find(folder, f"{prefix}-labels-idx1-ubyte")
        labels[split] = None if label_path is None else read_idx(label_path)
    if "train" not in images:
        names = sorted(p.name for p in folder.iterdir())[:4] or ["no files"]
        raise UserError(
            f"{folder} has no train-images-idx3-ubyte, plain or .gz (it has {', '.join(names)}): "
            "give a folder with MNIST's files.",
            code="no-images",
        )
    return RawData(source=folder.resolve().name, images=images, labels=labels)


def find_label_file(images: Path) -> Path | None:
    """Return the label file that belongs to an image file by MNIST's naming; None if missing."""
    name = images.name.removesuffix(".gz")
    if "images" not in name:
        return None
    label_name = name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    return _find(images.parent, label_name)


def _find(folder: Path, name: str) -> Path | None:
    """Find a file, plain or .gz, whose name is spelled with -idx or .idx; None if missing."""
    spellings = (name, re.sub("-idx", ".idx", name), re.sub(r"\.idx", "-idx", name))
    paths = [folder / f"{spelling}{suffix}" for spelling in spellings for suffix in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)
