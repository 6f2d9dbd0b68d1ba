"""Images that the page sends."""

import base64
import binascii
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, Field

from latentarium.errors import UserError
from latentarium.shapes import Pixels
from latentarium.texts import Text

MAX_CHARACTERS = 4 << 20
MAX_SIDE = 1024
"""Largest height and width of a picture."""


class QueryImage(BaseModel):
    """An image in a request."""

    pixels: str = Field(max_length=MAX_CHARACTERS)
    """Base64 of uint8, row by row, channels last."""

    def image(self, shape: tuple[int, int, int]) -> Pixels:
        """Return the image (1, C, H, W).

        Raises:
            UserError: It is not base64 (code "invalid-image"), or not of this shape (code
                "shape-mismatch").
        """
        channels, height, width = shape
        pixels = _decoded(self.pixels, height, width, channels)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


class PictureBody(BaseModel):
    """A picture of any size in a request, and how to prepare it; see `prepare_image`."""

    pixels: str = Field(max_length=MAX_CHARACTERS)
    """Base64 of uint8, row by row, channels last."""
    height: int = Field(ge=1, le=MAX_SIDE)
    width: int = Field(ge=1, le=MAX_SIDE)
    channels: Literal[1, 3]
    fit: bool = True
    invert: bool | None = None
    clean: bool | None = None
    centre: bool | None = None

    def picture(self) -> np.ndarray:
        """Return the picture (H, W, C).

        Raises:
            UserError: As for `QueryImage.image`.
        """
        return _decoded(self.pixels, self.height, self.width, self.channels)


def as_base64(pixels: Pixels) -> str:
    """Return the first of the images (N, C, H, W) in the format of `QueryImage.pixels`."""
    return base64.b64encode(pixels[0].permute(1, 2, 0).contiguous().numpy().tobytes()).decode()


def _decoded(text: str, height: int, width: int, channels: int) -> np.ndarray:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError(
            "The image is not valid base64: reload the page.", code="invalid-image"
        ) from None
    if len(content) != channels * height * width:
        raise UserError(
            Text(
                "The image has {count:,} bytes; {channels} x {height} x {width} are "
                "expected: reload the page.",
                count=len(content),
                channels=channels,
                height=height,
                width=width,
            ),
            code="shape-mismatch",
        )
    return np.frombuffer(content, np.uint8).reshape(height, width, channels)
