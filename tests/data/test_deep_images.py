"""Images of more than 8 bits per value keep their exact values in every format."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from latentarium.data.deep_images import fit_native
from latentarium.data.image_decoding import BrokenImageError, decode_image, read_header
from support.data_files import image_bytes

RNG = np.random.default_rng(0)
WHITE = 65_535


def png_bytes(values: np.ndarray, transparent: bytes = b"", interlaced: bool = False) -> bytes:
    """Return 16-bit values (H, W, C) as a .png, written from the specification."""
    height, width, channels = values.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                  (0, 1, 2, 2), (1, 0, 2, 1)]  # fmt: skip
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes()
        for top, left, down, right in passes
        for row in values[top::down, left::right]
        if row.size
    )
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, interlaced)
    chunks = [
        (b"IHDR", header),
        (b"tRNS", transparent),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
        if data or name == b"IEND"
    )


def tiff_bytes(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def decoded(content: bytes, grey: bool = False, size=None) -> np.ndarray:
    """Return the values (H, W, C) of a file."""
    return decode_image(content, grey, size).pixels.transpose(1, 2, 0)


def noise(channels: int, shape=(9, 13)) -> np.ndarray:
    return RNG.integers(0, 1 << 16, (*shape, channels), dtype=np.uint16)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_of_16_bits_keeps_its_values(channels, interlaced):
    values = noise(channels)
    content = png_bytes(values, interlaced=interlaced)
    header = read_header(content)
    assert (header.size, header.grey, header.dtype) == ((9, 13), channels == 1, np.uint16)
    assert np.array_equal(decoded(content, grey=channels == 1), values)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_transparency_is_composited_on_white(channels):
    values = noise(channels)
    content = png_bytes(values)
    assert read_header(content).grey == (channels == 2)
    alpha = values[..., -1:] / WHITE
    expected = values[..., :-1] * alpha + WHITE * (1 - alpha)
    assert abs(decoded(content, grey=channels == 2) - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits_is_white(channels):
    values = noise(channels)
    values[2, 3] = 700
    values[2, 4] = 700 + 256  # the same lower byte
    content = png_bytes(values, transparent=struct.pack(f">{channels}H", *[700] * channels))
    expected = values.copy()
    expected[2, 3] = WHITE
    assert np.array_equal(decoded(content, grey=channels == 1), expected)


KINDS = [("u2", 1), ("u2", 3), ("u2", 4), ("i2", 1), ("i4", 1), ("u4", 1), ("f4", 1), ("i1", 1)]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("dtype", "channels", "order"),
    [(*kind, order) for kind in KINDS for order in "<>" if (kind[0], order) != ("u4", ">")],
)
def test_a_tiff_keeps_its_values(dtype, channels, order, compression):
    if np.dtype(dtype).kind == "f":
        values = RNG.normal(0, 1e4, (9, 13, 1)).astype(dtype)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        values = RNG.integers(low, high, (9, 13, channels), dtype=dtype, endpoint=True)
    if channels == 4:
        values[..., 3] = WHITE
    content = tiff_bytes(
        values.squeeze(), byteorder=order, compression=compression,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
    )  # fmt: skip
    header = read_header(content)
    assert header.deep
    result = decoded(content, grey=channels == 1)
    assert result.dtype == header.dtype
    assert np.array_equal(result, values[..., :3])


@pytest.mark.parametrize("extra", ["assocalpha", "unspecified"])
def test_other_fourth_channels_of_a_tiff(extra):
    values = noise(4)
    values[..., :3] = np.minimum(values[..., :3], values[..., 3:])  # multiplied by alpha
    content = tiff_bytes(values, photometric="rgb", extrasamples=[extra])
    expected = values[..., :3].astype(int)
    if extra == "assocalpha":
        expected += WHITE - values[..., 3:].astype(int)
    assert np.array_equal(decoded(content), expected)


def test_16_bit_cmyk_becomes_rgb():
    ink = noise(4)
    content = tiff_bytes(ink, photometric="separated")
    expected = (1 - ink[..., :3] / WHITE) * (1 - ink[..., 3:] / WHITE) * WHITE
    assert abs(decoded(content) - expected).max() <= 0.5 + 1e-6


def test_white_is_zero_is_inverted():
    values = noise(1)
    content = tiff_bytes(values.squeeze(), photometric="miniswhite")
    assert np.array_equal(decoded(content, grey=True), WHITE - values)


@pytest.mark.parametrize(
    ("dtype", "channels", "refused"),
    [("u2", 3, True), ("u2", 4, True), ("u1", 2, True), ("u1", 3, False)],
)
def test_separate_planes_are_read_or_refused_by_name(dtype, channels, refused):
    values = (noise(channels) >> 8).astype(dtype)
    content = tiff_bytes(
        values.transpose(2, 0, 1), planarconfig="separate", compression="zlib",
        photometric="minisblack" if channels == 2 else "rgb",
        extrasamples=None if channels == 3 else ["unassalpha"],
    )  # fmt: skip
    if not refused:
        assert np.array_equal(decoded(content), values)
        return
    with pytest.raises(BrokenImageError, match="planes"):
        decode_image(content, grey=False)


@pytest.mark.parametrize("maximum", [4095, 65_535])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_ppm_of_more_than_8_bits_keeps_its_values(maximum, channels):
    values = np.minimum(noise(channels), maximum)
    content = f"P{5 if channels == 1 else 6} 13 9 {maximum}\n".encode()
    content += values.astype(">u2").tobytes()
    assert read_header(content).deep
    result = decoded(content, grey=channels == 1)
    if channels == 1:  # Pillow scales grey linearly to 16 bits
        values = (values * (WHITE / maximum)).round().astype(int)
    assert np.array_equal(result, values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_images_are_turned_upright_like_others(orientation, channels):
    small = RNG.integers(0, 256, (9, 13, channels), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight = image_bytes(Image.fromarray(small.squeeze()), "PNG", exif=exif)
    deep = png_bytes(small.astype(np.uint16) << 8)
    end = deep.index(b"IDAT") - 4
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + data
    deep = (
        deep[:end]
        + struct.pack(">I", len(data))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + deep[end:]
    )
    grey = channels == 1
    assert read_header(deep).size == read_header(eight).size
    assert np.array_equal(decoded(deep, grey) >> 8, decoded(eight, grey))


def test_pixels_without_a_value_are_replaced_and_reported():
    values = RNG.normal(0, 1, (9, 13)).astype(np.float32)
    values[0, :3] = [np.nan, np.inf, -np.inf]
    result = decode_image(image_bytes(Image.fromarray(values), "TIFF"), grey=True)
    rest = values.ravel()[3:]
    assert result.missing
    assert result.pixels[0, 0, :3].tolist() == [rest.min(), rest.max(), rest.min()]
    assert np.array_equal(result.pixels.ravel()[3:], rest)
    nothing = image_bytes(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF")
    with pytest.raises(BrokenImageError, match="value"):
        decode_image(nothing, grey=True)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_gdals_value_for_no_data_is_replaced(dtype):
    values = RNG.integers(100, 200, (9, 13)).astype(dtype)
    values[3, 4] = -9999
    content = tiff_bytes(values, extratags=[(42113, "s", 0, "-9999", True)])
    result = decode_image(content, grey=True)
    assert result.missing
    assert result.pixels.min() == values[values > 0].min()
    assert not decode_image(tiff_bytes(values), grey=True).missing


def test_the_values_of_images_in_memory_are_kept():
    grey = Image.fromarray(noise(1).squeeze())
    assert np.array_equal(decode_image(grey, grey=True).pixels[0], np.asarray(grey))
    values = noise(3)
    opened = Image.open(io.BytesIO(png_bytes(values)))  # its pixels are not loaded yet
    assert read_header(opened).deep
    assert np.array_equal(decode_image(opened, grey=False).pixels.transpose(1, 2, 0), values)


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(
        np.uint16,
        st.tuples(st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3])),
        elements={"min_value": 0, "max_value": 60_000},
    ),
    dtype=st.sampled_from([np.int32, np.uint32, np.float64]),
    offset=st.sampled_from([-70_000, 0, 1_000_000_000]),
)
def test_fitting_stays_within_the_range_and_commutes_with_a_shift(values, dtype, offset):
    fitted = fit_native(values, (8, 8))
    assert fitted.shape == (8, 8, values.shape[2])
    assert fitted.dtype == np.uint16
    assert values.min() <= fitted.min()
    assert fitted.max() <= values.max()
    offset = max(offset, 0) if dtype is np.uint32 else offset
    shifted = fit_native(values.astype(dtype) + dtype(offset), (8, 8))
    assert shifted.dtype == dtype
    assert abs(shifted.astype(np.float64) - offset - fitted).max() <= 1


def test_deep_images_are_fitted_like_8_bits():
    ramp = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint16)
    eight = image_bytes(Image.fromarray(ramp.astype(np.uint8)))
    deep = decoded(png_bytes(ramp[..., None] * 257), grey=True, size=(10, 11)) / 257
    assert abs(deep - decoded(eight, grey=True, size=(10, 11))).max() <= 1.5


def test_deep_colour_becomes_grey_like_8_bits():
    small = RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)
    deep = decoded(png_bytes(small.astype(np.uint16) * 257), grey=True) / 257
    assert abs(deep - decoded(image_bytes(Image.fromarray(small)), grey=True)).max() <= 1


def test_a_truncated_deep_image_is_broken():
    for content in (png_bytes(noise(3)), tiff_bytes(noise(3), photometric="rgb")):
        with pytest.raises(BrokenImageError):
            decode_image(content[: len(content) // 2], grey=False)


@pytest.mark.parametrize(
    ("values", "options"),
    [(np.zeros((9, 9)), {}), (np.zeros((9, 9, 5), np.uint16), {"planarconfig": "contig"})],
)
def test_a_tiff_that_pillow_cannot_open_is_refused_by_name(values, options):
    with pytest.raises(BrokenImageError, match="TIFF"):
        read_header(tiff_bytes(values, photometric="minisblack", **options))
