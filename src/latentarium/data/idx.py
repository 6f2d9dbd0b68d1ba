"""The IDX format of the MNIST files (LeCun, Cortes and Burges, 1998), plain or gzip.

Two zero bytes, a type code, the number of axes, each axis as a big-endian uint32, then the values
in big-endian row-major order.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from latentarium.errors import UserError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked where it is gzip.

    Raises:
        UserError: The file is missing, can't be read or is damaged gzip.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == GZIP else content
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: check the path.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(
            f"{path} is damaged (its gzip data is cut off or corrupt): fetch or copy it again."
        ) from None
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): mend that.") from None


def is_idx(content: bytes) -> bool:
    """Whether unpacked content begins as IDX does."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES


def parse_idx(content: bytes, path: Path) -> np.ndarray:
    """Reads unpacked IDX content; `path` is named in errors.

    Raises:
        UserError: It isn't IDX, is cut off, or goes on after its end.
    """
    if not is_idx(content):
        raise UserError(
            f"{path} is not an IDX file (it begins with {content[:4].hex() or 'nothing'}): give "
            "a file such as train-images-idx3-ubyte, plain or .gz."
        )
    dtype, axes = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if axes == 0 or len(content) < start:
        raise UserError(f"{path} is cut off within its header: fetch or copy it again.")
    shape = struct.unpack(f">{axes}I", content[4:start])
    announced, found = math.prod(shape) * dtype.itemsize, len(content) - start
    if found != announced:
        trouble = "is cut off" if found < announced else "goes on after its end"
        raise UserError(
            f"{path} {trouble}: its header announces {announced:,} bytes of values "
            f"({' x '.join(map(str, shape))}), and {found:,} follow: fetch or copy it again."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file, plain or gzip.

    Raises:
        UserError: The file is missing, damaged, or not IDX.
    """
    return parse_idx(read_bytes(path), path)
