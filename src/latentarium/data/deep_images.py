"""Read images of more than 8 bits per value in their own type.

Pillow opens grey images of this kind in modes of 16 or 32 bits per value. In colour it keeps only
the upper byte of 16 bits. Such a file is therefore decoded twice: the second time with the raw
mode of the other byte order, which selects the lower byte.
"""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

WHITE = 0xFFFF
"""The 16-bit value of white, and of opaque pixels."""
COLOUR_RAW_MODE = re.compile(r"(RGBA|RGBX|RGBa|RGB|CMYK|LA);16([BLN])")
"""Raw modes of 16 bits per value that Pillow reduces to 8 bits, with their byte order."""
NATIVE_ORDER = "L" if sys.byteorder == "little" else "B"
NATIVE_RAW_MODES = {
    "I;16S": "I;16NS", "I;16BS": "I;16NS", "I;32S": "I;32NS", "I;32BS": "I;32NS",
    "F;32F": "F;32NF", "F;32BF": "F;32NF",
}  # fmt: skip
"""Raw modes of this machine's byte order by those of a file's."""
BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR, SAMPLE_FORMAT, NO_DATA = 258, 262, 284, 339, 42113
"""TIFF tags. The last one is GDAL's; it states the value of pixels without data."""
SIGNED = 2
"""The value of SAMPLE_FORMAT for signed whole numbers."""
SEPARATE = 2
"""The value of PLANAR for channels that are stored one after the other."""


class NativeImage(NamedTuple):
    """An image of more than 8 bits per value.

    Arguments:
        values: Values in their own type, of shape (H, W, C) with one or three channels.
        missing: Whether some pixels had no value. They were replaced by the smallest value of the
            image, or by its largest one if they were infinite.
    """

    values: np.ndarray
    missing: bool


class _RawMode(NamedTuple):
    """A raw mode of 16 bits per value that Pillow reduces to 8 bits.

    Arguments:
        kind: The channels in the file, such as RGBX.
        order: The byte order, B or L.
    """

    kind: str
    order: str


def deep_type(image: Image.Image) -> np.dtype | None:
    """Return the type of an opened image's values; None if they have at most 8 bits."""
    if image.mode.startswith("I;16") or _raw_mode(image) is not None:
        return np.dtype(np.uint16)
    sample_format = _first(_tag(image, SAMPLE_FORMAT))
    if image.mode == "I":
        unsigned = _first(_tag(image, BITS_PER_SAMPLE)) == 32 and sample_format != SIGNED
        return np.dtype(np.uint32 if unsigned else np.int32)
    if image.mode == "F":
        return np.dtype(np.float32)
    if image.mode == "L" and sample_format == SIGNED:
        return np.dtype(np.int16)
    return None


def is_deep_grey(image: Image.Image) -> bool:
    """Return whether an image of more than 8 bits per value is grey."""
    raw_mode = _raw_mode(image)
    return raw_mode is None or raw_mode.kind == "LA"


def refuse_misread(image: Image.Image) -> None:
    """Refuse an opened image that Pillow would decode to wrong values without an error.

    Raises:
        ValueError: The image is a TIFF with grey and transparency in separate planes.
    """
    if image.mode in ("LA", "La", "PA") and _tag(image, PLANAR) == SEPARATE:
        raise ValueError("grey and transparency in separate planes")


def is_reduced(image: Image.Image) -> bool:
    """Return whether Pillow would reduce an opened image from 16 bits per value to 8."""
    return _raw_mode(image) is not None


