"""Explore's Gaussians in a browser: samples of a class, of all images, and of a drawn ellipse."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from latentarium.latent.gaussians import Ellipse
from latentarium.models.inference import decode
from support.browser import BROWSER_MARKS, address, open_page, pixels, run_copied, wait_idle

pytestmark = BROWSER_MARKS
VAE = "#model=1&tool=gaussians"


def sampled(page):
    """Return the images of the grid, a row of grey values each, once the samples are scored."""
    wait_idle(page)
    page.get_by_test_id("sample-scores").get_by_text("Of 400 samples").wait_for()
    return np.array([pixels(page, f"sample-{i}")[::4] for i in range(25)])


def greys(images):
    return ((images.flatten(1) + 1) * 127.5).round().numpy()


def same(shown, images):
    return np.abs(shown - greys(images)).max() <= 1


def run(page, latent_map):
    """Run the copied Python on the images of the test."""
    code = page.get_by_test_id("code-python").inner_text()
    with TemporaryDirectory() as folder:
        return run_copied(code, latent_map.data, Path(folder))["images"]


def test_clicking_a_class_samples_from_its_gaussian(page, served):
    latent_map = served.registry[1].latent_map
    open_page(page, served, VAE)
    before = sampled(page)
    assert same(before, decode(latent_map.model, latent_map.class_latents(0)[:25]))
    glyph = page.locator(".map svg text", has_text="2").bounding_box()
    page.mouse.click(glyph["x"] + glyph["width"] / 2, glyph["y"] + glyph["height"] / 2)
    chosen = page.get_by_role("radio", name="2", exact=True)
    assert chosen.get_attribute("aria-checked") == "true"
    shown = sampled(page)
    assert same(shown, decode(latent_map.model, latent_map.class_latents(2)[:25]))
    assert same(shown, run(page, latent_map))
    assert "the Gaussian of 2" in page.locator("aside").inner_text()
    assert "unusual" in page.get_by_test_id("sample-scores").inner_text()
    assert address(page)["gauss.of"] == "2"


def test_seed_and_temperature_are_in_the_address(page, served):
    latent_map = served.registry[1].latent_map
    open_page(page, served, VAE + "&gauss.of=1&gauss.seed=7&gauss.t=0.5")
    shown = sampled(page)
    assert same(
        shown, decode(latent_map.model, latent_map.class_latents(1, seed=7, truncation=0.5)[:25])
    )
    page.get_by_role("button", name="Resample").click()
    assert not np.array_equal(sampled(page), shown)
    assert address(page)["gauss.seed"] == "8"
    page.get_by_role("slider", name="Temperature").fill("0")
    assert np.ptp(sampled(page), axis=0).max() == 0
    assert address(page)["gauss.t"] == "0"


def test_one_gaussian_for_all_images(page, served):
    latent_map = served.registry[1].latent_map
    open_page(page, served, VAE)
    page.get_by_role("radio", name="All: one Gaussian").click()
    shown = sampled(page)
    assert same(shown, decode(latent_map.model, latent_map.gaussian_latents()[:25]))
    assert same(shown, run(page, latent_map))
    assert "several modes" in page.locator("aside").inner_text()


def test_the_drawn_gaussian_follows_its_handles(page, served):
    latent_map = served.registry[1].latent_map
    open_page(page, served, VAE + "&gauss.of=1")
    page.get_by_role("radio", name="Draw your own").click()
    first = sampled(page)
    assert "All samples are on this plane" in page.locator("aside").inner_text()
    start = address(page)
    box = page.get_by_test_id("own-centre").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] - 40, steps=4)
    page.mouse.up()
    moved = sampled(page)
    assert not np.array_equal(moved, first)
    now = address(page)
    assert float(now["gauss.x"]) > float(start["gauss.x"])
    assert float(now["gauss.y"]) > float(start["gauss.y"])
    assert "x" not in now  # the cursor of the map doesn't move
    page.get_by_test_id("own-major").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    assert address(page)["gauss.major"] != now["gauss.major"]
    page.get_by_test_id("own-minor").focus()
    page.keyboard.press("Shift+ArrowUp")
    assert address(page)["gauss.minor"] != now["gauss.minor"]
    shown = sampled(page)
    assert same(shown, run(page, latent_map))
    open_page(page, served, "#" + page.url.split("#")[1])  # the address restores it
    assert np.array_equal(sampled(page), shown)


def test_dragging_a_handle_needs_no_request_but_the_decoding(page, served):
    asked, frames = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: frames.append(frame)))
    shape = "&gauss.x=0.3&gauss.y=-0.2&gauss.major=0.7&gauss.minor=0.3&gauss.angle=0.6"
    open_page(page, served, f"{VAE}&gauss.of=own&gauss.t=0.7{shape}")
    sampled(page)
    asked.clear()
    page.get_by_test_id("own-centre").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    there = address(page)
    assert [url for url in asked if "/api/" in url and "assessment" not in url] == []
    x, y, major, minor, angle = (
        float(there[f"gauss.{key}"]) for key in ("x", "y", "major", "minor", "angle")
    )
    own = Ellipse(centre=(x, y), major=major, minor=minor, angle=angle, sigmas=1.0)
    z = (
        served.registry[1]
        .latent_map.ellipse_latents(
            own.centre, own.major, own.minor, own.angle, seed=0, truncation=0.7
        )[:25]
        .numpy()
    )
    sent = [f for f in frames if isinstance(f, bytes) and len(f) == 12 + z.nbytes]
    np.testing.assert_array_equal(np.frombuffer(sent[-1][12:], "<f4").reshape(z.shape), z)


def test_hovering_a_sample_highlights_it_on_the_map(page, served):
    open_page(page, served, VAE)
    sampled(page)
    dot = page.locator(".dot.hovered")
    assert not dot.get_attribute("d")
    page.get_by_test_id("sample-7").hover()
    z = served.registry[1].latent_map.class_latents(0)[7:8]
    x, y = served.registry[1].latent_map.plane.project(z)[0].tolist()
    glyph = served.registry[1].latent_map.ellipses()[0][0].centre
    place = page.locator(".map svg text", has_text="0").first
    scale_x = float(dot.get_attribute("d")[1:].split()[0]) - float(place.get_attribute("x"))
    assert np.sign(scale_x) == np.sign(x - glyph[0])
    assert torch.isfinite(torch.tensor(y))


def test_a_model_without_encoder_offers_no_gaussians(page, served):
    open_page(page, served, "#model=2&tool=gaussians")
    names = page.get_by_role("radiogroup", name="Tools").get_by_role("radio").all_inner_texts()
    assert "Gaussians" not in names
    assert "Plane" not in names
