"""Slow and obvious decoding of image files and placement of their pixels.

It is written from docs/data.md only. Each file is decoded by Pillow, or by a few lines for the
depths that Pillow reduces to 8 bits.
"""

import io
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

SIDE_WITHOUT_MAJORITY = 64
Contents = Counter[tuple[str, tuple[int, ...], bytes, str | None]]
"""A multiset of images: their split, shape, pixels and class."""


class RefusedError(Exception):
    """The documentation says that this source is refused."""


class UnstatedError(Exception):
    """The documentation leaves open what becomes of this source."""


@dataclass
class Source:
    """The images of a source."""

    images: list[tuple[str, np.ndarray, str | None]] = field(default_factory=list)
    """The split of each image ("" if the source has none), its pixels (H, W, C), its class."""
    unused: bool = False
    """Whether anything was left out or changed, so that the notes or the problems must say it."""

    def contents(self, has_both_splits: bool = False) -> Contents:
        """Return the images as a multiset: of one size, of 8 bits, in as few channels as needed.

        Arguments:
            has_both_splits: Whether no training image becomes a validation or a test image.
        """
        shape = common_size([pixels.shape[:2] for _, pixels, _ in self.images])
        fitted = [fit(pixels, *shape) for _, pixels, _ in self.images]
        training = [
            pixels
            for pixels, (split, _, _) in zip(fitted, self.images, strict=True)
            if split in ("", "train")
        ]
        shallow = to_8_bits(fitted, training, has_both_splits)
        grey = all((pixels == pixels[:, :, :1]).all() for pixels in shallow)
        most = max(pixels.shape[2] for pixels in shallow)
        contents: Contents = Counter()
        for pixels, (split, _, label) in zip(shallow, self.images, strict=True):
            repeats = most if pixels.shape[2] == 1 else 1
            shown = pixels[:, :, :1] if grey else np.repeat(pixels, repeats, 2)
            contents[split, shown.shape, shown.tobytes(), label] += 1
        return contents


def common_size(sizes: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """Return the size of more than half of the images, or else 64 x 64."""
    (height, width), number = Counter(sizes).most_common(1)[0]
    if 2 * number > len(sizes):
        return height, width
    return SIDE_WITHOUT_MAJORITY, SIDE_WITHOUT_MAJORITY


def fit(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale an image until it covers a size, and crop it at the centre.

    The filter isn't stated; images of one colour, and those that are only cropped, need none.
    """
    rows, columns = pixels.shape[:2]
    if (pixels == pixels[:1, :1]).all():
        return np.broadcast_to(pixels[:1, :1], (height, width, pixels.shape[2]))
    if max(height / rows, width / columns) != 1:
        raise UnstatedError("the filter of the scaling")
    if (rows - height) % 2 or (columns - width) % 2:
        raise UnstatedError("the centre of an odd number of rows or columns")
    top, left = (rows - height) // 2, (columns - width) // 2
    return pixels[top : top + height, left : left + width]


def to_8_bits(
    images: list[np.ndarray], training: list[np.ndarray], has_both_splits: bool
) -> list[np.ndarray]:
    """Scale deep images by the smallest and the largest value of the training images."""
    deep = [pixels for pixels in images if pixels.dtype != np.uint8]
    if not deep:
        return images
    if len({pixels.dtype.kind == "f" for pixels in deep}) > 1:
        raise RefusedError("floats and whole numbers")
    ranges = [(p.min(), p.max()) for p in training if p.dtype != np.uint8]
    if not ranges:
        raise UnstatedError("the range, if only validation and test images are deep")
    if len(set(ranges)) > 1 and not has_both_splits:
        raise UnstatedError("which training images become validation images")
    low, high = float(min(low for low, _ in ranges)), float(max(high for _, high in ranges))
    if low == high:
        raise UnstatedError("a range without extent")
    return [
        pixels if pixels.dtype == np.uint8 else scaled(pixels.astype(np.float64), low, high)
        for pixels in images
    ]


def scaled(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values from low to high as values from 0 to 255."""
    return np.round((pixels.clip(low, high) - low) / (high - low) * 255).astype(np.uint8)


def decode(content: bytes) -> np.ndarray | None:
    """Decode a file as (H, W, C), upright and on white; None if it is broken."""
    try:
        if content[:4] == b"\x89PNG" and content[24] == 16:
            return decode_deep_png(content)
        if content[:2] in (b"P5", b"P6") and b"\n65535\n" in content[:30]:
            return decode_deep_ppm(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content))
            image.load()
            return turned(flattened(image), image.getexif().get(0x0112, 1))
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error):
        return None


def flattened(image: Image.Image) -> np.ndarray:
    """Return the values of an image, with palettes as RGB and transparent pixels as white."""
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    pixels = np.atleast_3d(np.asarray(image))
    if image.mode in ("LA", "RGBA"):
        opacity = pixels[:, :, -1:]
        if not np.isin(opacity, (0, 255)).all():
            raise UnstatedError("the rounding of pixels that are partly transparent")
        pixels = np.where(opacity == 255, pixels[:, :, :-1], np.uint8(255))
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        finite = pixels[np.isfinite(pixels)]
        pixels = np.nan_to_num(pixels, nan=finite.min(), posinf=finite.max(), neginf=finite.min())
    return pixels


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return an image upright, by the meaning of EXIF's orientations."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def decode_deep_png(content: bytes) -> np.ndarray:
    """Decode a .png of 16 bits whose rows have no filter."""
    width, height, _, colour_type = struct.unpack(">IIBB", content[16:26])
    channels = {0: 1, 2: 3}[colour_type]
    position, data = 8, b""
    while content[position + 4 : position + 8] != b"IEND":
        (length,) = struct.unpack(">I", content[position : position + 4])
        if content[position + 4 : position + 8] == b"IDAT":
            data += content[position + 8 : position + 8 + length]
        position += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 2 * width * channels)
    return (
        np.ascontiguousarray(rows[:, 1:])
        .view(">u2")
        .reshape(height, width, channels)
        .astype(np.uint16)
    )


def decode_deep_ppm(content: bytes) -> np.ndarray:
    """Decode a .ppm or .pgm of 16 bits."""
    magic, width, height, _, values = content.split(maxsplit=4)
    channels = {b"P5": 1, b"P6": 3}[magic]
    start = len(content) - 2 * int(width) * int(height) * channels
    values = np.frombuffer(content[start:], ">u2")
    return values.reshape(int(height), int(width), channels).astype(np.uint16)
