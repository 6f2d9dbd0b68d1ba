"""Explore's paths between two latents, and the planes of its map, in a browser."""

import io
import re

import numpy as np
import torch
from PIL.GifImagePlugin import GifImageFile
from test_gaussians_page import address, run, same

from latentarium.latent.calibration import OFF_LEVEL, levels_of
from latentarium.models.inference import decode
from support.browser import (
    BROWSER_MARKS,
    canvas_summary,
    drag,
    open_page,
    pixels,
    wait_idle,
    wait_until,
)
from support.latent_scores import rate_latents_only

pytestmark = BROWSER_MARKS
AE = "#model=0&tool=path&p.a=i3&p.b=0.5,-1.25&p.steps=8"


def frames(page, name, steps=8):
    wait_until(page, f"document.querySelector('[data-testid=frame-{name}-0]')?.width > 0")
    wait_idle(page)
    return np.array([pixels(page, f"frame-{name}-{i}")[::4] for i in range(steps)])


def test_the_copied_code_reproduces_each_path(page, served):
    latent_map = served.registry[0].latent_map
    ends = latent_map.named_latent("i3"), latent_map.named_latent("0.5,-1.25")
    for name in ("linear", "spherical", "data"):
        open_page(page, served, f"{AE}&p.kind={name}")
        shown = frames(page, name)
        assert same(shown, decode(latent_map.model, latent_map.interpolator.path(*ends, 8, name)))
        assert same(shown, run(page, latent_map))
        line = page.get_by_test_id(f"line-{name}").get_attribute("points").split()
        assert len(line) == 8
        assert page.get_by_test_id(f"path-{name}").get_by_role("img").count() == 1
    assert page.get_by_test_id("name-a").inner_text() == "image #3"


def test_the_map_shrinks_for_the_strips_and_stays_complete(page, served):
    open_page(page, served)
    glyphs, map_ = page.locator(".map svg text"), page.locator(".map")
    tall = map_.bounding_box()["height"]
    page.get_by_role("radio", name="Path").click()
    frames(page, "data", 16)
    box = map_.bounding_box()
    assert box["height"] < tall
    for i in range(3):
        glyph = glyphs.nth(i).bounding_box()
        assert box["y"] < glyph["y"] < box["y"] + box["height"] - glyph["height"]
    assert page.get_by_test_id("name-b").inner_text() == "image #1"


def test_unusual_steps_of_a_path_are_named(page, served, monkeypatch):
    rate_latents_only(served.registry[0].latent_map, monkeypatch)
    open_page(page, served, "#model=0&tool=path&p.a=i3&p.b=300,300&p.steps=8")
    frames(page, "linear")
    decoded = served.registry[0].latent_map.decode_scored(
        served.registry[0].latent_map.named_latent("300,300")[None]
    )
    assert float(levels_of(decoded.scores)) == 0  # more unusual than every held-out image
    said = page.get_by_test_id("path-linear").get_by_test_id("unusual-steps").inner_text()
    assert said.startswith("unusual at step")
    assert said.endswith("8")
    latent_map = served.registry[0].latent_map
    z = torch.stack([latent_map.named_latent(f"i{k}") for k in range(60)])
    typical = int(levels_of(latent_map.decode_scored(z).scores).argmax())
    open_page(page, served, f"#model=0&tool=path&p.a=i{typical}&p.b=i{typical}&p.steps=8")
    frames(page, "linear")
    stays = page.get_by_test_id("path-linear").get_by_test_id("unusual-steps").inner_text()
    assert stays == "typical of the data throughout"


def test_frames_are_selected_and_played(page, served):
    open_page(page, served, AE)
    shown = frames(page, "spherical")
    section = page.get_by_test_id("path-spherical")
    section.get_by_role("button", name="Step 5 of 8").click()
    wait_idle(page)
    assert pixels(page)[::4] == shown[4].tolist()
    assert "Step 5 of 8" in page.locator("figcaption").first.inner_text()
    assert (address(page)["p.kind"], address(page)["p.at"]) == ("spherical", "4")
    section.get_by_role("button", name="Play").click()
    section.get_by_role("button", name="Step 6 of 8", pressed=True).wait_for()
    section.get_by_role("button", name="Pause").click()
    drag(page, [(0.5, 0.4)])  # the cursor moved, so its image is shown
    assert "Step" not in page.locator("figcaption").first.inner_text()


def test_a_strip_is_one_tab_stop_with_arrow_keys(page, served):
    open_page(page, served, AE)
    shown = frames(page, "linear")
    section = page.get_by_test_id("path-linear")
    assert section.locator(".frames button[tabindex='0']").count() == 1
    section.get_by_role("button", name="Step 3 of 8").click()
    page.keyboard.press("ArrowRight")
    wait_idle(page)
    assert pixels(page)[::4] == shown[3].tolist()
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "Step 4 of 8"
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # the last frame
    assert page.evaluate(focused) == "Step 8 of 8"
    page.keyboard.press("Tab")
    assert not (page.evaluate(focused) or "").startswith("Step")