def read_native(image: Image.Image, reopen: Callable[[], Image.Image]) -> NativeImage:
    """Decode an image of more than 8 bits per value.

    Transparent pixels are composited on white, the value 65,535. Values that are not finite, and
    those that GDAL's tag declares as no data, are replaced.

    Arguments:
        image: The opened image.
        reopen: Function that opens the same file again.

    Raises:
        ValueError: The image is of a kind that can't be read, or no pixel has a value.
    """
    raw_mode = _raw_mode(image)
    if raw_mode is not None:
        return NativeImage(_sixteen_bit_colour(image, reopen, raw_mode), False)
    no_data = _number(_first(_tag(image, NO_DATA)))
    values = _grey(image)
    missing = np.zeros(values.shape, bool)
    if values.dtype.kind == "f":
        missing |= ~np.isfinite(values)
        no_data = None if no_data is None else float(np.float32(no_data))
    if no_data is not None:
        missing |= values == no_data
    if not missing.any():
        return NativeImage(values, False)
    if missing.all():
        raise ValueError("no pixel has a value")
    low, high = values[~missing].min(), values[~missing].max()
    replaced = np.where(missing, np.where(values == np.inf, high, low), values)
    return NativeImage(replaced.astype(values.dtype), True)


def to_grey(values: np.ndarray) -> np.ndarray:
    """Convert values (H, W, C) to grey (H, W, 1) with Pillow's weights (ITU-R BT.601)."""
    if values.shape[2] == 1:
        return values
    grey = values.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return _as_type(grey[..., None], values.dtype)


