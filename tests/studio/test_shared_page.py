"""The address as the shared state of the page, and the cursor outside the view, in a browser."""

import base64
import io
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from latentarium.latent.scored_decoder import CHUNK_SIZE
from support.browser import (
    BROWSER_MARKS,
    address,
    drag,
    open_page,
    pixels,
    tracked_page,
    wait_idle,
    wait_until,
)

pytestmark = BROWSER_MARKS
DRAW = "#tab=explore&model=1&tool=draw"


def picture(seed=0, size=(40, 40)):
    """Return a picture file whose size differs from the model's images."""
    values = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    image = Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)
    content = io.BytesIO()
    image.save(content, "PNG")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": content.getvalue()}


def encoded(page):
    """Return position, neighbours, model input and reconstruction of the query image."""
    wait_idle(page)
    page.get_by_test_id("encoding").wait_for(state="attached")
    mark = page.get_by_test_id("encoding")
    neighbours = page.get_by_test_id("neighbours").locator("li").all()
    names = [one.get_attribute("title") for one in neighbours]
    return (
        mark.get_attribute("data-x"),
        names,
        pixels(page, "model-input"),
        pixels(page, "reconstruction"),
    )


def test_a_file_in_the_address_opens_in_another_browser(page, served, browser):
    open_page(page, served, DRAW)
    page.locator("input[type=file]").set_input_files(picture())
    wait_until(page, "location.hash.includes('pad.image=1.12.10.')")
    page.get_by_role("checkbox", name="Invert").click()
    there = encoded(page)
    wait_until(page, f"location.hash.includes({address(page)['pad.image']!r})")
    hash_ = page.url.split("#")[1]
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    other = tracked_page(context)
    open_page(other, served, "#tab=explore&" + hash_)
    wait_until(other, "document.querySelector('[data-testid=model-input]')?.width > 0")
    assert encoded(other) == there
    other.get_by_role("button", name="Clear").click()
    wait_until(other, "!location.hash.includes('pad.image')")
    context.close()


def packed(content, shape="1.12.10", wbits=-15):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    text = base64.urlsafe_b64encode(squeeze.compress(content) + squeeze.flush()).decode()
    return f"{shape}.{text.rstrip('=')}"


def test_an_invalid_image_in_the_address_gives_an_error(page, served):
    """Truncated, of another shape, not deflated, and ten megabytes of zeros in ten kilobytes."""
    good = packed(bytes(range(120)))
    open_page(page, served, f"{DRAW}&pad.image={good}")
    wait_until(page, "document.querySelector('[data-testid=model-input]')?.width > 0")
    assert pixels(page, "model-input")[::4] == list(range(120))
    for bad in (
        good[:-4], packed(bytes(119)), packed(bytes(120), "1.10.12"), packed(bytes(120), wbits=15),
        packed(bytes(10_000_000)), "1.12.10.!!", good + "A" * 20_000, "1e9.1e9.1e9.AA",
    ):  # fmt: skip
        open_page(page, served, f"{DRAW}&pad.image={bad}")
        page.get_by_role("alert").get_by_text("can't be read").wait_for()
        assert page.get_by_test_id("encoding").count() == 0
    page.locator("input[type=file]").set_input_files(picture(1))
    encoded(page)
    assert page.get_by_role("alert").count() == 0


def test_an_arrow_leads_back_to_a_cursor_outside_the_view(page, served):
    open_page(page, served, "#model=0")
    arrow = page.get_by_test_id("to-cursor")
    assert arrow.count() == 0
    page.keyboard.down("Shift")
    drag(page, [(0.9, 0.5), (1.6, 0.5)])  # the cursor moves out with the map
    page.keyboard.up("Shift")
    arrow.wait_for()
    box, map_ = arrow.bounding_box(), page.locator(".map").bounding_box()
    assert box["x"] + box["width"] > map_["x"] + map_["width"] - 30  # at the right edge
    cursor = address(page)
    arrow.focus()
    page.keyboard.press("Enter")
    arrow.wait_for(state="detached")
    ring = page.locator("circle.cursor").bounding_box()
    assert ring["x"] + ring["width"] / 2 == pytest.approx(map_["x"] + map_["width"] / 2, abs=2)
    page.keyboard.press("ArrowRight")  # the map has the focus
    assert address(page).get("x") != cursor.get("x")


def test_a_drawn_gaussian_starts_in_the_centre_of_the_view(page, served):
    far = {"v.x": "40", "v.y": "-30", "v.s": "900"}
    view = "&".join(f"{key}={value}" for key, value in far.items())
    open_page(page, served, f"#model=1&tool=gaussians&{view}")
    page.get_by_role("radio", name="Draw your own").click()
    map_ = page.locator(".map").bounding_box()
    centre = page.get_by_test_id("own-centre").bounding_box()
    middle = (map_["x"] + map_["width"] / 2, map_["y"] + map_["height"] / 2)
    assert (centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2) == (
        pytest.approx(middle, abs=2)
    )
    for name in ("own-major", "own-minor"):
        box = page.get_by_test_id(name).bounding_box()
        assert map_["x"] < box["x"] < map_["x"] + map_["width"]
        assert map_["y"] < box["y"] < map_["y"] + map_["height"]


def test_a_gap_layer_appears_early_and_shows_the_remaining_time(page, served, monkeypatch):
    """The computation is paused after its first parts, as for a slow model."""
    latent_map, resume, turns = served.registry[0].latent_map, threading.Event(), []
    real = latent_map.decoder.decode_scored
    latent_map.gap_layers._cache.clear()  # other tests may have filled it

    def slow(z, *args, **kwargs):
        turns.append(len(z))
        if turns.count(CHUNK_SIZE) > 24:
            resume.wait(10)
        return real(z, *args, **kwargs)

    monkeypatch.setattr(latent_map.decoder, "decode_scored", slow)
    open_page(page, served, "#model=0&v.x=0&v.y=0&v.s=30")
    page.get_by_label("Gaps").select_option("rarity")
    page.get_by_test_id("gaps").wait_for()
    bar = page.get_by_role("status").locator("progress")
    wait_until(page, "/about \\d+ s left/.test(document.querySelector('.progress').innerText)")
    assert 0 < float(bar.get_attribute("value")) < 1
    resume.set()
    bar.wait_for(state="detached")
    assert page.get_by_test_id("gaps").is_visible()
