"""Bring arrays and tensors of images into the shape (N, C, H, W)."""

import numpy as np
import torch

from latentarium.errors import UserError

MIN_SIDE = 8
"""Smallest height and width of an image in pixels."""


def to_array(values: object, where: str) -> np.ndarray:
    """Convert a tensor, a list or an array to an array of plain values.

    Arguments:
        values: The values.
        where: Their name in error messages.

    Raises:
        UserError: The elements differ in shape (code `ragged-array`), some are masked
            (`masked-array`), or they are Python objects (`object-array`) or tensors that NumPy has
            no type for (`wrong-type`).
    """
    if np.ma.is_masked(values):
        raise UserError(
            f"{where} has masked values: replace them with its method `filled`.",
            code="masked-array",
        )
    try:
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu()
            values = values.float() if values.dtype == torch.bfloat16 else values
        array = np.asarray(values)
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"{where} can't be converted to an array ({' '.join(str(error).split())[:80]}): give "
            "a dense array or tensor of numbers.",
            code="wrong-type",
        ) from None
    except ValueError:
        raise UserError(
            f"The elements of {where} differ in shape: give all of them the same shape.",
            code="ragged-array",
        ) from None
    if array.dtype.hasobject:
        raise UserError(
            f"{where} is an array of Python objects: give an array of numbers.",
            code="object-array",
        )
    return array


def to_images(values: object, where: str) -> np.ndarray:
    """Return images as an array (N, C, H, W), without changing their values.

    Height and width are at least 8. If two axes can be the channel axis, it is the one that leaves
    square images; if both or neither do, it is the shorter one, or else the second.

    Arguments:
        values: Images of shape (N, H, W), (N, H, W, C) or (N, C, H, W).
        where: Their name in error messages.

    Raises:
        UserError: The shape is not one of these, there are no images, or a side has fewer than 8
            pixels.
    """
    array = to_array(values, where)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and _channels_are_last(array.shape):
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim != 4:
        raise UserError(
            f"{where} has shape {array.shape}; reshape it to (N, H, W), (N, H, W, C) or "
            "(N, C, H, W).",
            code="wrong-shape",
        )
    if 0 in array.shape:
        raise UserError(
            f"{where} has shape {array.shape}, which contains no images: give images of at least "
            f"{MIN_SIDE} x {MIN_SIDE} pixels.",
            code="no-images",
        )
    height, width = array.shape[2:]
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"{where} has images of {height} x {width} pixels; enlarge them to at least "
            f"{MIN_SIDE} x {MIN_SIDE}.",
            code="image-too-small",
        )
    return array


def _channels_are_last(shape: tuple[int, ...]) -> bool:
    _, second, third, last = shape
    may_be_last = min(second, third) >= MIN_SIDE
    may_be_second = min(third, last) >= MIN_SIDE
    if may_be_last != may_be_second:
        return may_be_last
    if (second == third) != (third == last):
        return second == third
    return last < second
