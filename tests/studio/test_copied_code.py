"""Copied Python: each tool's code runs, uses the public interface, and saves what is shown."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.data.dataset import to_uint8
from support.browser import (
    BROWSER_MARKS,
    open_page,
    pixels,
    run_copied,
    studio_of,
    tracked_page,
    wait_idle,
    wait_until,
)

pytestmark = BROWSER_MARKS
TOOLS = {
    "view": ("#model=0&x=0.4&y=-0.3", "decoded", "image", "decoded.png"),
    "view of a class": ("#model=3&x=0.5&y=0.25&label=1", "decoded", "image", "decoded.png"),
    "plane": ("#model=0&tool=plane&plane=c0_c1_c2&x=0.2", "decoded", "image", "decoded.png"),
    "class": ("#model=1&tool=gaussians&gauss.of=2", "sample-0", "images", "samples.png"),
    "all": ("#model=1&tool=gaussians&gauss.of=all", "sample-0", "images", "samples.png"),
    "own": (
        "#model=1&tool=gaussians&gauss.of=own&gauss.major=0.5&gauss.minor=0.2",
        "sample-0", "images", "samples.png",
    ),
    "path": (
        "#model=0&tool=path&p.a=i3&p.b=i9&p.steps=8&p.kind=data", "frame-data-0", "images",
        "path.png",
    ),
    "lattice path": (
        "#model=3&tool=path&p.steps=8&label=2", "frame-linear-0", "images", "path.png",
    ),
    "real image": (
        "#tab=explore&model=0&tool=draw&pad.real=350", "reconstruction", "image",
        "reconstruction.png",
    ),
    "samples": ("#tab=generate&model=3&g.n=16&g.label=2", "sample-0", "images", "samples.png"),
    "class samples": (
        "#tab=generate&model=0&g.n=16&g.label=1", "sample-0", "images", "samples.png",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
def test_the_code_saves_what_the_page_shows(name, page, served, tmp_path):
    place, canvas, variable, file = TOOLS[name]
    open_page(page, served, place)
    wait_until(page, f"document.querySelector('[data-testid={canvas}]')?.width > 0")
    wait_idle(page)
    model = int(place.split("model=")[1].split("&")[0])
    code = page.get_by_test_id("code-python").first.inner_text()
    found = run_copied(code, served.registry[model].latent_map.data, tmp_path)
    images = found[variable]
    first = images if images.dtype == torch.uint8 else to_uint8(images)
    shown = np.array(pixels(page, canvas)[::4]).reshape(first.shape[2:])
    assert np.abs(first[0, 0].numpy().astype(int) - shown).max() <= 1
    assert [path.name for path in tmp_path.iterdir()] == [file]
    saved = np.asarray(Image.open(tmp_path / file)).astype(int)
    scale = 112 // first.shape[3]
    assert saved.shape[1] >= scale * first.shape[3]
    corner = saved[: scale * first.shape[2] : scale, : scale * first.shape[3] : scale]
    assert np.abs(corner - shown).max() <= 1


def test_the_code_of_blends_and_handwriting_saves_pictures(page, served, tmp_path):
    open_page(page, served, "#tab=generate&model=3&g.n=16&g.rows=2&g.blend=0:0.6,2:0.4")
    wait_until(page, "document.querySelector('[data-testid=hand-1-2]')?.width > 0")
    wait_until(page, "document.querySelector('[data-testid=blend-0]')?.width > 0")
    wait_idle(page)
    data = served.registry[3].latent_map.data
    for part, canvas in (("blend", "blend-0"), ("handwriting", "hand-0-0")):
        section = page.get_by_test_id(part)
        section.locator("summary").click()
        code = section.get_by_test_id("code-python").inner_text()
        folder = tmp_path / part
        folder.mkdir()
        images = to_uint8(run_copied(code, data, folder)["images"])
        shown = np.array(pixels(page, canvas)[::4]).reshape(images.shape[2:])
        assert np.abs(images[0, 0].numpy().astype(int) - shown).max() <= 1
        assert (folder / f"{part}.png").exists()
    last = np.array(pixels(page, "hand-1-2")[::4]).reshape(images.shape[2:])
    assert np.abs(images[-1, 0].numpy().astype(int) - last).max() <= 1  # row by row


def test_the_code_of_a_search_saves_its_result(page, served, tmp_path):
    open_page(page, served, "#tab=explore&model=0&tool=find&pad.real=5")
    page.get_by_role("button", name="Find this image").click()
    page.get_by_test_id("verdict").get_by_text("held-out images").wait_for()
    code = page.get_by_test_id("code-python").inner_text()
    found = run_copied(code, served.registry[0].latent_map.data, tmp_path)
    shown = np.array(pixels(page, "found")[::4])
    assert np.abs(to_uint8(found["image"]).flatten().numpy().astype(int) - shown).max() <= 1
    assert (tmp_path / "found.png").exists()


# -------------------------------------------------------------------------- photos of digits


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A studio with an autoencoder of some digits of MNIST."""
    train = la.load_data("mnist").train
    assert train.labels is not None
    data = la.load_data(train.images[:600, 0].numpy(), train.labels[:600].numpy())
    run = la.train(presets.get("ae_debug"), tmp_path_factory.mktemp("digits") / "r", data)
    studio = studio_of(run, data, "AE")
    yield studio
    studio.stop()


