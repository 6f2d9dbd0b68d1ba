"""Explore's ways between two latents, and the planes of its map, in a browser."""

import io

import numpy as np
import torch
from PIL.GifImagePlugin import GifImageFile
from test_gaussians_page import address, run, same

from latentarium.latent.anchors import latent_of, plane_of
from latentarium.latent.calibration import OFF, levels_of
from latentarium.latent.interpolation import way
from latentarium.models.inference import decode
from pages import IN_A_BROWSER, drag, go, pixels, quiet, seen, until

pytestmark = IN_A_BROWSER
AE = "#model=0&tool=path&p.a=i3&p.b=0.5,-1.25&p.steps=8"


def frames(page, name, steps=8):
    until(page, f"document.querySelector('[data-testid=frame-{name}-0]')?.width > 0")
    quiet(page)
    return np.array([pixels(page, f"frame-{name}-{i}")[::4] for i in range(steps)])


def test_three_ways_join_two_places_and_python_makes_them(page, served):
    atlas = served.registry[0].atlas
    ends = latent_of(atlas, "i3"), latent_of(atlas, "0.5,-1.25")
    for name in ("straight", "spherical", "data"):
        go(page, served, f"{AE}&p.way={name}")
        shown = frames(page, name)
        assert same(shown, decode(atlas.model, way(atlas, name, *ends, 8)))
        assert same(shown, run(page, atlas))
        line = page.get_by_test_id(f"line-{name}").get_attribute("points").split()
        assert len(line) == 8
        assert page.get_by_test_id(f"way-{name}").get_by_role("img").count() == 1
    assert page.get_by_test_id("name-a").inner_text() == "image #3"


def test_the_map_makes_room_for_the_strips_and_is_still_whole(page, served):
    go(page, served)
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


def test_where_a_way_leaves_the_data_is_said(page, served):
    go(page, served, "#model=0&tool=path&p.a=i3&p.b=300,300&p.steps=8")
    frames(page, "straight")
    trust = served.registry[0].atlas.decoded(latent_of(served.registry[0].atlas, "300,300")[None])
    assert float(levels_of(trust.trust)) == 0  # as far out as nothing held out
    said = page.get_by_test_id("way-straight").get_by_test_id("leaves").inner_text()
    assert said.startswith("off the data at")
    assert said.endswith("8")
    go(page, served, "#model=0&tool=path&p.a=i3&p.b=i3&p.steps=8")
    frames(page, "straight")
    stays = page.get_by_test_id("way-straight").get_by_test_id("leaves").inner_text()
    assert stays == "stays with the data"


def test_a_frame_is_looked_at_and_played(page, served):
    go(page, served, AE)
    shown = frames(page, "spherical")
    section = page.get_by_test_id("way-spherical")
    section.get_by_role("button", name="Step 5 of 8").click()
    quiet(page)
    assert pixels(page)[::4] == shown[4].tolist()
    assert "Step 5 of 8" in page.locator("figcaption").first.inner_text()
    assert (address(page)["p.way"], address(page)["p.at"]) == ("spherical", "4")
    section.get_by_role("button", name="Play").click()
    section.get_by_role("button", name="Step 6 of 8", pressed=True).wait_for()
    section.get_by_role("button", name="Pause").click()
    drag(page, [(0.5, 0.4)])  # moved since: the cursor is what is looked at
    assert "Step" not in page.locator("figcaption").first.inner_text()


def test_a_strip_is_one_stop_with_arrows_within(page, served):
    go(page, served, AE)
    shown = frames(page, "straight")
    section = page.get_by_test_id("way-straight")
    assert section.locator(".frames button[tabindex='0']").count() == 1
    section.get_by_role("button", name="Step 3 of 8").click()
    page.keyboard.press("ArrowRight")
    quiet(page)
    assert pixels(page)[::4] == shown[3].tolist()
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "Step 4 of 8"
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # there is no more
    assert page.evaluate(focused) == "Step 8 of 8"
    page.keyboard.press("Tab")
    assert not (page.evaluate(focused) or "").startswith("Step")


def test_ends_are_dragged_and_put_by_keys(page, served):
    go(page, served, AE)
    before = frames(page, "straight")
    box = page.get_by_test_id("end-a").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 30, steps=4)
    page.mouse.up()
    quiet(page)
    assert not np.array_equal(frames(page, "straight")[0], before[0])
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


