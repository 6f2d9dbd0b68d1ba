"""Decode one image file of any mode into pixels.

Images are rotated according to their EXIF orientation, transparent images are composited on white,
16-bit images are scaled to 8 bits, and palette and CMYK images are converted to RGB. If a size is
given, the image is scaled with antialiasing until it covers the size, and cropped at the centre.
"""

import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

BACKGROUND = (255, 255, 255)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Formats that are decoded, independently of the suffix of the file. Other formats are refused,
since Pillow runs an external program to decode some of them, for instance PostScript."""
MAX_PIXELS = 1 << 27
"""Images with more pixels are refused as decompression bombs."""
BYTES_PER_PIXEL = 14
"""Upper bound of the memory that decoding takes, in bytes per pixel: 4 for the stored image, 4 for
the converted image, and 6 for the coefficients of a progressive JPEG."""
STRIP_PIXELS = 1 << 22
"""Number of pixels to convert at a time. The conversion makes several copies, which would take too
much memory for a whole large image."""
GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
MALFORMED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    Image.DecompressionBombError,
)
"""Exceptions that Pillow raises for malformed files."""
ORIENTATION_TAG = 0x0112
TRANSPOSED_ORIENTATIONS = {5, 6, 7, 8}
"""EXIF orientations that exchange height and width."""


class BrokenImageError(ValueError):
    """A file is not an image or can't be decoded; the message is a short reason."""


class ImageHeader(NamedTuple):
    """Size and kind of an image, without its pixels.

    Arguments:
        size: Height and width after the EXIF rotation.
        grey: Whether the mode or the palette of the image has only grey values.
    """

    size: tuple[int, int]
    grey: bool


def read_header(content: bytes | Image.Image, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read the header of an image file, or of an opened image.

    Raises:
        BrokenImageError: The content is not an image, or has more than `max_pixels` pixels.
    """
    with _open(content, max_pixels) as image:
        return header_of(image)


def header_of(image: Image.Image) -> ImageHeader:
    """Return the header of an opened image."""
    width, height = image.size
    # for a TIFF, Pillow returns the size after rotation
    oriented = image.format != "TIFF"
    transposed = oriented and image.getexif().get(ORIENTATION_TAG) in TRANSPOSED_ORIENTATIONS
    size = (width, height) if transposed else (height, width)
    return ImageHeader(size, image.mode in GREY_MODES or _has_grey_palette(image))


def decode_image(
    content: bytes | Image.Image,
    grey: bool,
    size: tuple[int, int] | None = None,
    strip_pixels: int = STRIP_PIXELS,
) -> np.ndarray:
    """Decode an image file.

    Arguments:
        content: The file's bytes, or an opened image, which is closed.
        grey: Whether to convert colours to grey.
        size: Height and width to fit the image to; None keeps the size of the image.
        strip_pixels: Number of pixels to convert at a time; does not affect the result.

    Returns:
        Pixels, uint8 of shape (C, H, W), with one channel if `grey`, else three.

    Raises:
        BrokenImageError: The file can't be decoded.
    """
    with _open(content) as image:
        try:
            return to_pixels(image, grey, size, strip_pixels)
        except MALFORMED as error:
            raise BrokenImageError(short_reason(error)) from None


def to_pixels(
    image: Image.Image,
    grey: bool,
    size: tuple[int, int] | None,
    strip_pixels: int = STRIP_PIXELS,
) -> np.ndarray:
    """Convert an opened image; see `decode_image`."""
    image.load()
    if image.getexif().get(ORIENTATION_TAG, 1) != 1:
        image = ImageOps.exif_transpose(image)
    opaque = _to_opaque(image, "L" if grey else "RGB", strip_pixels)
    if size is not None and opaque.size != (size[1], size[0]):
        opaque = ImageOps.fit(opaque, (size[1], size[0]), Image.Resampling.LANCZOS)
    pixels = np.asarray(opaque)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def short_reason(error: Exception) -> str:
    """Return an exception's message in one line of at most 80 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:80]


def _open(content: bytes | Image.Image, max_pixels: int = MAX_PIXELS) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unusual metadata warns; a damaged file raises
            image = (
                content
                if isinstance(content, Image.Image)
                else Image.open(io.BytesIO(content), formats=FORMATS)
            )
    except UnidentifiedImageError:
        raise BrokenImageError("not a known image format") from None
    except MALFORMED as error:
        raise BrokenImageError(short_reason(error)) from None
    if image.width * image.height > max_pixels:
        raise BrokenImageError(f"{image.width} x {image.height} pixels, more than {max_pixels:,}")
    return image


def _to_opaque(image: Image.Image, mode: str, strip_pixels: int) -> Image.Image:
    """Convert to 8 bits without transparency, strip by strip to bound the memory."""
    rows = max(1, strip_pixels // image.width)
    if rows >= image.height:
        return _on_background(_to_eight_bits(image)).convert(mode)
    opaque = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        opaque.paste(_on_background(_to_eight_bits(strip)).convert(mode), (0, top))
    return opaque


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey, or floats in [0, 1], to 0 to 255."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray((values.clip(0, 65535) / 257).round().astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        if not (values.min() >= 0 and values.max() <= 1):  # also false for NaN
            raise ValueError("floats outside 0 to 1")
        return Image.fromarray((values * 255).round().astype(np.uint8))
    return image


def _on_background(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    foreground = image.convert("RGBA")
    background = Image.new("RGBA", foreground.size, (*BACKGROUND, 255))
    return Image.alpha_composite(background, foreground)


def _has_grey_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    colours = np.frombuffer(bytes(image.palette.tobytes()), np.uint8)
    colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
    return image.palette.mode == "RGB" and bool((colours == colours[:, :1]).all())
