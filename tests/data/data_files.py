"""What the data tests share."""

import struct

from torch import Tensor

from latentarium.data.dataset import Split
from latentarium.data.readers.idx import TYPES


def idx_bytes(array, code=0x08):
    """An array as the content of an IDX file."""
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(TYPES[code]).tobytes()


def labels_of(split: Split) -> Tensor:
    """The labels of a split that has them."""
    assert split.labels is not None
    return split.labels
