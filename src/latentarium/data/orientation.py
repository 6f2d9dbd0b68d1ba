"""Find the orientation of an image in its EXIF or XMP metadata, and turn the image upright.

Only the orientation is read. Pillow parses all tags and raises many types of exceptions if one of
them is malformed, even when the orientation itself is intact.
"""

import re
import struct

import numpy as np
from PIL import Image

UPRIGHT = 1
EXIF_TAG = 0x0112
WHOLE_NUMBER_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""Format characters of the EXIF types that can state an orientation."""
EXIF_PREFIX = b"Exif\0\0"
XMP_PATTERN = re.compile(rb"tiff:Orientation(?:=\"|=\'|>)([1-8])")
LATE_METADATA = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Marks of metadata in a .png, which may follow the pixels; Pillow then finds it only after it has
decoded them."""
METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What turns an image with this orientation upright."""
TRANSPOSED = {5, 6, 7, 8}
"""Orientations that exchange height and width."""


def find_orientation(image: Image.Image, content: bytes | None) -> int:
    """Return the orientation from 1 to 8 of an opened image; 1 if it is missing or malformed.

    Arguments:
        image: The image. Pillow turns a .tiff upright itself, so it always has orientation 1.
        content: The bytes of its file; None for an image in memory.
    """
    if image.format == "TIFF":
        return UPRIGHT
    if content is not None and image.format == "PNG" and not _has_metadata(image):
        if not any(mark in content for mark in LATE_METADATA):
            return UPRIGHT
        image.load()
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        exif = _from_hexadecimal(image.info.get("Raw profile type exif"))
    return exif_orientation(exif) or _xmp_orientation(image) or UPRIGHT


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image upright."""
    return image.transpose(METHODS[orientation]) if orientation in METHODS else image


def turn_array_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels (H, W, C) upright."""
    turned = pixels.swapaxes(0, 1) if orientation in TRANSPOSED else pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned


def exif_orientation(exif: bytes | None) -> int | None:
    """Return the orientation in the first directory of EXIF data; None if there is none.

    Arguments:
        exif: A TIFF header and its directories, with or without the prefix of a .jpg.
    """
    while exif and exif.startswith(EXIF_PREFIX):
        exif = exif.removeprefix(EXIF_PREFIX)
    order = {b"II": "<", b"MM": ">"}.get((exif or b"")[:2])
    if exif is None or order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _ = struct.unpack_from(f"{order}HHI", exif, place)
            if tag == EXIF_TAG and kind in WHOLE_NUMBER_TYPES:
                (value,) = struct.unpack_from(order + WHOLE_NUMBER_TYPES[kind], exif, place + 8)
                return value if value in METHODS else UPRIGHT
    except struct.error:  # truncated
        return None
    return None


def _xmp_orientation(image: Image.Image) -> int | None:
    xmp = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode(errors="replace")
    match = XMP_PATTERN.search(xmp) if isinstance(xmp, bytes) else None
    return int(match[1]) if match else None


def _from_hexadecimal(profile: object) -> bytes | None:
    """Return the EXIF data that ImageMagick stores as text: a name, a length and digits."""
    try:
        return bytes.fromhex("".join(str(profile).split("\n")[3:])) if profile else None
    except ValueError:
        return None


def _has_metadata(image: Image.Image) -> bool:
    return any(key in image.info for key in ("exif", "Raw profile type exif"))
