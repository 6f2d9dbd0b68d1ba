"""Explore's Gaussians in a browser: draws of a class, of all, and of one's own."""

import numpy as np
import torch

from latentarium.latent.gaussian_samples import of_all, of_class, of_ellipse
from latentarium.latent.gaussians import Ellipse
from latentarium.models.inference import decode
from pages import IN_A_BROWSER, address, go, pixels, quiet

pytestmark = IN_A_BROWSER
VAE = "#model=1&tool=gaussians"


def drawn(page):
    """The grid's images, one row of grey values each; waits for the draws' numbers first."""
    quiet(page)
    page.get_by_test_id("draws-verdict").get_by_text("Of 400 draws").wait_for()
    return np.array([pixels(page, f"draw-{i}")[::4] for i in range(25)])


def greys(images):
    return ((images.flatten(1) + 1) * 127.5).round().numpy()


def same(shown, images):
    return np.abs(shown - greys(images)).max() <= 1


def run(page, atlas):
    """What the copied Python makes; the images are those of the test."""
    code = page.get_by_test_id("code-python").inner_text()
    loads = next(line for line in code.splitlines() if "load_data" in line)
    code = code.replace(loads, "atlas = Atlas(model, data)")
    found = {"data": atlas.data}
    exec(code, found)
    return found["images"]


def test_a_click_on_a_class_draws_from_its_gaussian(page, served):
    atlas = served.registry[1].atlas
    go(page, served, VAE)
    before = drawn(page)
    assert same(before, decode(atlas.model, of_class(atlas, 0)[:25]))
    glyph = page.locator(".map svg text", has_text="2").bounding_box()
    page.mouse.click(glyph["x"] + glyph["width"] / 2, glyph["y"] + glyph["height"] / 2)
    chosen = page.get_by_role("radio", name="2", exact=True)
    assert chosen.get_attribute("aria-checked") == "true"
    shown = drawn(page)
    assert same(shown, decode(atlas.model, of_class(atlas, 2)[:25]))
    assert same(shown, run(page, atlas))
    assert "2's Gaussian" in page.locator("aside").inner_text()
    assert "off the data" in page.get_by_test_id("draws-verdict").inner_text()
    assert address(page)["gauss.of"] == "2"


def test_seed_and_temperature_are_in_the_address_and_cold_draws_are_one(page, served):
    atlas = served.registry[1].atlas
    go(page, served, VAE + "&gauss.of=1&gauss.seed=7&gauss.t=0.5")
    shown = drawn(page)
    assert same(shown, decode(atlas.model, of_class(atlas, 1, 7, 0.5)[:25]))
    page.get_by_role("button", name="New draws").click()
    assert not np.array_equal(drawn(page), shown)
    assert address(page)["gauss.seed"] == "8"
    page.get_by_role("slider", name="Temperature").fill("0")
    assert np.ptp(drawn(page), axis=0).max() == 0
    assert address(page)["gauss.t"] == "0"


def test_one_gaussian_for_all_is_beside_them(page, served):
    atlas = served.registry[1].atlas
    go(page, served, VAE)
    page.get_by_role("radio", name="All: one Gaussian").click()
    shown = drawn(page)
    assert same(shown, decode(atlas.model, of_all(atlas)[:25]))
    assert same(shown, run(page, atlas))
    assert "several modes" in page.locator("aside").inner_text()


def test_ones_own_gaussian_follows_its_handles(page, served):
    atlas = served.registry[1].atlas
    go(page, served, VAE + "&gauss.of=1")
    page.get_by_role("radio", name="Make your own").click()
    first = drawn(page)
    assert "stays at the plane's origin" in page.locator("aside").inner_text()
    start = address(page)
    box = page.get_by_test_id("own-centre").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] - 40, steps=4)
    page.mouse.up()
    moved = drawn(page)
    assert not np.array_equal(moved, first)
    now = address(page)
    assert float(now["gauss.x"]) > float(start["gauss.x"])
    assert float(now["gauss.y"]) > float(start["gauss.y"])
    assert "x" not in now  # the cursor of the map stayed
    page.get_by_test_id("own-major").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    assert address(page)["gauss.major"] != now["gauss.major"]
    page.get_by_test_id("own-minor").focus()
    page.keyboard.press("Shift+ArrowUp")
    assert address(page)["gauss.minor"] != now["gauss.minor"]
    shown = drawn(page)
    assert same(shown, run(page, atlas))
    go(page, served, "#" + page.url.split("#")[1])  # it opens as it was
    assert np.array_equal(drawn(page), shown)


def test_ones_own_draws_cost_one_decode_and_are_those_of_the_python(page, served):
    asked, frames = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: frames.append(frame)))
    shape = "&gauss.x=0.3&gauss.y=-0.2&gauss.major=0.7&gauss.minor=0.3&gauss.angle=0.6"
    go(page, served, f"{VAE}&gauss.of=own&gauss.t=0.7{shape}")
    drawn(page)
    asked.clear()
    page.get_by_test_id("own-centre").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    there = address(page)
    assert [url for url in asked if "/api/" in url and "verdict" not in url] == []
    x, y, major, minor, angle = (
        float(there[f"gauss.{key}"]) for key in ("x", "y", "major", "minor", "angle")
    )
    own = Ellipse(centre=(x, y), major=major, minor=minor, angle=angle, sigmas=1.0)
    z = of_ellipse(served.registry[1].atlas, own, 0, 0.7)[:25].numpy()
    sent = [f for f in frames if isinstance(f, bytes) and len(f) == 12 + z.nbytes]
    np.testing.assert_array_equal(np.frombuffer(sent[-1][12:], "<f4").reshape(z.shape), z)


def test_the_draw_under_the_pointer_is_shown_on_the_map(page, served):
    go(page, served, VAE)
    drawn(page)
    hot = page.locator(".dot.hot")
    assert not hot.get_attribute("d")
    page.get_by_test_id("draw-7").hover()
    z = of_class(served.registry[1].atlas, 0)[7:8]
    x, y = served.registry[1].atlas.plane.project(z)[0].tolist()
    glyph = served.registry[1].atlas.ellipses()[0][0].centre
    place = page.locator(".map svg text", has_text="0").first
    scale_x = float(hot.get_attribute("d")[1:].split()[0]) - float(place.get_attribute("x"))
    assert np.sign(scale_x) == np.sign(x - glyph[0])
    assert torch.isfinite(torch.tensor(y))


def test_a_model_without_encoder_has_no_gaussians(page, served):
    go(page, served, "#model=2&tool=gaussians")
    names = page.get_by_role("radiogroup", name="Tools").get_by_role("radio").all_inner_texts()
    assert "Gaussians" not in names
    assert "Plane" not in names