def test_a_way_is_saved_as_a_film(page, served):
    go(page, served, AE)
    frames(page, "data")
    with page.expect_download() as download:
        page.get_by_test_id("way-data").get_by_role("link", name="as a GIF").click()
    assert download.value.suggested_filename == "ae_debug-data-i3-0.5--1.25.gif"
    film = GifImageFile(io.BytesIO(download.value.path().read_bytes()))
    assert film.n_frames == 14


def test_a_gan_goes_by_whole_latents_and_is_judged_by_its_images(page, served):
    atlas = served.registry[3].atlas
    go(page, served, "#model=3&tool=path&label=1&p.a=0,0&p.b=2.5,1&p.steps=8&p.way=spherical")
    shown = frames(page, "spherical")
    ends = latent_of(atlas, "0,0"), latent_of(atlas, "2.5,1")
    labels = torch.full((8,), 1)
    assert same(shown, decode(atlas.model, way(atlas, "spherical", *ends, 8), labels))
    assert same(shown, run(page, atlas))
    assert page.get_by_test_id("way-data").count() == 0
    steps = way(atlas, "spherical", *ends, 8)
    levels = levels_of(atlas.decoded(steps, torch.nn.functional.one_hot(labels, 3).float()).trust)
    off = [str(i + 1) for i, level in enumerate(levels.tolist()) if level < OFF]
    said = page.get_by_test_id("way-spherical").get_by_test_id("leaves").inner_text()
    if not off:
        assert said == "like real images all along"
    else:
        assert said.startswith("unlike real images at")
        assert (said.count("–") > 0) or said.split(" at ")[1].split(", ") == off
    assert "The spherical way keeps it" in page.locator("aside").inner_text()
    page.get_by_role("radio", name="2", exact=True).click()
    quiet(page)
    assert not np.array_equal(frames(page, "spherical"), shown)


# ------------------------------------------------------------------------------------------ planes


def test_the_map_turns_to_a_plane_through_three_anchors(page, served):
    atlas = served.registry[0].atlas
    go(page, served, "#model=0&tool=plane")
    before = seen(page)
    assert "PCA plane" in page.get_by_test_id("caption").inner_text()
    page.get_by_role("radio", name="Through three anchors").click()
    page.get_by_text("Plane through mean of 0, mean of 1, mean of 2").wait_for()
    assert page.get_by_test_id("anchor-mark").all_text_contents() == ["1", "2", "3"]
    quiet(page)
    assert seen(page) != before
    page.get_by_role("button", name="Nearest image to the cursor").nth(1).click()
    page.get_by_text("Plane through mean of 0, image #").wait_for()
    name = address(page)["plane"]
    share = 100 * plane_of(atlas, name).variance_share
    assert f"{share:.0f} % of the variance" in page.get_by_test_id("caption").inner_text()
    drag(page, [(0.6, 0.4)])
    quiet(page)
    now = address(page)
    plane = plane_of(atlas, now["plane"])
    image = atlas.decode_at(float(now["x"]), float(now["y"]), plane=plane)
    assert same(np.array([pixels(page)[::4]]), image)
    code = page.get_by_test_id("code-python").inner_text()
    assert f'plane = plane_of(atlas, "{name}")' in code
    go(page, served, "#" + page.url.split("#")[1])
    assert same(np.array([pixels(page)[::4]]), image)


def test_anchors_on_one_line_are_a_sentence_and_the_map_stays(page, served):
    go(page, served, "#model=0&tool=plane&plane=c0_c1_c2")
    before = seen(page)
    page.get_by_role("combobox", name="Anchor 2").select_option("c0")
    page.get_by_role("alert").wait_for()
    assert "one line" in page.get_by_role("alert").inner_text()
    assert seen(page) == before
    assert page.get_by_role("combobox", name="Anchor 2").input_value() == "c1"
    assert all("422" in line for line in page.trouble)  # what the browser says of a refusal
    page.trouble.clear()


def test_ways_and_draws_lie_on_the_plane_too(page, served):
    go(page, served, "#model=0&tool=path&plane=c0_c1_c2&p.a=0,0&p.b=1.5,0.5&p.steps=8")
    atlas = served.registry[0].atlas
    plane = plane_of(atlas, "c0_c1_c2")
    ends = latent_of(atlas, "0,0", plane), latent_of(atlas, "1.5,0.5", plane)
    shown = frames(page, "straight")
    assert same(shown, decode(atlas.model, way(atlas, "straight", *ends, 8)))
    assert same(shown, run(page, atlas))
