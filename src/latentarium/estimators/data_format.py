"""Convert the rows that estimators take to the images of models, and back.

A table becomes images of one pixel with a channel for each feature, which is how the package
represents points; its features are standardized. Pixels are converted to [-1, 1].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from latentarium.arguments import to_index
from latentarium.errors import UserError

CHANNELS = (1, 3, 4)
"""Sizes of an axis that is taken for the channels: grey, colour, and colour with opacity."""
ROUNDING = 1e-3
"""How far a pixel may be outside its range because of rounding, as a share of the range."""

ImageShape = tuple[int, ...]
"""(height, width), (channels, height, width) or (height, width, channels)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class DataFormat:
    """What the rows of a fitted estimator are.

    Arguments:
        num_features: Number of values of a row.
        dtype: The type of the values that the estimator was fitted to.
        image_shape: The shape of an image as the caller gives it; None for a table.
        is_nested: Whether the images were given as an array of three or four axes, which the
            results then have too.
        maximum: The value of a white pixel: 255 or 1.
        mean, scale: What standardizes each feature of a table; empty for images.
    """

    num_features: int
    dtype: str
    image_shape: ImageShape | None = None
    is_nested: bool = False
    maximum: int = 1
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether the rows are those of a table."""
        return self.image_shape is None

    @property
    def channels_last(self) -> bool:
        """Whether the last axis of an image is that of its channels."""
        shape = self.image_shape
        return (
            shape is not None
            and len(shape) == 3
            and shape[2] in CHANNELS
            and shape[0] not in CHANNELS
        )

    @property
    def model_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the model's images."""
        if self.image_shape is None:
            return self.num_features, 1, 1
        if len(self.image_shape) == 2:
            return 1, *self.image_shape
        a, b, c = self.image_shape
        return (c, a, b) if self.channels_last else (a, b, c)

    @property
    def log_scale(self) -> float:
        """The logarithm of the volume of a unit cube of the model, in units of the table."""
        return float(np.log(self.scale).sum()) if self.scale else 0.0

    def to_model(self, rows: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return rows as the images (N, C, H, W) of the model.

        Raises:
            UserError: A pixel is out of range (code "out-of-range").
        """
        if self.image_shape is None:
            values = (rows.astype(np.float64) - self.mean) / self.scale
            return torch.from_numpy(values).to(dtype)[:, :, None, None]
        require_pixels(rows, self.maximum)
        values = torch.from_numpy(rows.astype(np.float64)) * (2 / self.maximum) - 1
        return self._channels_first(values.clamp_(-1, 1).to(dtype))

    def to_storage(self, rows: np.ndarray) -> Tensor:
        """Return rows as the images of a training set: bytes stay bytes, which need less memory.

        Raises:
            UserError: As for `to_model`.
        """
        if rows.dtype == np.uint8 and not self.is_table:
            return self._channels_first(torch.from_numpy(np.array(rows)))
        return self.to_model(rows)

    def _channels_first(self, rows: Tensor) -> Tensor:
        assert self.image_shape is not None
        images = rows.unflatten(1, self.image_shape)
        if len(self.image_shape) == 2:
            return images[:, None]
        return images.permute(0, 3, 1, 2).contiguous() if self.channels_last else images

    def from_model(self, images: Tensor) -> np.ndarray:
        """Return images of the model in the units, the type and the shape of the caller's."""
        if self.image_shape is None:
            values = images.flatten(1).double().numpy() * self.scale + np.array(self.mean)
            return values.astype(self._float_type())
        pixels = (images.double().clamp(-1, 1) + 1) * (self.maximum / 2)
        rows = self.arrange(pixels.numpy())
        if self.dtype == "uint8":
            return rows.round().astype(np.uint8)
        return rows.astype(self._float_type())

    def arrange(self, images: np.ndarray) -> np.ndarray:
        """Return arrays of the model's shape (N, C, H, W) in the shape of the caller's."""
        if self.channels_last:
            images = images.transpose(0, 2, 3, 1)
        nested = self.image_shape if self.is_nested else None
        return images.reshape(len(images), *(nested or (self.num_features,)))

    def _float_type(self) -> type:
        return np.float32 if self.dtype == "float32" else np.float64


def flatten(X: Any, image_shape: object) -> tuple[Any, ImageShape | None, bool]:  # noqa: ANN401
    """Return an array of images as rows; other data unchanged.

    Arguments:
        X: A table, or images of three or four axes.
        image_shape: The shape of an image; None for a table, or for the shape of the array.

    Returns:
        The rows, the shape of an image or None for a table, and whether the images were nested.

    Raises:
        UserError: The shape is invalid (code "invalid-image-shape"), or the array has another
            (code "shape-mismatch").
    """
    shape = None if image_shape is None else read_image_shape(image_shape)
    if getattr(X, "ndim", None) is None and isinstance(X, list | tuple):
        try:
            X = np.asarray(X) if np.ndim(X) > 2 else X
        except ValueError:  # rows of unequal length, which scikit-learn reports
            return X, shape, False
    if getattr(X, "ndim", 2) not in (3, 4):
        return X, shape, False
    images = np.asarray(X)
    given = read_image_shape(images.shape[1:])
    if shape is not None and shape != given:
        raise UserError(
            f"The images of X have shape {given}, but image_shape is {shape}: give images of this "
            "shape, or change image_shape.",
            code="shape-mismatch",
        )
    return images.reshape(len(images), math.prod(given)), given, True


def read_image_shape(value: object) -> ImageShape:
    """Return an image shape as a tuple of two or three positive integers.

    Raises:
        UserError: It is none (code "invalid-image-shape").
    """
    sizes = [to_index(size) for size in value] if isinstance(value, Sequence) else []
    shape = tuple(size for size in sizes if size is not None and size > 0)
    if len(shape) != len(sizes) or len(shape) not in (2, 3):
        raise UserError(
            f"image_shape is {value!r}; it must be (height, width), (channels, height, width) or "
            "(height, width, channels).",
            code="invalid-image-shape",
        )
    return shape


def measure_format(
    rows: np.ndarray, image_shape: ImageShape | None, *, is_nested: bool
) -> DataFormat:
    """Return the format of the rows that an estimator is fitted to.

    Raises:
        UserError: The rows have another number of values than an image (code "shape-mismatch"),
            or a pixel is out of range (code "out-of-range").
    """
    num_features, dtype = rows.shape[1], str(rows.dtype)
    if image_shape is None:
        scaler = StandardScaler().fit(rows.astype(np.float64))
        return DataFormat(
            num_features=num_features,
            dtype=dtype,
            mean=tuple(map(float, np.asarray(scaler.mean_))),
            scale=tuple(map(float, np.asarray(scaler.scale_))),
        )
    if math.prod(image_shape) != num_features:
        raise UserError(
            f"X has {num_features} values in each row, but image_shape is {image_shape}, which "
            f"has {math.prod(image_shape)}: change image_shape.",
            code="shape-mismatch",
        )
    is_byte = rows.dtype == np.uint8 or (rows.dtype.kind in "iu" and rows.max() > 1)
    data_format = DataFormat(
        num_features=num_features,
        dtype=dtype,
        image_shape=image_shape,
        is_nested=is_nested,
        maximum=255 if is_byte else 1,
    )
    require_pixels(rows, data_format.maximum)
    return data_format


def require_pixels(rows: np.ndarray, maximum: int) -> None:
    """Check that pixels are between 0 and the value of white.

    Raises:
        UserError: Some are not (code "out-of-range").
    """
    if not rows.size:
        return
    low, high = float(rows.min()), float(rows.max())
    if low < -ROUNDING * maximum or high > maximum * (1 + ROUNDING):
        raise UserError(
            f"The pixels are between {low:g} and {high:g}; they must be integers from 0 to 255, "
            "or floats from 0 to 1, as in the images that the estimator was fitted to. Divide "
            "floats by their largest possible value, or leave image_shape out for a table.",
            code="out-of-range",
        )
