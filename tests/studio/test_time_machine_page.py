"""The time machine in a browser: snapshots, playback, decoding and downloads."""

import io
import re

import numpy as np
from PIL import Image

from latentarium.data.dataset import to_uint8
from support.browser import (
    BROWSER_MARKS,
    address,
    canvas_summary,
    drag,
    execute_copied,
    open_page,
    pixels,
    tracked_page,
    wait_idle,
)

pytestmark = BROWSER_MARKS

RUNS = ("r", "r~2", "r~3", "r~4")
"""Ids in Train of the models of the registry, whose folders have the same name."""


def rewind(page, served, index, address=""):
    """Open the time machine of a model of the registry, and wait for its snapshots."""
    open_page(page, served, f"#tab=train&t.run={RUNS[index]}{address}")
    page.get_by_test_id("loaded").filter(has_text=re.compile(r"3 \D+ 3\b")).wait_for()
    page.locator(".map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    wait_idle(page)


def test_slider_map_samples_and_losses_fit_on_the_screen(page, served):
    rewind(page, served, 3)
    for width, height in ((1280, 800), (1366, 768), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        wait_idle(page)
        for part in (
            page.get_by_test_id("snapshot-slider"), page.locator(".map"),
            *(page.get_by_test_id(n) for n in ("samples", "decoded", "loss-generator")),
            page.get_by_test_id("loss-discriminator"), page.get_by_test_id("histogram").first,
        ):  # fmt: skip
            box = part.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height, (part, box)
            assert box["width"] > 100
    for number, share in ((3, 1.0), (1, 0.0)):  # the charts mark the selected step
        slide(page, number)
        mark = page.locator("[data-testid=loss-generator] .mark").bounding_box()
        chart = page.get_by_test_id("loss-generator").bounding_box()
        left, right = chart["x"] + 46, chart["x"] + chart["width"] - 18
        assert abs(mark["x"] + mark["width"] / 2 - (left + share * (right - left))) < 3


def slide(page, number):
    page.get_by_test_id("snapshot-slider").fill(str(number))
    wait_idle(page)


def test_slider_changes_map_samples_and_step(page, served):
    rewind(page, served, 1)
    assert page.get_by_test_id("snapshot").inner_text() == "step 40 · 100 %"
    shown = []
    for number, step in ((3, 40), (2, 1), (1, 0)):
        slide(page, number)
        assert page.get_by_test_id("snapshot").inner_text().startswith(f"step {step} ")
        # the end is not named, so that it can move while the run trains
        assert address(page).get("t.step") == (None if number == 3 else str(step))
        shown.append(
            [
                canvas_summary(page),
                *(pixels(page, n) for n in ("samples", "reconstructions", "decoded")),
            ]
        )
    for other in shown[1:]:
        assert all(a != b for a, b in zip(shown[0], other, strict=True))
    assert "m.at=1" in page.url
    assert page.locator("svg ellipse").count() == 6
    slide(page, 3)
    assert [canvas_summary(page), pixels(page, "samples")] == shown[0][:2]


def test_step_selected_on_a_chart_selects_the_nearest_snapshot(page, served):
    rewind(page, served, 1)
    slide(page, 1)
    page.get_by_test_id("loss-autoencoder").focus()
    page.keyboard.press("Home")
    page.get_by_test_id("snapshot").filter(has_text="step 40").wait_for()
    assert address(page)["t.step"] == "10"  # the selected step is kept


def test_dragging_decodes_with_the_weights_of_the_snapshot(page, served, tmp_path):
    rewind(page, served, 0, "&m.at=2")
    before = pixels(page)
    drag(page, [(0.3, 0.4), (0.35, 0.3)])
    assert pixels(page) != before
    place = address(page)
    x, y = float(place["m.x"]), float(place["m.y"])
    expected = to_uint8(served.registry.latent_map(0, 2).decode_at(x, y)).flatten()
    assert np.abs(np.array(pixels(page)[::4]) - expected.numpy()).max() <= 1
    page.locator(".decoded summary").click()  # the weakest measure is always visible
    assert page.locator(".decoded").get_by_test_id("distance").is_visible()
    names: dict = {}
    code = page.get_by_test_id("code-python").inner_text()
    assert "run.load(1)" in code
    # the images were arrays, which the copied code can't load
    code = code.replace("from_run(run, ", "from_run(run, data, ")
    names["data"] = served.registry[0].latent_map.data
    execute_copied(code, names, tmp_path)
    assert np.array_equal(to_uint8(names["image"]).flatten(), expected)


def test_playback_and_keyboard(page, served):
    rewind(page, served, 1, "&m.speed=4")
    page.keyboard.press("[")
    page.get_by_test_id("snapshot").filter(has_text="step 1 ").wait_for()
    page.keyboard.press("]")
    page.get_by_test_id("snapshot").filter(has_text="step 40 ").wait_for()
    page.keyboard.press("Space")
    page.get_by_test_id("snapshot").filter(has_text="step 0").wait_for()
    page.get_by_test_id("snapshot").filter(has_text="step 40").wait_for()
    page.locator("[data-testid=play][aria-pressed=false]").wait_for()


def test_conditional_gan_shows_its_seeds_in_each_snapshot(page, served):
    rewind(page, served, 3, "&m.label=1")
    columns = page.get_by_test_id("samples").evaluate("c => (c.width + 1) / 11")
    assert columns == 3  # one for each class
    wait_idle(page)
    last = [canvas_summary(page), pixels(page, "samples"), pixels(page, "decoded")]
    slide(page, 2)
    wait_idle(page)
    first = [canvas_summary(page), pixels(page, "samples"), pixels(page, "decoded")]
    assert all(a != b for a, b in zip(first, last, strict=True))
    page.get_by_role("radio", name="2", exact=True).click()
    wait_idle(page)
    assert pixels(page, "decoded") != first[2]
    assert 'label="2"' in page.get_by_test_id("code-python").inner_text()


def test_transition_between_maps_is_animated(browser, served):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = tracked_page(context)
    rewind(page, served, 1)
    count_frames = """() => new Promise((done) => {
      const canvas = document.querySelector('[data-testid=map]');
      const hashOfMap = () => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let hash = 0;
        for (let i = 0; i < data.length; i += 4) hash = (Math.imul(hash, 31) + data[i + 3]) | 0;
        return hash;
      };
      const frames = new Set();
      const input = document.querySelector('input[type=range]');
      input.value = '1';
      input.dispatchEvent(new Event('input', { bubbles: true }));
      const begun = performance.now();
      const frame = () => {
        frames.add(hashOfMap());
        if (performance.now() - begun < 500) requestAnimationFrame(frame); else done(frames.size);
      };
      frame();
    })"""
    assert page.evaluate(count_frames) > 4
    context.close()


def test_snapshots_are_saved_as_png_and_gif(page, served):
    rewind(page, served, 1)
    with page.expect_download() as download:
        page.get_by_test_id("save-png").click()
    strip = Image.open(download.value.path())
    assert strip.width == 3 * 228 - 8
    assert len(set(np.asarray(strip.convert("L")).flatten().tolist())) > 50
    with page.expect_download() as download:
        page.get_by_test_id("save-gif").click()
    animation = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert getattr(animation, "n_frames", 1) == 3


def test_model_without_snapshots_shows_how_to_save_them(page, served):
    bare = served.registry[0]
    page.route(
        "**/api/models", lambda route: route.fulfill(json=[bare.describe(0) | {"snapshots": []}])
    )
    open_page(page, served, "#tab=train&t.run=r")
    assert "--train.snapshots 24" in page.locator("article").inner_text()
