"""Decode one image of any kind into pixels.

Images are turned upright, transparent images are composited on white, and palette, CMYK and Lab
images are converted to RGB. Values of at most 8 bits become uint8; deeper ones keep their type.
Colour profiles and gamma are ignored. If a size is given, the image is scaled with antialiasing
until it covers the size, and cropped at the centre.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from latentarium.data.deep_images import (
    deep_type,
    fit_native,
    is_deep_grey,
    is_reduced,
    read_native,
    refuse_misread,
    to_grey,
)
from latentarium.data.orientation import (
    TRANSPOSED,
    find_orientation,
    turn_array_upright,
    turn_upright,
)
from latentarium.texts import Text
from latentarium.warning_filter import ignore_warnings

Picture = bytes | Image.Image
"""The content of an image file, or an image in memory."""
BACKGROUND = (255, 255, 255)
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
"""Formats that are decoded, independently of the suffix of the file. Other formats are refused,
since Pillow runs an external program to decode some of them, for instance PostScript."""
MAX_PIXELS = 1 << 27
"""Images with more pixels are refused as decompression bombs."""
BYTES_PER_PIXEL = 14
"""Upper bound of the memory that decoding takes, in bytes per pixel: 4 for the stored image, 4 for
the converted image, and 6 for the coefficients of a progressive JPEG."""
BYTES_PER_DEEP_PIXEL = 64
"""Upper bound for images of more than 8 bits per value: they are scaled as 64-bit floats."""
STRIP_PIXELS = 1 << 22
"""Number of pixels to convert at a time. The conversion makes several copies, which would take too
much memory for a whole large image."""
GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
OTHER_CONTENT = {
    b"": Text("the file is empty"),
    b"version https://git-lfs": Text("a pointer of Git LFS: run git lfs pull"),
    b"<!DOCTYPE": Text("a web page, not an image"),
    b"<html": Text("a web page, not an image"),
}
"""What a file that is not an image is, by its first bytes."""
REPORTED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""Exceptions of Pillow whose messages say what is wrong with a file."""
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


_loading = threading.Lock()
"""Loads images in memory one after the other: an image may occur several times in a list."""


class BrokenImageError(ValueError):
    """A file is not an image or can't be decoded; the message is a short reason."""


class ImageHeader(NamedTuple):
    """Size and kind of an image, without its pixels.

    Arguments:
        size: Height and width after the image is turned upright.
        grey: Whether the mode or the palette of the image has only grey values.
        dtype: The type of its values: uint8, or a larger type if they have more than 8 bits.
        more_pages: Whether the file has several pages or frames; only the first one is decoded.
    """

    size: tuple[int, int]
    grey: bool
    dtype: np.dtype = np.dtype(np.uint8)
    more_pages: bool = False

    @property
    def deep(self) -> bool:
        """Whether the values have more than 8 bits."""
        return self.dtype != np.uint8

    @property
    def decoding_bytes(self) -> int:
        """Upper bound of the memory that decoding takes, in bytes."""
        pixels = self.size[0] * self.size[1]
        return pixels * (BYTES_PER_DEEP_PIXEL if self.deep else BYTES_PER_PIXEL)


class DecodedImage(NamedTuple):
    """A decoded image.

    Arguments:
        pixels: Values of shape (C, H, W): uint8, or a larger type if they have more than 8 bits.
        missing: Whether some pixels had no value, such as NaN, and were replaced.
    """

    pixels: np.ndarray
    missing: bool = False


