"""Images that the page sends."""

import base64
import binascii

import numpy as np
import torch
from pydantic import BaseModel, Field

from latentarium.errors import UserError
from latentarium.shapes import Pixels

MAX_CHARACTERS = 4 << 20


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
        try:
            content = base64.b64decode(self.pixels, validate=True)
        except (binascii.Error, ValueError):
            raise UserError(
                "The image is not valid base64: reload the page.", code="invalid-image"
            ) from None
        if len(content) != channels * height * width:
            raise UserError(
                f"The image has {len(content):,} bytes; an image of this model has {channels} x "
                f"{height} x {width} bytes: reload the page.",
                code="shape-mismatch",
            )
        pixels = np.frombuffer(content, np.uint8).reshape(height, width, channels)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


def as_base64(pixels: Pixels) -> str:
    """Return the first of the images (N, C, H, W) in the format of `QueryImage.pixels`."""
    return base64.b64encode(pixels[0].permute(1, 2, 0).contiguous().numpy().tobytes()).decode()
