"""Read the .amat text files of statically binarized MNIST: each line is an image of 784 bits."""

from pathlib import Path

import numpy as np

from latentarium.errors import UserError

SIDE = 28
"""Height and width of the images."""
BLOCK_SIZE = 1 << 22
"""Number of bytes of text to parse at a time."""


def read_amat(path: Path, rows: int, block_size: int = BLOCK_SIZE) -> np.ndarray:
    """Read the images of an .amat file.

    Arguments:
        path: The file.
        rows: The number of images that it must have.
        block_size: Number of bytes to parse at a time; does not affect the result.

    Returns:
        Images, uint8 of shape (rows, 1, 28, 28), with the values 0 and 255.

    Raises:
        UserError: The file can't be read, or its lines do not consist of 784 zeros and ones.
    """
    pixels = SIDE * SIDE
    images = np.empty(rows * pixels, np.uint8)
    filled, in_line, previous = 0, 0, ord("\n")
    try:
        with path.open("rb") as file:
            while block := file.read(block_size):
                text = np.frombuffer(block, np.uint8)
                digit = (text == ord("0")) | (text == ord("1"))
                other = ~(digit | (text == ord(" ")) | (text == ord("\n")) | (text == ord("\r")))
                touching = digit & np.concatenate([[previous in b"01"], digit[:-1]])
                if other.any() or touching.any():
                    wrong = text[np.flatnonzero(other | touching)[0]].tobytes().decode("latin-1")
                    raise UserError(
                        f"{path} contains {wrong!r}; only 0 and 1, separated by spaces, are "
                        "allowed. Use the file as published.",
                        code="not-binary",
                    )
                values = text[digit]
                # number of values up to each line break, from the start of the block's first line
                ends = in_line + np.cumsum(digit)[text == ord("\n")]
                lengths = np.diff(ends, prepend=0)
                if ((lengths != pixels) & (lengths != 0)).any():  # empty lines are allowed
                    raise UserError(
                        f"{path} has a line of {int(lengths[lengths != pixels][0])} values, not "
                        f"{pixels}: use the file as published.",
                        code="wrong-line-length",
                    )
                in_line += len(values) - (int(ends[-1]) if len(ends) else 0)
                if filled + len(values) > len(images):
                    raise UserError(
                        f"{path} has more than {rows:,} lines: use the file as published.",
                        code="too-many-lines",
                    )
                images[filled : filled + len(values)] = (values - ord("0")) * 255
                filled, previous = filled + len(values), block[-1]
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): make it readable, or give another file.",
            code="unreadable-file",
        ) from None
    if filled < len(images) or in_line not in (0, pixels):  # the last line break may be missing
        raise UserError(
            f"{path} is truncated: it has {filled:,} values, not {rows:,} lines of {pixels}. "
            "Download or copy it again.",
            code="truncated-file",
        )
    return images.reshape(rows, 1, SIDE, SIDE)
