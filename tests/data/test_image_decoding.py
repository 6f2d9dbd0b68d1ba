"""Every kind of image file is decoded to the pixels that a viewer would show."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentarium.data.image_decoding import BrokenImageError, read_header
from latentarium.data.image_decoding import decode_image as decode
from support.data_files import image_bytes

RED, GREEN = (200, 10, 20), (10, 190, 30)


def decode_image(*arguments, **options) -> np.ndarray:
    return decode(*arguments, **options).pixels


def flat_image(mode="RGB", colour=RED, size=(12, 9)) -> Image.Image:
    return Image.new(mode, size, colour)


def test_colour_has_three_channels_and_grey_one():
    colour = decode_image(image_bytes(flat_image()), grey=False)
    assert colour.shape == (3, 9, 12)
    assert [int(c[4, 5]) for c in colour] == list(RED)
    grey = decode_image(image_bytes(flat_image("L", 77)), grey=True)
    assert grey.shape == (1, 9, 12)
    assert int(grey[0, 0, 0]) == 77


@pytest.mark.parametrize(
    ("mode", "colour", "grey"),
    [("1", 1, True), ("L", 9, True), ("LA", (9, 255), True), ("I;16", 9, True), ("P", 3, False),
     ("RGB", RED, False), ("RGBA", (*RED, 255), False)],
)  # fmt: skip
def test_the_header_has_the_size_and_whether_it_is_grey(mode, colour, grey):
    image = flat_image(mode, colour)
    if mode == "P":
        image.putpalette([1, 2, 3] * 256)
    header = read_header(image_bytes(image))
    assert (header.size, header.grey) == ((9, 12), grey)
    assert header.deep == (mode == "I;16")


def test_palette_indices_become_colours():
    image = flat_image("P", 1)
    image.putpalette([0, 0, 0, *RED, *GREEN])
    pixels = decode_image(image_bytes(image), grey=False)
    assert [int(c[0, 0]) for c in pixels] == list(RED)


def test_a_palette_of_greys_is_grey():
    image = flat_image("P", 5)
    image.putpalette([v for i in range(256) for v in (i, i, i)])
    assert read_header(image_bytes(image))[1]
    assert int(decode_image(image_bytes(image), grey=True)[0, 0, 0]) == 5


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_transparency_is_composited_on_white(alpha):
    pixels = decode_image(image_bytes(flat_image("RGBA", (*RED, alpha))), grey=False)
    for channel, value in zip(pixels, RED, strict=True):
        expected = value * alpha / 255 + 255 * (1 - alpha / 255)
        assert int(channel[0, 0]) == pytest.approx(expected, abs=1.01)


def test_a_transparent_palette_colour_is_white():
    image = flat_image("P", 1)
    image.putpalette([0, 0, 0, *RED])
    pixels = decode_image(image_bytes(image, transparency=1), grey=False)
    assert [int(c[0, 0]) for c in pixels] == [255, 255, 255]


def test_one_bit_is_black_and_white():
    image = flat_image("1", 0)
    image.putpixel((2, 1), 1)
    pixels = decode_image(image_bytes(image), grey=True)
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels[0, 1, 2] == 255


def test_cmyk_becomes_rgb():
    pixels = decode_image(image_bytes(flat_image("CMYK", (255, 0, 0, 0)), "TIFF"), grey=False)
    assert pixels[0].max() < 40  # cyan has no red
    assert pixels[2].min() > 200


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_is_turned_upright(orientation, kind):
    upright = np.zeros((9, 12), np.uint8)
    upright[1, 2] = 255  # one bright pixel near the top left
    upright[:, 11] = 100
    image = Image.fromarray(upright)
    stored_as = {  # how a camera would have stored it
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = image.transpose(stored_as[orientation]) if orientation in stored_as else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = image_bytes(stored, kind, exif=exif)
    assert read_header(content)[0] == (9, 12)
    assert np.array_equal(decode_image(content, grey=True)[0], upright)


def test_fitting_covers_the_size_and_crops_at_the_centre():
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 250
    pixels = decode_image(image_bytes(Image.fromarray(wide)), grey=True, size=(10, 10))
    assert pixels.shape == (1, 10, 10)
    assert pixels[0, :, 2:8].min() > 240  # the middle third fills it


def test_fitting_is_antialiased():
    """Stripes of one pixel become their mean."""
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    pixels = decode_image(image_bytes(Image.fromarray(stripes)), grey=True, size=(8, 8))
    assert abs(pixels.astype(float) - 100).max() < 12


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_other_files_are_broken_images(content):
    with pytest.raises(BrokenImageError):
        read_header(content)


def test_a_truncated_image_is_broken():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    content = image_bytes(Image.fromarray(noise))
    with pytest.raises(BrokenImageError):
        decode_image(content[: len(content) // 2], grey=True)


def test_too_many_pixels_are_refused_by_the_header():
    content = image_bytes(flat_image())
    assert read_header(content, max_pixels=12 * 9).size == (9, 12)
    with pytest.raises(BrokenImageError):
        read_header(content, max_pixels=12 * 9 - 1)


def test_postscript_starts_no_program():
    with pytest.raises(BrokenImageError):
        read_header(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16", "F", "1"])
def test_decoding_in_strips_gives_the_same_pixels(mode):
    noise = np.random.default_rng(0).integers(0, 256, (50, 40, 4), np.uint8)
    image = Image.fromarray(noise).convert("L" if mode in ("I;16", "F") else mode)
    options = {}
    if mode == "P":
        options["transparency"] = bytes(range(0, 256, 2))
    if mode == "I;16":
        image = Image.fromarray(noise[..., :2].copy().view("<u2")[..., 0])
    if mode == "F":
        image = Image.fromarray(noise[..., 0].astype(np.float32) / 255)
    content = image_bytes(image, "TIFF" if mode == "F" else "PNG", **options)
    for grey in (False, True):
        whole = decode_image(content, grey)
        strips = decode_image(content, grey, strip_pixels=40 * 7)
        np.testing.assert_array_equal(strips, whole)


def test_images_in_memory_are_decoded_like_files():
    image = flat_image("P", 1)
    image.putpalette([0, 0, 0, *RED])
    assert decode_image(image, grey=False)[:, 0, 0].tolist() == list(RED)
    assert read_header(image).size == (9, 12)
    opened = Image.open(io.BytesIO(image_bytes(flat_image("LA", (9, 255)))))
    assert decode_image(opened, grey=True).max() == 9


def lab_bytes(lightness: int, a: int, b: int) -> bytes:
    bands = [Image.new("L", (9, 8), value) for value in (lightness, a + 128, b + 128)]
    image = Image.merge("LAB", bands)
    return image_bytes(image, "TIFF")


def test_lab_becomes_rgb():
    """CIE Lab of sRGB: white, black, and red, whose a* and b* are 80 and 67."""
    for lab, rgb in (((255, 0, 0), 255), ((0, 0, 0), 0)):
        pixels = decode_image(lab_bytes(*lab), grey=False)
        assert abs(pixels.astype(int) - rgb).max() <= 2
    red = decode_image(lab_bytes(136, 80, 67), grey=False)[:, 0, 0].astype(int)
    assert abs(red - (255, 0, 0)).max() <= 12


@pytest.mark.parametrize(
    "mode", ["RGB", "YCbCr", "HSV", "CMYK", "RGBA", "LA", "La", "RGBa", "PA", "1", "L"]
)
def test_every_mode_in_memory_gives_colour_and_grey(mode):
    start = (
        Image.new("LA", (9, 8), (120, 255)) if mode in ("LA", "La", "PA") else flat_image("RGB")
    )
    for step in {"La": ["LA", "La"], "RGBa": ["RGBA", "RGBa"], "PA": ["RGBA", "P", "PA"]}.get(
        mode, [mode]
    ):
        start = start.convert(step)
    assert decode_image(start, grey=False).shape[0] == 3
    assert decode_image(start, grey=True).shape[0] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
     (b"<!doctype html><html>", "web page"), (b"\0\0\0\x18ftypheic", "HEIC"),
     (b"II*\0\x08\0\0\0\0\0", "TIFF")],
)  # fmt: skip
def test_the_reason_names_what_the_file_is_instead(content, reason):
    with pytest.raises(BrokenImageError, match=reason):
        read_header(content)


MODES = {
    "1": "PNG TIFF BMP", "L": "PNG TIFF BMP GIF JPEG WEBP PPM", "LA": "PNG TIFF",
    "P": "PNG GIF TIFF BMP", "RGB": "PNG TIFF BMP JPEG WEBP PPM", "RGBA": "PNG TIFF WEBP",
    "CMYK": "TIFF JPEG", "YCbCr": "JPEG",
}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_mode_in_every_format_equals_its_definition(data):
    """The reference composites what Pillow converts to RGBA, with NumPy."""
    mode = data.draw(st.sampled_from(list(MODES)))
    kind = data.draw(st.sampled_from(MODES[mode].split()))
    height, width = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).integers(
        0, 256, (height, width, 4), np.uint8
    )
    image = Image.fromarray(noise).convert("RGB" if mode in ("CMYK", "YCbCr") else mode)
    image = image.convert(mode)
    options = {}
    if mode == "P" and kind in ("PNG", "GIF") and data.draw(st.booleans()):
        options["transparency"] = data.draw(st.integers(0, 255))
    content = image_bytes(image, kind, **options)
    reference = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(float)
    opacity = reference[..., 3:] / 255
    expected = reference[..., :3] * opacity + 255 * (1 - opacity)
    pixels = decode_image(content, grey=False).transpose(1, 2, 0)
    assert abs(pixels - expected).max() <= 1
    assert read_header(content).size == (height, width)
    grey = decode_image(content, grey=True)[0]
    assert abs(grey - expected @ (0.299, 0.587, 0.114)).max() <= 2


class Unreadable(Image.Image):
    """An image that raises when it is loaded."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def load(self):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RecursionError(), struct.error("x"), zlib.error("x"), KeyError(3),
     AttributeError("x"), OverflowError("x"), UserWarning("x"), ZeroDivisionError(), OSError("x")],
)  # fmt: skip
def test_whatever_pillow_raises_the_image_is_broken(error):
    with pytest.raises(BrokenImageError):
        decode_image(Unreadable(error), grey=True)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 2000),
)
def test_damaged_files_are_decoded_or_broken(kind, changes, length):
    content = bytearray(image_bytes(flat_image().resize((30, 20)), kind))
    for place, value in changes:
        content[place % len(content)] = value
    content = bytes(content[: max(1, len(content) - length)]) if length < 500 else bytes(content)
    try:
        header = read_header(content)
        if header.size[0] * header.size[1] < 10**6:
            assert decode_image(content, grey=False, size=(8, 8)).shape == (3, 8, 8)
    except BrokenImageError:
        pass  # the only exception


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG", "MPO"])
def test_the_first_of_several_pages_is_decoded(kind):
    pages = [Image.new("RGB", (12, 9), (50 * i, 255, 0)) for i in range(4)]
    content = image_bytes(pages[0], kind, save_all=True, append_images=pages[1:])
    assert read_header(content).more_pages
    assert not read_header(image_bytes(pages[0], "JPEG" if kind == "MPO" else kind)).more_pages
    assert abs(decode_image(content, grey=False)[:, 4, 5].astype(int) - (0, 255, 0)).max() < 9