def test_ends_are_moved_by_dragging_and_by_keys(page, served):
    open_page(page, served, AE)
    before = frames(page, "linear")
    box = page.get_by_test_id("end-a").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 30, steps=4)
    page.mouse.up()
    wait_idle(page)
    assert not np.array_equal(frames(page, "linear")[0], before[0])
    assert "," in address(page)["p.a"]
    page.locator(".map").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("b")
    now = address(page)
    assert now["p.b"] == f"{now['x']},{now.get('y', 0)}"
    page.get_by_role("button", name="A: nearest image").click()
    assert address(page)["p.a"].startswith("i")
    page.get_by_test_id("end-b").focus()
    page.keyboard.press("ArrowLeft")
    assert address(page)["p.b"] != now["p.b"]


def test_a_path_is_saved_as_a_gif(page, served):
    open_page(page, served, AE)
    frames(page, "data")
    with page.expect_download() as download:
        page.get_by_test_id("path-data").get_by_role("link", name="as a GIF").click()
    assert download.value.suggested_filename == "ae_debug-data-i3-0.5--1.25.gif"
    animation = GifImageFile(io.BytesIO(download.value.path().read_bytes()))
    assert animation.n_frames == 14


def test_a_gan_interpolates_latents_and_scores_the_images(page, served):
    latent_map = served.registry[3].latent_map
    open_page(
        page, served, "#model=3&tool=path&label=1&p.a=0,0&p.b=2.5,1&p.steps=8&p.kind=spherical"
    )
    shown = frames(page, "spherical")
    ends = latent_map.named_latent("0,0"), latent_map.named_latent("2.5,1")
    labels = torch.full((8,), 1)
    assert same(
        shown,
        decode(latent_map.model, latent_map.interpolator.path(*ends, 8, "spherical"), labels),
    )
    assert same(shown, run(page, latent_map))
    assert page.get_by_test_id("path-data").count() == 0
    steps = latent_map.interpolator.path(*ends, 8, "spherical")
    levels = levels_of(
        latent_map.decode_scored(steps, torch.nn.functional.one_hot(labels, 3).float()).scores
    )
    off = [str(i + 1) for i, level in enumerate(levels.tolist()) if level < OFF_LEVEL]
    said = page.get_by_test_id("path-spherical").get_by_test_id("unusual-steps").inner_text()
    if not off:
        assert said == "realistic throughout"
    else:
        assert said.startswith("unrealistic at step")
        assert (said.count("–") > 0) or re.split(r" at steps? ", said)[1].split(", ") == off
    assert "Spherical interpolation keeps this norm" in page.locator("aside").inner_text()
    page.get_by_role("radio", name="2", exact=True).click()
    wait_idle(page)
    assert not np.array_equal(frames(page, "spherical"), shown)


# ------------------------------------------------------------------------------------------ planes


def test_the_map_shows_a_plane_through_three_anchors(page, served):
    latent_map = served.registry[0].latent_map
    open_page(page, served, "#model=0&tool=plane")
    before = canvas_summary(page)
    assert "PCA plane" in page.get_by_test_id("caption").inner_text()
    page.get_by_role("radio", name="Through three anchors").click()
    page.get_by_text("Plane through mean of 0, mean of 1, mean of 2").wait_for()
    assert page.get_by_test_id("anchor-mark").all_text_contents() == ["1", "2", "3"]
    wait_idle(page)
    assert canvas_summary(page) != before
    page.get_by_role("button", name="Nearest image to the cursor").nth(1).click()
    page.get_by_text("Plane through mean of 0, image #").wait_for()
    name = address(page)["plane"]
    share = 100 * latent_map.named_plane(name).variance_share
    assert f"{share:.0f}\xa0% of the variance" in page.get_by_test_id("caption").inner_text()
    drag(page, [(0.6, 0.4)])
    wait_idle(page)
    now = address(page)
    plane = latent_map.named_plane(now["plane"])
    image = latent_map.decode_at(float(now["x"]), float(now["y"]), plane=plane)
    assert same(np.array([pixels(page)[::4]]), image)
    code = page.get_by_test_id("code-python").inner_text()
    assert f'plane="{name}"' in code
    open_page(page, served, "#" + page.url.split("#")[1])
    assert same(np.array([pixels(page)[::4]]), image)


def test_collinear_anchors_give_an_error_and_keep_the_map(page, served):
    open_page(page, served, "#model=0&tool=plane&plane=c0_c1_c2")
    before = canvas_summary(page)
    page.get_by_role("combobox", name="Anchor 2").select_option("c0")
    page.get_by_role("alert").wait_for()
    assert "one line" in page.get_by_role("alert").inner_text()
    assert canvas_summary(page) == before
    assert page.get_by_role("combobox", name="Anchor 2").input_value() == "c1"
    wait_idle(page)
    page.wait_for_timeout(200)  # for the messages of the console
    assert all("422" in line for line in page.problems)  # the browser logs the refused request
    page.problems.clear()


def test_paths_stay_on_the_selected_plane(page, served):
    open_page(page, served, "#model=0&tool=path&plane=c0_c1_c2&p.a=0,0&p.b=1.5,0.5&p.steps=8")
    latent_map = served.registry[0].latent_map
    plane = latent_map.named_plane("c0_c1_c2")
    ends = latent_map.named_latent("0,0", plane), latent_map.named_latent("1.5,0.5", plane)
    shown = frames(page, "linear")
    assert same(shown, decode(latent_map.model, latent_map.interpolator.path(*ends, 8, "linear")))
    assert same(shown, run(page, latent_map))
