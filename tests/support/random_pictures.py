"""Random image files of all kinds that docs/data.md describes, for hypothesis."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from PIL import Image

SIDES = [(8, 8), (8, 10), (12, 9)]
STEPS = 257
"""Values of floats are this many steps apart, so that no scaled value is halfway between two
whole numbers."""
SHALLOW = ["png", "png", "bmp", "ppm", "tiff", "palette", "transparent", "bilevel"]
DEEP = ["png16", "ppm16", "tiff16", "tiff32", "float"]
SUFFIXES = {"bmp": ".bmp", "ppm": ".ppm", "ppm16": ".ppm", "tiff": ".tif", "tiff16": ".tif",
            "tiff32": ".tiff", "float": ".tif"}  # fmt: skip


class Content(bytes):
    """A file whose content is left out when an example is reported."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@dataclass
class Style:
    """What the pictures of a source have in common."""

    rng: np.random.Generator
    kinds: list[str]
    grey: bool
    side: tuple[int, int]
    sizes: str
    low: int
    high: int

    def shape(self, plain: bool) -> tuple[int, int]:
        """Return the size of a picture; plain ones, of one colour, may have any."""
        height, width = self.side
        if plain:
            return int(self.rng.integers(8, 40)), int(self.rng.integers(8, 40))
        extra = 2 * int(self.rng.integers(1, 4))
        return [(height + extra, width), (height, width + extra)][int(self.rng.integers(2))]


@st.composite
def styles(draw: st.DrawFn) -> Style:
    """Return what the pictures of a source have in common."""
    sizes = draw(st.sampled_from(["one", "one", "majority", "none"]))
    kinds = draw(st.lists(st.sampled_from(SHALLOW), min_size=1, max_size=3, unique=True))
    if sizes != "none" and draw(st.booleans()):
        kinds = draw(st.lists(st.sampled_from(DEEP), min_size=1, max_size=2, unique=True))
        if draw(st.integers(0, 4)) > 0 and len(kinds) > 1 and "float" in kinds:
            kinds = ["float"]  # floats and whole numbers in one set are refused
        if draw(st.integers(0, 4)) == 0:
            kinds.append("png")
    low = draw(st.integers(-2000 if set(kinds) <= {"tiff32", "float"} else 0, 30_000))
    return Style(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        kinds,
        draw(st.booleans()),
        (64, 64) if sizes == "none" else draw(st.sampled_from(SIDES)),
        sizes,
        low,
        low + 1 + 2 * draw(st.integers(0, 17_000)),  # odd: no scaled value ends in .5
    )


def picture(style: Style, number: int, wider: bool = False) -> tuple[Content, str]:
    """Return a random file and its suffix.

    Arguments:
        number: Its position: the kinds take turns, and so do the sizes.
        wider: Whether deep values may exceed the range of the other pictures.
    """
    rng, kind = style.rng, style.kinds[number % len(style.kinds)]
    other_size = style.sizes == "none" or (style.sizes == "majority" and number % 3 == 2)
    plain = other_size and number % 4 != 1
    shape = style.shape(plain) if other_size else style.side
    suffix = SUFFIXES.get(kind, ".png")
    if kind in DEEP:
        values = deep_values(style, kind, shape, plain, wider)
        return Content(encode_deep(values, kind)), suffix
    colours = (1, 1, 3) if plain else (*shape, 3)
    values = rng.integers(0, 256, colours, dtype=np.uint8)
    values = np.ascontiguousarray(np.broadcast_to(values, (*shape, 3)))
    if style.grey:
        values = np.ascontiguousarray(np.repeat(values[:, :, :1], 3, 2))
    return Content(encode(values, kind, rng, style.grey)), suffix


def deep_values(
    style: Style, kind: str, shape: tuple[int, int], plain: bool, wider: bool
) -> np.ndarray:
    """Return values (H, W, C) of which the smallest and the largest are those of the style."""
    rng, channels = style.rng, 3 if kind in ("png16", "ppm16") and not style.grey else 1
    size = (1, 1, channels) if plain else (*shape, channels)
    if kind == "float":
        steps = rng.integers(-20 if wider else 0, STEPS + 1 + 20 * wider, size)
        values = style.low + (style.high - style.low) * (steps / STEPS)
        values = values.astype(np.float32)
    else:
        margin = 50 if wider else 0
        dtype = np.int32 if kind == "tiff32" else np.uint16
        low = style.low - margin if dtype == np.int32 else max(0, style.low - margin)
        values = rng.integers(low, style.high + margin, size, endpoint=True).astype(dtype)
    values = np.broadcast_to(values, (*shape, channels)).copy()
    if not plain:
        middle = values[shape[0] // 2, shape[1] // 2 - 1 : shape[1] // 2 + 1]
        middle[0], middle[1] = style.low, style.high
        if kind == "float" and rng.integers(4) == 0:
            values[0, :3, 0] = np.nan, np.inf, -np.inf
    return values


def encode(values: np.ndarray, kind: str, rng: np.random.Generator, grey: bool) -> bytes:
    """Return values (H, W, 3) of 8 bits as a file."""
    buffer = io.BytesIO()
    image = Image.fromarray(values[:, :, 0] if grey and rng.integers(2) else values)
    if kind == "palette":
        image.quantize(16).save(buffer, "png")
    elif kind == "transparent":
        plain = bool((values == values[:1, :1]).all())
        opacity = rng.integers(0, 2, (1, 1) if plain else values.shape[:2], np.uint8) * 255
        image.putalpha(Image.fromarray(np.resize(opacity, values.shape[:2])))
        image.save(buffer, "png")
    elif kind == "bilevel":
        image.convert("1", dither=Image.Dither.NONE).save(buffer, "png")
    elif kind == "png":
        exif = Image.Exif()
        square = values.shape[0] == values.shape[1]
        exif[0x0112] = int(rng.integers(1, 9 if square else 5))
        image.save(buffer, "png", exif=exif)
    else:
        image.save(buffer, kind)
    return buffer.getvalue()


def encode_deep(values: np.ndarray, kind: str) -> bytes:
    """Return values (H, W, C) of more than 8 bits as a file."""
    height, width, channels = values.shape
    if kind == "png16":
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        header = struct.pack(">IIBBBBB", width, height, 16, 0 if channels == 1 else 2, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    if kind == "ppm16":
        magic = "P5" if channels == 1 else "P6"
        return f"{magic}\n{width} {height}\n65535\n".encode() + values.astype(">u2").tobytes()
    buffer = io.BytesIO()
    Image.fromarray(values[:, :, 0]).save(buffer, "tiff")
    return buffer.getvalue()


def broken(content: bytes, how: str) -> Content:
    """Return a file that is not an image, or half of one."""
    half = content[: len(content) // 2]
    return Content({"empty": b"", "text": b"not a picture", "half": half}[how])
