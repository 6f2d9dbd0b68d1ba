"""An image that the page sends: drawn, dropped, or a real one."""

import base64
import binascii

import numpy as np
import torch
from pydantic import BaseModel, Field

from latentarium.errors import UserError
from latentarium.shapes import Pixels

LONGEST = 4 << 20
"""Characters of an image."""


class Given(BaseModel):
    """An image in a request."""

    pixels: str = Field(max_length=LONGEST)
    """Base64 of uint8, row by row, channels last."""

    def image(self, shape: tuple[int, int, int]) -> Pixels:
        """The image (1, C, H, W).

        Raises:
            UserError: It is not of that shape.
        """
        channels, height, width = shape
        try:
            content = base64.b64decode(self.pixels, validate=True)
        except (binascii.Error, ValueError):
            raise UserError("The image is not base64: reload the page.") from None
        if len(content) != channels * height * width:
            raise UserError(
                f"An image of this model is {channels} x {height} x {width} bytes, and "
                f"{len(content):,} came: reload the page."
            )
        pixels = np.frombuffer(content, np.uint8).reshape(height, width, channels)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


def as_text(pixels: Pixels) -> str:
    """The first of some images (N, C, H, W) as the page takes it."""
    return base64.b64encode(pixels[0].permute(1, 2, 0).contiguous().numpy().tobytes()).decode()