def fit_native(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale values (H, W, C) with antialiasing until they cover a size, and crop at the centre.

    The result stays within the range of the image, although the filter overshoots at edges.
    """
    low, high = float(values.min()), float(values.max())
    # relative to the minimum, since 32-bit floats would lose the differences of large values
    shifted = (values.astype(np.float64) - low).astype(np.float32)
    channels = [
        ImageOps.fit(Image.fromarray(channel), (size[1], size[0]), Image.Resampling.LANCZOS)
        for channel in np.ascontiguousarray(shifted.transpose(2, 0, 1))
    ]
    fitted = np.stack([np.asarray(channel) for channel in channels], 2).astype(np.float64)
    return _as_type((fitted + low).clip(low, high), values.dtype)


def _as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return (values if dtype.kind == "f" else values.round()).astype(dtype)


def _grey(image: Image.Image) -> np.ndarray:
    """Return the values (H, W, 1) of a grey image."""
    dtype = deep_type(image)
    if any(tile.codec_name == "libtiff" for tile in _tiles(image)):
        # it has already brought the bytes into this machine's order, unlike what Pillow assumes
        _set_raw_mode(image, NATIVE_RAW_MODES)
    image.load()
    values = np.asarray(image)
    if dtype == np.int16:  # signed bytes, which Pillow takes for unsigned ones
        values = values.view(np.int8).astype(np.int16)
    elif dtype == np.uint32:
        values = values.view(np.uint32)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)[..., None]
    if dtype != np.uint16:
        return values
    if _tag(image, PHOTOMETRIC) == 0:  # white is zero; Pillow inverts only 8-bit images
        return WHITE - values
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        return np.where(values == transparent, np.uint16(WHITE), values)
    return values


def _sixteen_bit_colour(
    image: Image.Image, reopen: Callable[[], Image.Image], raw_mode: _RawMode
) -> np.ndarray:
    """Return the values (H, W, C) of an image that Pillow would reduce to 8 bits."""
    kind, order = raw_mode
    if _tag(image, PLANAR) == SEPARATE:
        raise ValueError("16-bit colours in separate planes")
    if image.format == "PPM" and _tiles(image)[0].codec_name != "ppm":
        raise ValueError("more than 8 bits per value as text")
    if kind == "LA":  # Pillow has no raw mode for the lower bytes: read all four as they are
        four = _load_as(image, "RGBA").astype(np.uint16)
        return _composite(_join(four[..., [0]], four[..., [1]]), _join(four[..., 2], four[..., 3]))
    stored = "RGBA" if kind == "RGBa" else kind
    upper = _load_as(image, f"{stored};16{order}")
    lower = _load_as(reopen(), f"{stored};16{'L' if order == 'B' else 'B'}")
    values = _join(upper, lower)
    if kind == "CMYK":
        ink = values.astype(np.uint32)
        return _divide((WHITE - ink[..., :3]) * (WHITE - ink[..., 3:]))
    if kind == "RGBa":  # the colours are already multiplied by alpha
        white = WHITE - values[..., 3:].astype(np.uint32)
        return (values[..., :3] + white).clip(0, WHITE).astype(np.uint16)
    if kind == "RGBA":
        return _composite(values[..., :3], values[..., 3])
    transparent = image.info.get("transparency")
    if isinstance(transparent, tuple):
        clear = (values == np.array(transparent)).all(2)
        return np.where(clear[..., None], np.uint16(WHITE), values)
    return values


def _load_as(image: Image.Image, raw_mode: str) -> np.ndarray:
    """Decode an image with another raw mode of the same number of bytes per pixel."""
    if image.format == "PPM":
        _set_tiles(image, [_tiles(image)[0]._replace(codec_name="raw", args=raw_mode)])
    else:
        _set_raw_mode(image, {_raw_name(tile): raw_mode for tile in _tiles(image)})
    image.load()
    return np.asarray(image)


def _set_raw_mode(image: Image.Image, names: Mapping[str, str]) -> None:
    """Replace the raw modes of an opened image by name."""
    tiles = []
    for tile in _tiles(image):
        name = names.get(_raw_name(tile), _raw_name(tile))
        args = (name, *tile.args[1:]) if isinstance(tile.args, tuple) else name
        tiles.append(tile._replace(args=args))
    _set_tiles(image, tiles)


def _tiles(image: Image.Image) -> list[Any]:
    """Return what Pillow will decode: codec, position and raw mode of each part of the file.

    It is empty if the image is loaded, or was made in memory.
    """
    return list(getattr(image, "tile", []))


def _set_tiles(image: Image.Image, tiles: list[Any]) -> None:
    image.tile = tiles  # pyright: ignore[reportAttributeAccessIssue]  of an image file


def _raw_name(tile: Any) -> str:  # noqa: ANN401  Pillow's type is private
    return str(tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args)


def _join(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    return upper.astype(np.uint16) << 8 | lower


def _composite(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Composite 16-bit values (H, W, C) on white, with alpha (H, W)."""
    opacity = alpha[..., None].astype(np.uint32)
    return _divide(values * opacity + WHITE * (WHITE - opacity))


def _divide(products: np.ndarray) -> np.ndarray:
    """Divide products of two 16-bit values (uint32) by 65,535."""
    return ((products + WHITE // 2) // WHITE).astype(np.uint16)


def _raw_mode(image: Image.Image) -> _RawMode | None:
    """Return the raw mode if Pillow would reduce 16 bits to 8; None otherwise."""
    tiles = _tiles(image)
    if not tiles:
        return None
    if tiles[0].codec_name in ("ppm", "ppm_plain") and image.mode == "RGB":
        return _RawMode("RGB", "B") if tiles[0].args[1] > 255 else None
    if _tag(image, PLANAR) == SEPARATE and _first(_tag(image, BITS_PER_SAMPLE)) == 16:
        return _RawMode("RGB", NATIVE_ORDER)
    match = COLOUR_RAW_MODE.fullmatch(_raw_name(tiles[0]))
    if match is None:
        return None
    return _RawMode(match[1], NATIVE_ORDER if match[2] == "N" else match[2])


def _tag(image: Image.Image, number: int) -> Any:  # noqa: ANN401  a tag has any type
    """Return the value of a TIFF tag; None if it is missing, or in other formats."""
    return image.tag_v2.get(number) if image.format == "TIFF" else None  # pyright: ignore


def _first(value: object) -> object:
    return value[0] if isinstance(value, tuple) and value else value


def _number(text: object) -> float | None:
    try:
        return float(str(text).strip("\0 ")) if text is not None else None
    except ValueError:
        return None