def read_header(picture: Picture, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read the header of an image.

    Raises:
        BrokenImageError: The content is not an image, or has more than `max_pixels` pixels.
    """
    with _opened(picture, max_pixels) as image:
        height, width = image.height, image.width
        if find_orientation(image, _content_of(picture)) in TRANSPOSED:
            height, width = width, height
        dtype = deep_type(image)
        if dtype is not None:
            return ImageHeader((height, width), is_deep_grey(image), dtype, _has_pages(image))
        grey = image.mode in GREY_MODES or _has_grey_palette(image)
        return ImageHeader((height, width), grey, more_pages=_has_pages(image))


def decode_image(
    picture: Picture,
    grey: bool,
    size: tuple[int, int] | None = None,
    strip_pixels: int = STRIP_PIXELS,
) -> DecodedImage:
    """Decode an image.

    Arguments:
        picture: The file's bytes, or an image in memory.
        grey: Whether to convert colours to grey.
        size: Height and width to fit the image to; None keeps the size of the image.
        strip_pixels: Number of pixels to convert at a time; does not affect the result.

    Returns:
        Pixels (C, H, W), with one channel if `grey`, else three.

    Raises:
        BrokenImageError: The image can't be decoded.
    """
    with _opened(picture) as image:
        orientation = find_orientation(image, _content_of(picture))
        if deep_type(image) is not None:
            return _decode_deep(image, picture, orientation, grey, size)
        refuse_misread(image)
        image.load()
        opaque = _to_opaque(turn_upright(image, orientation), "L" if grey else "RGB", strip_pixels)
        if size is not None and opaque.size != (size[1], size[0]):
            opaque = ImageOps.fit(opaque, (size[1], size[0]), Image.Resampling.LANCZOS)
        pixels = np.asarray(opaque)
        return DecodedImage(
            pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))
        )


def short_reason(error: Exception) -> Text:
    """Return an exception's message in one line of at most 80 characters."""
    return Text((" ".join(str(error).split()) or type(error).__name__)[:80])


def _decode_deep(
    image: Image.Image,
    picture: Picture,
    orientation: int,
    grey: bool,
    size: tuple[int, int] | None,
) -> DecodedImage:
    native = read_native(image, lambda: _open(picture))
    values = turn_array_upright(native.values, orientation)
    if grey:
        values = to_grey(values)
    if size is not None and values.shape[:2] != size:
        values = fit_native(values, size)
    if not grey and values.shape[2] == 1:
        values = values.repeat(3, 2)
    return DecodedImage(np.ascontiguousarray(values.transpose(2, 0, 1)), native.missing)


@contextmanager
def _opened(picture: Picture, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image; whatever fails until the block ends, the image is broken.

    Pillow raises many types of exceptions for malformed files, not only its own.
    """
    try:
        with ignore_warnings():
            image = _open(picture)
            if image.width * image.height > max_pixels:
                raise BrokenImageError(
                    Text(
                        "{width} x {height} pixels, more than {max_pixels:,}",
                        width=image.width,
                        height=image.height,
                        max_pixels=max_pixels,
                    )
                )
            yield image
    except BrokenImageError:
        raise
    except UnidentifiedImageError:
        raise BrokenImageError(_describe_content(picture)) from None
    except REPORTED as error:
        if "truncated" in str(error):
            raise BrokenImageError("the file is truncated") from None
        raise BrokenImageError(short_reason(error)) from None
    except Exception as error:
        raise BrokenImageError(Text("damaged ({kind})", kind=type(error).__name__)) from None


def _open(picture: Picture) -> Image.Image:
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture), formats=FORMATS)
    with _loading:
        file = getattr(picture, "fp", None)
        if file is not None and is_reduced(picture):
            place = file.tell()
            file.seek(0)
            content = file.read()
            file.seek(place)
            return Image.open(io.BytesIO(content), formats=FORMATS)
        picture.load()
        return picture


def _content_of(picture: Picture) -> bytes | None:
    return picture if isinstance(picture, bytes) else None


def _describe_content(picture: Picture) -> str:
    content = picture if isinstance(picture, bytes) else b"?"
    for start, description in OTHER_CONTENT.items():
        if content[: len(start) or 1].lower() == start.lower():
            return description
    if content[4:8] == b"ftyp":
        return Text("a HEIC, AVIF or video file: convert it to .jpg or .png")
    if content.startswith(TIFF_MAGIC):
        return Text("a TIFF whose values or channels are of a kind that can't be read")
    return Text("not a known image format")


def _to_opaque(image: Image.Image, mode: str, strip_pixels: int) -> Image.Image:
    """Convert to grey or RGB without transparency, strip by strip to bound the memory."""
    rows = max(1, strip_pixels // image.width)
    if rows >= image.height:
        return _convert(image, mode)
    opaque = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        opaque.paste(_convert(strip, mode), (0, top))
    return opaque


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "LAB":  # Pillow's `convert` has no Lab
        image = ImageCms.applyTransform(image, _lab_to_rgb()) or image
    if image.has_transparency_data:
        if image.mode == "La":  # grey that is multiplied by alpha
            image = image.convert("LA")
        foreground = image.convert("RGBA")
        background = Image.new("RGBA", foreground.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(background, foreground)
    return image.convert(mode)


@cache
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB")


def _has_grey_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    if image.palette.rawmode:  # of a .bmp or .tiff: Pillow converts it together with the pixels
        image.load()
    colours = np.frombuffer(bytes(image.palette.tobytes()), np.uint8)
    colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
    return image.palette.mode == "RGB" and bool((colours == colours[:, :1]).all())


def _has_pages(image: Image.Image) -> bool:
    """Return whether a file has several pages or frames."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a later page is damaged; the first one is not
        return True
