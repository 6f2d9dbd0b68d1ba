"""One picture file, of any mode, to the pixels that models see.

Upright by its EXIF note; transparency laid over white; 16 bits scaled to 8; palettes and CMYK to
RGB. Nothing is enlarged or cut here unless a size is asked for: then both sides are scaled by one
factor, with antialiasing, until the picture covers the size, and what overhangs is cut off evenly
(centre crop).
"""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

BACKGROUND = (255, 255, 255)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded, whatever a file is called: PostScript, for one, would start a program."""
MOST_PIXELS = 1 << 27
"""A picture of more is taken for an attack: 134 million."""
PIXEL_BYTES = 14
"""Memory that decoding takes for each pixel at most: 4 as it is, 4 as it becomes, and 6 for what a
progressive JPEG gathers before."""
STRIP = 1 << 22
"""Pixels that are turned at once from a kind that takes more than that."""
GREY = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    Image.DecompressionBombError,
)
"""What Pillow raises on a file that isn't what it should be."""
TURNED = {5, 6, 7, 8}
"""EXIF orientations that exchange height and width."""
ORIENTATION = 0x0112


class BrokenImage(ValueError):
    """A file that is no picture, with the reason in a few words."""


def look(content: bytes) -> tuple[tuple[int, int], bool]:
    """Height and width when upright, and whether it is grey, from the head of the file alone.

    Raises:
        BrokenImage: It is no picture, or a far too large one.
    """
    with _opened(content) as image:
        return look_at(image)


def look_at(image: Image.Image) -> tuple[tuple[int, int], bool]:
    """As `look`, of an open picture."""
    width, height = image.size
    # Pillow says the upright size of a TIFF by itself
    turned = image.format != "TIFF" and image.getexif().get(ORIENTATION) in TURNED
    size = (width, height) if turned else (height, width)
    return size, image.mode in GREY or _grey_palette(image)


def decode(content: bytes, grey: bool, size: tuple[int, int] | None = None) -> np.ndarray:
    """Pixels (C, H, W), one channel if grey, else three.

    Arguments:
        content: The file.
        grey: Whether to turn colours into grey.
        size: Height and width to fit it to; None: as it is.

    Raises:
        BrokenImage: It can't be decoded.
    """
    with _opened(content) as image:
        try:
            return fitted(image, grey, size)
        except DAMAGE as error:
            raise BrokenImage(_few_words(error)) from None


def fitted(image: Image.Image, grey: bool, size: tuple[int, int] | None) -> np.ndarray:
    """An open picture as pixels (C, H, W); see `decode`."""
    image.load()
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    flat = _flat(image, "L" if grey else "RGB")
    if size is not None and flat.size != (size[1], size[0]):
        flat = ImageOps.fit(flat, (size[1], size[0]), Image.Resampling.LANCZOS)
    pixels = np.asarray(flat)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _opened(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is raised
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise BrokenImage("no known kind of picture") from None
    except DAMAGE as error:
        raise BrokenImage(_few_words(error)) from None
    if image.width * image.height > MOST_PIXELS:
        raise BrokenImage(f"{image.width} x {image.height} pixels, more than {MOST_PIXELS:,}")
    return image


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """Opaque, of 8 bits: strip by strip, since what is deep or transparent is copied often."""
    rows = max(1, STRIP // image.width)
    if rows >= image.height:
        return _on_background(_eight_bits(image)).convert(mode)
    flat = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        flat.paste(_on_background(_eight_bits(strip)).convert(mode), (0, top))
    return flat


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey scaled to 0 to 255: 16 bits, or floats from 0 to 1."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.float64)
        return Image.fromarray((deep.clip(0, 65535) / 257).round().astype(np.uint8))
    if image.mode == "F":
        floats = np.asarray(image).astype(np.float64)
        if not (floats.min() >= 0 and floats.max() <= 1):  # nan is not either
            raise ValueError("floats outside 0 to 1")
        return Image.fromarray((floats * 255).round().astype(np.uint8))
    return image


def _on_background(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    over = image.convert("RGBA")
    under = Image.new("RGBA", over.size, (*BACKGROUND, 255))
    return Image.alpha_composite(under, over)


def _grey_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    colours = np.frombuffer(bytes(image.palette.tobytes()), np.uint8)
    colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
    return image.palette.mode == "RGB" and bool((colours == colours[:, :1]).all())


def _few_words(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:80]
