"""Check images and latents that callers give, and convert them to what models take.

    images    uint8 from 0 to 255, or floats in [-1, 1]; tensors or arrays
              (N, C, H, W), (N, H, W, C), or one image; (N, H, W) and (H, W) for grey images
    latents   numbers; tensors or arrays (N, Z) or (Z,)

One image or latent counts as a batch of one. Conversions are differentiable.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentarium.arguments import describe
from latentarium.data.dataset import to_float
from latentarium.data.pixels import scale
from latentarium.errors import UserError
from latentarium.shapes import ImageInput, LatentInput
from latentarium.unchecked import checks_are_off

ROUNDING = 1e-3
"""How far a float pixel may be outside its range because of rounding."""
MAX_LATENT = 1e6
"""Largest absolute value of a latent; the images of far larger latents are not finite."""


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """The images that a model takes.

    Arguments:
        shape: Channels, height and width.
        bound: Largest absolute value of a float pixel.
        value_range: The values that the training data stores as 0 and 255, if they were deeper
            than 8 bits; None for 8-bit data.
    """

    shape: tuple[int, int, int]
    bound: float = 1.0
    value_range: tuple[float, float] | None = None

    def read(self, images: ImageInput, *, stacklevel: int = 2) -> Tensor:
        """Return images as a tensor (N, C, H, W), uint8 or floats, with their values checked.

        Arguments:
            images: The images.
            stacklevel: The caller that a warning names, as for `warnings.warn`.

        Raises:
            UserError: The shape is not the model's (code "shape-mismatch"), the type is neither
                uint8 nor float (code "wrong-type"), or some pixels are not finite (code
                "not-finite") or out of range (code "out-of-range").
        """
        x = self._batch(to_tensor(images, "images"))
        if x.dtype == torch.uint8:
            return x
        if not x.is_floating_point():
            return self._from_deep_integers(x, getattr(images, "dtype", x.dtype))
        self._check_values(x, stacklevel + 1)
        return x

    def _batch(self, x: Tensor) -> Tensor:
        """Return a tensor of images as (N, C, H, W)."""
        channels, height, width = self.shape
        given, last = tuple(x.shape), (height, width, channels)
        if x.ndim == 4 and given[1:] == self.shape:
            return x
        if given == self.shape:
            return x[None]
        if channels == 1 and given == (height, width):
            return x[None, None]
        if channels == 1 and x.ndim == 3 and given[1:] == (height, width):
            return x[:, None]
        if x.ndim == 4 and given[1:] == last:
            return x.permute(0, 3, 1, 2)
        if given == last:
            return x.permute(2, 0, 1)[None]
        raise UserError(
            f"The images have shape {given}; this model needs (N, {channels}, {height}, {width}): "
            "give images of the size and the channels that it was trained on.",
            code="shape-mismatch",
        )

    def _from_deep_integers(self, x: Tensor, dtype: object) -> Tensor:
        """Return the uint8 pixels of integers of the range that the data were scaled from.

        Arguments:
            x: The integers.
            dtype: Their type as given, for messages.
        """
        if x.dtype == torch.bool or x.is_complex() or self.value_range is None:
            raise UserError(
                f"The images have type {str(dtype).removeprefix('torch.')}; give uint8 from 0 to "
                "255, or floats in [-1, 1].",
                code="wrong-type",
            )
        return torch.from_numpy(scale(x.cpu().numpy(), self.value_range))

    def _check_values(self, x: Tensor, stacklevel: int) -> None:
        limits = extremes(x)
        if limits is None:
            return
        low, high = limits
        if not (math.isfinite(low) and math.isfinite(high)):
            raise UserError(
                "Some pixels are not finite: replace them, or leave these images out.",
                code="not-finite",
            )
        if max(-low, high) > self.bound + ROUNDING:
            raise UserError(
                f"The pixels are between {low:g} and {high:g}; floats must be in [-1, 1]. Convert "
                "values from 0 to 255 by x / 127.5 - 1 (or give uint8), and values from 0 to 1 by "
                "2 * x - 1; clip others.",
                code="out-of-range",
            )
        if low >= 0 and math.isfinite(self.bound) and not checks_are_off():
            warnings.warn(
                "No pixel is negative: the images look like [0, 1], but models take floats in "
                "[-1, 1]. Convert values from 0 to 1 by 2 * x - 1.",
                stacklevel=stacklevel,
            )


def as_latents(z: LatentInput, latent_dim: int, like: Tensor) -> Tensor:
    """Return latents as a tensor (N, Z).

    Arguments:
        z: The latents.
        latent_dim: The size of a latent.
        like: A tensor with the type and the device of the result.

    Raises:
        UserError: The shape is not (N, Z) or (Z,) (code "shape-mismatch"), the latents are not
            numbers (code "wrong-type"), or some are not finite (code "not-finite") or larger than
            `MAX_LATENT` (code "out-of-range").
    """
    values = to_tensor(z, "latents")
    if values.dtype == torch.bool or values.is_complex():
        raise UserError(
            f"The latents have type {type_name(values)}; give floats.", code="wrong-type"
        )
    given = tuple(values.shape)
    if given == (latent_dim,):
        values = values[None]
    elif values.ndim != 2 or given[1] != latent_dim:
        raise UserError(
            f"The latents have shape {given}; this model needs (N, {latent_dim}): give one row of "
            f"{latent_dim} numbers for each image.",
            code="shape-mismatch",
        )
    values = values.to(device=like.device, dtype=like.dtype)
    limits = extremes(values)
    if limits is not None and not all(map(math.isfinite, limits)):
        raise UserError(
            "Some latents are not finite: replace them, or leave them out.", code="not-finite"
        )
    if limits is not None and max(map(abs, limits)) > MAX_LATENT:
        raise UserError(
            f"The latents range from {limits[0]:.3g} to {limits[1]:.3g}; they must be from "
            f"{-MAX_LATENT:,.0f} to {MAX_LATENT:,.0f}.",
            code="out-of-range",
        )
    return values


def to_model(x: Tensor, like: Tensor) -> Tensor:
    """Return images of `ImageFormat.read` as floats in [-1, 1], with a given type and device."""
    return to_float(x.to(like.device)).to(like.dtype)


def to_tensor(values: object, what: str) -> Tensor:
    """Return an array of numbers, or nested lists of them, as a tensor.

    Raises:
        UserError: The values are not numbers, or they form no array (code "wrong-type").
    """
    if isinstance(values, list | tuple) and any(isinstance(v, Tensor) for v in values):
        parts = [to_tensor(v, what) for v in values]
        if len({(part.shape, part.dtype, part.device) for part in parts}) > 1:
            raise UserError(
                f"The {what} have different shapes, types or devices: give one array.",
                code="wrong-type",
            )
        return torch.stack(parts)
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_quantized:
            raise UserError(
                f"The {what} are a sparse or quantized tensor: convert them to a dense tensor.",
                code="wrong-type",
            )
        return values
    if type(values).__module__.partition(".")[0] == "PIL":  # a palette would be read as grey
        raise UserError(
            f"The {what} are a PIL image: give numpy.asarray(image.convert('L')), or 'RGB' for "
            "colour.",
            code="wrong-type",
        )
    if np.ma.is_masked(values):
        raise UserError(
            f"The {what} are a masked array with masked values: fill them first.",
            code="wrong-type",
        )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # rows of unequal length
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biufc":
        raise UserError(
            f"The {what} are {describe(values)}; give a tensor or an array of numbers.",
            code="wrong-type",
        )
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    # native byte order, positive strides and writable memory, as torch requires
    usable = array.dtype.isnative and array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.from_numpy(
        array if usable else array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
    )


def extremes(x: Tensor) -> tuple[float, float] | None:
    """Return the smallest and the largest value; None if there are none, or if they can't be read
    because the function is being compiled, exported or vectorized."""
    tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    if torch.compiler.is_compiling() or tracing or x.numel() == 0:
        return None
    try:
        low, high = x.detach().float().aminmax()
        return float(low), float(high)
    except RuntimeError:
        return None


def type_name(x: Tensor) -> str:
    """Return the name of a tensor's type, such as "int64"."""
    return str(x.dtype).removeprefix("torch.")
