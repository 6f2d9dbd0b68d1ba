"""What an address carries to another browser, and what is out of sight, in a browser."""

import base64
import io
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from latentarium.latent import gap_layer
from latentarium.latent.scores import AT_ONCE
from pages import IN_A_BROWSER, address, drag, go, pixels, quiet, until, watched

pytestmark = IN_A_BROWSER
DRAW = "#tab=explore&model=1&tool=draw"


def picture(seed=0, size=(40, 40)):
    """A file that is not of the model's shape."""
    values = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    image = Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)
    content = io.BytesIO()
    image.save(content, "PNG")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": content.getvalue()}


def landed(page):
    """Where, next to whom, and what the model sees."""
    quiet(page)
    page.get_by_test_id("landing").wait_for(state="attached")
    mark = page.get_by_test_id("landing")
    neighbours = page.get_by_test_id("neighbours").locator("li").all()
    names = [one.get_attribute("title") for one in neighbours]
    return (
        mark.get_attribute("data-x"),
        names,
        pixels(page, "seen"),
        pixels(page, "reconstruction"),
    )


def test_a_file_is_in_the_address_and_elsewhere_the_same(page, served, browser):
    go(page, served, DRAW)
    page.locator("input[type=file]").set_input_files(picture())
    until(page, "location.hash.includes('pad.image=1.12.10.')")
    page.get_by_role("button", name="Negative").click()
    there = landed(page)
    until(page, f"location.hash.includes({address(page)['pad.image']!r})")
    hash_ = page.url.split("#")[1]
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    other = watched(context)
    go(other, served, "#tab=explore&" + hash_)
    until(other, "document.querySelector('[data-testid=seen]')?.width > 0")
    assert landed(other) == there
    other.get_by_role("button", name="Clear").click()
    until(other, "!location.hash.includes('pad.image')")
    context.close()


def packed(content, shape="1.12.10", wbits=-15):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    text = base64.urlsafe_b64encode(squeeze.compress(content) + squeeze.flush()).decode()
    return f"{shape}.{text.rstrip('=')}"


def test_whatever_the_address_says_is_an_image_or_a_sentence(page, served):
    """Cut, of another shape, no deflate, and ten megabytes of zeros in ten kilobytes."""
    good = packed(bytes(range(120)))
    go(page, served, f"{DRAW}&pad.image={good}")
    until(page, "document.querySelector('[data-testid=seen]')?.width > 0")
    assert pixels(page, "seen")[::4] == list(range(120))
    for bad in (
        good[:-4], packed(bytes(119)), packed(bytes(120), "1.10.12"), packed(bytes(120), wbits=15),
        packed(bytes(10_000_000)), "1.12.10.!!", good + "A" * 20_000, "1e9.1e9.1e9.AA",
    ):  # fmt: skip
        go(page, served, f"{DRAW}&pad.image={bad}")
        page.get_by_role("alert").get_by_text("can't be read").wait_for()
        assert page.get_by_test_id("landing").count() == 0
    page.locator("input[type=file]").set_input_files(picture(1))
    landed(page)
    assert page.get_by_role("alert").count() == 0


def test_a_cursor_out_of_sight_is_pointed_at_and_led_back_to(page, served):
    go(page, served, "#model=0")
    arrow = page.get_by_test_id("to-cursor")
    assert arrow.count() == 0
    page.keyboard.down("Shift")
    drag(page, [(0.9, 0.5), (1.6, 0.5)])  # to the right: the cursor leaves with the map
    page.keyboard.up("Shift")
    arrow.wait_for()
    box, map_ = arrow.bounding_box(), page.locator(".map").bounding_box()
    assert box["x"] + box["width"] > map_["x"] + map_["width"] - 30  # at the right rim
    cursor = address(page)
    arrow.focus()
    page.keyboard.press("Enter")
    arrow.wait_for(state="detached")
    ring = page.locator("circle.cursor").bounding_box()
    assert ring["x"] + ring["width"] / 2 == pytest.approx(map_["x"] + map_["width"] / 2, abs=2)
    page.keyboard.press("ArrowRight")  # the map has the focus
    assert address(page).get("x") != cursor.get("x")


def test_ones_own_gaussian_begins_where_one_looks(page, served):
    far = {"v.x": "40", "v.y": "-30", "v.s": "900"}
    view = "&".join(f"{key}={value}" for key, value in far.items())
    go(page, served, f"#model=1&tool=gaussians&{view}")
    page.get_by_role("radio", name="Make your own").click()
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


def test_a_layer_is_seen_before_it_is_whole_and_says_how_long_it_takes(page, served, monkeypatch):
    """Held after its first lines, as a slow model would hold it."""
    atlas, goes_on, turns = served.registry[0].atlas, threading.Event(), []
    real = atlas.decoded
    gap_layer._kept.pop(atlas, None)  # what other tests have seen

    def slow(z, *given, **more):
        turns.append(len(z))
        if turns.count(AT_ONCE) > 6:
            goes_on.wait(10)
        return real(z, *given, **more)

    monkeypatch.setattr(atlas, "decoded", slow)
    go(page, served, "#model=0&v.x=0&v.y=0&v.s=30")
    page.get_by_label("Gaps").select_option("trust")
    page.get_by_test_id("gaps").wait_for()
    bar = page.get_by_role("status").locator("progress")
    until(page, "/about \\d+ s left/.test(document.querySelector('.layering').innerText)")
    assert 0 < float(bar.get_attribute("value")) < 1
    goes_on.set()
    bar.wait_for(state="detached")
    assert page.get_by_test_id("gaps").is_visible()