def read(image):
    """Return the class that the shipped classifier reads in an image (1, 1, 28, 28)."""
    return int(load_classifier().probabilities(image.float() / 127.5 - 1)[0].argmax())


def model_input(page):
    wait_idle(page)
    values = np.array(pixels(page, "model-input")[::4], np.uint8)
    return torch.from_numpy(values.reshape(1, 1, 28, 28))


def test_a_dropped_photo_of_a_7_is_read_as_a_7_and_each_step_is_undone(browser, digits, tmp_path):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 900}))
    open_page(page, digits, "#tab=explore&tool=draw")
    photo = Image.new("L", (200, 300), 255)
    ImageDraw.Draw(photo).line([(50, 50), (150, 50), (90, 200)], fill=0, width=20, joint="curve")
    photo.save(tmp_path / "seven.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "seven.png")
    page.get_by_test_id("encoding").wait_for(state="attached")
    prepared = model_input(page)
    assert read(prepared) == 7
    boxes = {step: page.get_by_test_id(f"step-{step}") for step in ("fit", "invert", "centre")}
    assert all(box.is_checked() for box in boxes.values())
    done = page.get_by_test_id("done").inner_text()
    assert "fitted, inverted, centred as the data are" in done
    # the copied code prepares the saved picture in the same way
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save image.png").click()
    saved.value.save_as(tmp_path / "image.png")
    code = page.get_by_test_id("code-python").inner_text()
    found = run_copied(code, digits.registry[0].latent_map.data, tmp_path)
    assert torch.equal(found["prepared"].image, prepared)
    # each step changes the image, and is kept in the address
    for step in ("invert", "centre", "fit"):
        before = model_input(page)
        boxes[step].uncheck()
        after = model_input(page)
        assert not torch.equal(before, after)
        page.wait_for_timeout(350)  # the address is written at most once in this time
        page.reload()
        wait_until(page, "document.querySelector('[data-testid=model-input]')?.width > 0")
        assert torch.equal(model_input(page), after)
        assert not boxes[step].is_checked()
    for step in ("fit", "centre", "invert"):
        boxes[step].check()
        wait_idle(page)
    assert torch.equal(model_input(page), prepared)
    page.context.close()


def test_a_drawing_is_centred_unless_that_is_switched_off(browser, digits):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 900}))
    open_page(page, digits, "#tab=explore&tool=draw")
    box = page.get_by_test_id("pad").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 10, steps=3)
    page.mouse.move(box["x"] + 30, box["y"] + 80, steps=3)
    page.mouse.up()

    def centre_of_mass():
        values = model_input(page)[0, 0].double()
        places = torch.arange(28).double() + 0.5
        return float((values.sum(0) * places).sum() / values.sum())

    assert centre_of_mass() == pytest.approx(14.5, abs=0.3)
    page.get_by_label("Centre").uncheck()
    assert centre_of_mass() < 7
    page.get_by_label("Pad:").focus()
    page.keyboard.press("Control+z")
    page.get_by_test_id("encoding").wait_for(state="detached")
    page.context.close()


def test_blank_images_are_not_rated(browser, digits):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 900}))
    open_page(page, digits, "#tab=explore&tool=draw")
    faint = np.zeros((28, 28), np.uint8)
    faint[8:20, 12:15] = 30
    for values, rated in ((faint, False), (faint * 8, True)):
        content = Image.fromarray(values)
        content.save(path := digits.registry[0].run.folder.parent / "faint.png")
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_test_id("encoding").wait_for(state="attached")
        wait_idle(page)
        said = page.get_by_test_id("verdict").inner_text()
        mark = page.locator(".ring [data-grade]").get_attribute("data-grade")
        assert said.startswith("Not rated") == (not rated)
        if not rated:
            assert mark == "unknown"
        page.get_by_role("button", name="Clear").click()
        wait_idle(page)
    page.context.close()
