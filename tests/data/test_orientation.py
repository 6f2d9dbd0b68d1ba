"""The orientation is found in EXIF and XMP, and malformed metadata never loses an image."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentarium.data.image_decoding import decode_image, read_header
from latentarium.data.orientation import exif_orientation
from support.data_files import image_bytes

WIDE = Image.fromarray(np.arange(108, dtype=np.uint8).reshape(9, 12))
FLOAT, SHORT, LONG, ASCII = 11, 3, 4, 2


def exif_bytes(*tags: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """Return EXIF data of tags (number, type, count, value)."""
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    entries = [struct.pack(f"{order}HHI4s", *tag) for tag in tags]
    return b"Exif\0\0" + head + struct.pack(f"{order}H", len(tags)) + b"".join(entries) + bytes(4)


TURNED = (0x112, SHORT, 1, b"\6\0\0\0")


@pytest.mark.parametrize(
    "odd",
    [(0x128, FLOAT, 1, b"\0\0\x80?"), (0x10F, 99, 7, b"abcd"),
     (0x8769, LONG, 1, b"\xff\xff\xff\x7f"),
     (0x8825, ASCII, 1 << 30, b"\xff\xff\xff\xff"), (0x11A, 5, 1, b"\xff\xff\xff\xff")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_tags_of_odd_types_are_ignored(odd, kind):
    content = image_bytes(WIDE.convert("RGB"), kind, exif=exif_bytes(TURNED, odd))
    assert read_header(content).size == (12, 9)
    assert decode_image(content, grey=True).pixels.shape == (1, 12, 9)


@pytest.mark.parametrize(
    "exif",
    [exif_bytes(TURNED)[:20], b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0XX",
     exif_bytes((0x112, SHORT, 1, b"\x63\0\0\0")), exif_bytes((0x112, ASCII, 1, b"6\0\0\0")),
     b"Exif\0\0II*\0\x08\0\0\0\xff\xff"],
)  # fmt: skip
def test_broken_metadata_leaves_the_image_as_it_is(exif):
    content = image_bytes(WIDE.convert("RGB"), "JPEG", exif=exif)
    assert read_header(content).size == (9, 12)
    assert decode_image(content, grey=True).pixels.shape == (1, 9, 12)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [SHORT, LONG])
def test_both_byte_orders_and_types_are_read(order, kind):
    value = struct.pack(order + ("H2x" if kind == SHORT else "I"), 6)
    assert exif_orientation(exif_bytes((0x112, kind, 1, value), order=order)) == 6


def test_xmp_orientation_counts_without_exif():
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = image_bytes(WIDE.convert("RGB"), "JPEG", xmp=xmp)
    assert read_header(content).size == (12, 9)
    both = image_bytes(
        WIDE.convert("RGB"), "JPEG", xmp=xmp, exif=exif_bytes((0x112, 3, 1, b"\1\0\0\0"))
    )
    assert read_header(both).size == (9, 12)


def test_metadata_after_the_pixels_of_a_png_is_found():
    content = image_bytes(WIDE)
    exif = exif_bytes(TURNED).removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    end = content.index(b"IEND") - 4
    late = content[:end] + chunk + content[end:]
    assert read_header(late).size == (12, 9)
    assert decode_image(late, grey=True).pixels.shape == (1, 12, 9)


def test_a_tiff_with_a_broken_directory_of_exif_is_read():
    exif = Image.Exif()
    exif[0x8769] = 0x7FFFFFFF
    exif[0x8825] = 3
    for orientation, size in ((1, (9, 12)), (6, (12, 9))):
        exif[0x112] = orientation
        buffer = io.BytesIO()
        WIDE.save(
            buffer,
            "TIFF",
            tiffinfo={k: v for k, v in exif.items() if k > 0x8000} | {0x112: orientation},
        )
        assert read_header(buffer.getvalue()).size == size
        assert decode_image(buffer.getvalue(), grey=True).pixels.shape == (1, *size)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 14), st.integers(0, 9),
                       st.binary(min_size=4, max_size=4)), max_size=4),
    st.integers(0, 12), st.integers(0, 4), st.binary(max_size=20),
)  # fmt: skip
def test_the_orientation_is_pillows_wherever_pillow_reads_it(tags, orientation, place, tail):
    tags.insert(place, (0x112, SHORT, 1, struct.pack("<H2x", orientation)))
    data = exif_bytes(*[tag for tag in tags if tag[0] != 0x112 or tag[1] == SHORT]) + tail
    exif = Image.Exif()
    try:
        exif.load(data)
        expected = exif.get(0x112, 1)
    except Exception:
        expected = None  # whatever Pillow raises, ours does not
    found = exif_orientation(data) or 1
    assert 1 <= found <= 8
    if isinstance(expected, int):
        assert found == (expected if 1 <= expected <= 8 else 1)
