"""Pictures of any kind become images like those of the data."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import latentarium as la
from latentarium.classifier.classifier import load_classifier
from latentarium.data.layout import NO_LAYOUT, data_layout
from latentarium.data.preparation import PreparedImage, prepare_image, read_picture
from support.errors import raises_code

SHAPE = (1, 28, 28)
OFF: dict[str, Any] = {"fit": True, "invert": False, "clean": False, "centre": False}


@pytest.fixture(scope="module")
def mnist():
    return la.load_data("mnist")


@pytest.fixture(scope="module")
def prepare(mnist):
    def call(picture: object, **steps: Any) -> PreparedImage:
        return prepare_image(read_picture(picture), data_layout(mnist), SHAPE, **steps)

    return call


@pytest.fixture(scope="module")
def classify():
    classifier = load_classifier()

    def call(prepared: PreparedImage) -> tuple[int, float]:
        shares = classifier.probabilities(prepared.image.float() / 127.5 - 1)[0]
        return int(shares.argmax()), float(shares.max())

    return call


def seven(size=(200, 300), stroke=20, shift=(0, 0), ink: Any = 0, paper: Any = 255, mode="L"):
    """Return a picture of a 7."""
    picture, side = Image.new(mode, size, paper), min(size)
    x, y = shift
    corners = [(0.25 * side, 0.25 * side), (0.75 * side, 0.25 * side), (0.45 * side, side)]
    line = [(a + x, b + y) for a, b in corners]
    ImageDraw.Draw(picture).line(line, fill=ink, width=stroke, joint="curve")
    return picture


def shaded():
    """Return a 7 on grey paper in uneven light, with noise."""
    values = np.asarray(seven((300, 400), 18, ink=40, paper=200)).astype(float)
    y, x = np.mgrid[0:400, 0:300]
    noise = np.random.default_rng(0).normal(0, 5, values.shape)
    values = values - 60 * x / 300 - 30 * y / 400 + noise
    return values.clip(0, 255).astype(np.uint8)


PHOTOS = {
    "black on white": lambda: seven(),
    "thin": lambda: seven(stroke=6),
    "wide": lambda: seven((600, 200), 16, (250, -20)),
    "in a corner": lambda: seven((400, 400), 14, (-60, -90)),
    "white on black": lambda: seven(ink=255, paper=0),
    "blue on beige": lambda: seven(ink=(20, 20, 160), paper=(250, 240, 220), mode="RGB"),
    "shaded": shaded,
}


@pytest.mark.parametrize("name", PHOTOS)
def test_each_photo_of_a_7_is_read_as_a_7(name, prepare, classify):
    prepared = prepare(PHOTOS[name]())
    assert prepared.inverted == (name != "white on black")
    assert prepared.centred
    read, confidence = classify(prepared)
    assert read == 7
    assert confidence > 0.99


def test_without_the_steps_the_same_photo_is_not_a_7(prepare, classify):
    """The steps are what makes the photo readable, and each can be switched off."""
    cropped = prepare(seven(), **{**OFF, "fit": False})
    assert (cropped.fitted, cropped.inverted, cropped.centred) == (False, False, False)
    read, confidence = classify(cropped)
    assert read != 7 or confidence < 0.9
    assert prepare(seven(), invert=False).image.float().mean() > 128


def test_inverted_and_enlarged_digits_stay_what_they_are(mnist, prepare, classify):
    same = 0
    for i in range(60):
        digit = mnist.validation.images[i, 0].numpy()
        photo = Image.fromarray(255 - digit).resize((140, 140), Image.Resampling.BICUBIC)
        photo = np.pad(np.asarray(photo), ((10, 50), (0, 90)), constant_values=255)
        same += classify(prepare(photo))[0] == int(mnist.validation.labels[i])
    assert same >= 58


def test_an_image_of_the_data_is_left_as_it_is(mnist, prepare):
    for image in mnist.validation.images[:40]:
        prepared = prepare(image)
        assert torch.equal(prepared.image[0], image)
        assert (prepared.inverted, prepared.cleaned, prepared.centred) == (False, False, False)


def test_a_picture_keeps_its_proportions(prepare):
    tall = np.zeros((60, 20), np.uint8)
    tall[:, :] = 200
    rows, columns = np.nonzero(prepare(tall, **OFF).image[0, 0].numpy() > 100)
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert high == 28
    assert wide == 28  # the picture fills its surroundings with its own edge
    framed = np.pad(tall[:40], ((10, 10), (10, 10)))
    rows, columns = np.nonzero(prepare(framed, **OFF).image[0, 0].numpy() > 100)
    assert (np.ptp(rows) + 1) / (np.ptp(columns) + 1) == pytest.approx(2, abs=0.35)


def test_colours_are_kept_for_three_channels_and_become_grey_otherwise():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0], picture[..., 2] = 200, 50
    kept = prepare_image(picture, NO_LAYOUT, (3, 8, 8)).image[0]
    assert np.array_equal(kept.permute(1, 2, 0).numpy(), picture)
    grey = round(0.299 * 200 + 0.114 * 50)
    for channels in (1, 2, 5):
        image = prepare_image(picture, NO_LAYOUT, (channels, 8, 8)).image
        assert image.shape == (1, channels, 8, 8)
        assert (image == grey).all()


def test_without_a_layout_nothing_but_the_size_changes():
    picture = np.random.default_rng(0).integers(0, 256, (12, 10), dtype=np.uint8)
    prepared = prepare_image(read_picture(picture), NO_LAYOUT, (1, 12, 10))
    assert np.array_equal(prepared.image[0, 0], picture)
    assert (prepared.fitted, prepared.inverted) == (True, False)
    assert (prepared.cleaned, prepared.centred) == (False, False)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 2), (3, 700), (2000, 40)])
@pytest.mark.parametrize("value", [0, 255, 90])
def test_blank_and_extreme_pictures_are_prepared(shape, value, prepare):
    assert prepare(np.full(shape, value, np.uint8)).image.shape == (1, *SHAPE)
    dot = np.full(shape, value, np.uint8)
    dot[shape[0] // 2, shape[1] // 2] = 255 - value
    assert prepare(dot).image.shape == (1, *SHAPE)


def test_files_and_transparent_pictures_are_read(tmp_path, prepare, classify):
    seven().save(tmp_path / "seven.png")
    assert classify(prepare(tmp_path / "seven.png"))[0] == 7
    ink = Image.new("RGBA", (200, 300))
    ink.putalpha(Image.eval(seven(), lambda value: 255 - value))  # black on nothing
    assert classify(prepare(ink))[0] == 7
    assert np.array_equal(read_picture(str(tmp_path / "seven.png"))[..., 0], np.asarray(seven()))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_bytes(b"no picture")
    for path in (tmp_path / "text.png", tmp_path / "missing.png", tmp_path):
        with raises_code("not-an-image"):
            read_picture(path)
    content = io.BytesIO()
    seven().save(content, "PNG")
    with raises_code("not-an-image"):
        read_picture(content.getvalue()[:60])
    for values in (
        np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((2, 2, 2, 2), np.uint8),
        np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((1, 9000), np.uint8),
    ):  # fmt: skip
        with raises_code("shape-mismatch"):
            read_picture(values)
