"""The time machine in a browser: what a person does, and what they then see."""

import io

import numpy as np
from PIL import Image

from latentarium.data.dataset import to_uint8
from pages import IN_A_BROWSER, address, drag, go, pixels, quiet, seen, watched

pytestmark = IN_A_BROWSER

RUNS = ("r", "r~2", "r~3", "r~4")
"""What Train calls those of the registry, whose folders all have one name."""


def rewind(page, served, index, address=""):
    """Opens the time machine of a model of the registry, and waits for its moments."""
    go(page, served, f"#tab=train&t.run={RUNS[index]}{address}")
    page.get_by_test_id("loaded").filter(has_text="3 of 3 moments").wait_for()
    page.locator(".map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    quiet(page)


def test_slider_map_samples_and_losses_are_seen_at_once(page, served):
    rewind(page, served, 3)
    for width, height in ((1280, 800), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        quiet(page)
        for part in (
            page.get_by_label("Moment of the training"), page.locator(".map"),
            *(page.get_by_test_id(n) for n in ("samples", "decoded", "loss-generator")),
            page.get_by_test_id("loss-discriminator"), page.get_by_test_id("histogram").first,
        ):  # fmt: skip
            box = part.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height, (part, box)
            assert box["width"] > 100
    for moment, share in ((3, 1.0), (1, 0.0)):  # the charts have a mark at the step
        slide(page, moment)
        mark = page.locator("[data-testid=loss-generator] line.at").bounding_box()
        chart = page.get_by_test_id("loss-generator").bounding_box()
        left, right = chart["x"] + 46, chart["x"] + chart["width"] - 18
        assert abs(mark["x"] + mark["width"] / 2 - (left + share * (right - left))) < 3


def slide(page, moment):
    page.get_by_label("Moment of the training").fill(str(moment))
    quiet(page)


def test_one_slider_scrubs_the_map_the_samples_and_the_step(page, served):
    rewind(page, served, 1)
    assert page.get_by_test_id("moment").inner_text() == "step 40 · 100 %"
    shown = []
    for moment, step in ((3, 40), (2, 1), (1, 0)):
        slide(page, moment)
        assert page.get_by_test_id("moment").inner_text().startswith(f"step {step} ")
        # the last one, whichever that is by and by, is none that the address names
        assert address(page).get("t.step") == (None if moment == 3 else str(step))
        shown.append([seen(page), *(pixels(page, n) for n in ("samples", "rebuilt", "decoded"))])
    for one, two in ((0, 1), (0, 2)):
        assert all(a != b for a, b in zip(shown[one], shown[two], strict=True))
    assert "m.at=1" in page.url
    assert page.locator("svg ellipse").count() == 6
    slide(page, 3)
    assert [seen(page), pixels(page, "samples")] == shown[0][:2]


def test_a_step_that_is_set_elsewhere_puts_the_slider_at_the_nearest_moment(page, served):
    rewind(page, served, 1)
    slide(page, 1)
    page.get_by_test_id("loss-autoencoder").focus()
    page.keyboard.press("Home")
    page.get_by_test_id("moment").filter(has_text="step 40").wait_for()
    assert address(page)["t.step"] == "10"  # which stays where it was put


def test_dragging_decodes_with_the_weights_of_the_moment(page, served):
    rewind(page, served, 0, "&m.at=2")
    before = pixels(page)
    drag(page, [(0.3, 0.4), (0.35, 0.3)])
    assert pixels(page) != before
    place = address(page)
    x, y = float(place["m.x"]), float(place["m.y"])
    expected = to_uint8(served.registry.atlas(0, 2).decode_at(x, y)).flatten()
    assert np.abs(np.array(pixels(page)[::4]) - expected.numpy()).max() <= 1
    assert "Of held-out images" in page.locator(".place").inner_text()
    names: dict = {}
    code = page.get_by_test_id("code-python").inner_text()
    assert "run.load(1)" in code
    # these images were arrays, which no code can load
    code = code.replace(served.registry[0].data_code(), "data")
    names["data"] = served.registry[0].atlas.data
    exec(code, names)
    assert np.array_equal(to_uint8(names["image"]).flatten(), expected)


def test_it_plays_and_keys_step(page, served):
    rewind(page, served, 1, "&m.speed=4")
    page.keyboard.press("[")
    page.get_by_test_id("moment").filter(has_text="step 1 ").wait_for()
    page.keyboard.press("]")
    page.get_by_test_id("moment").filter(has_text="step 40 ").wait_for()
    page.keyboard.press("Space")
    page.get_by_test_id("moment").filter(has_text="step 0").wait_for()
    page.get_by_test_id("moment").filter(has_text="step 40").wait_for()
    page.get_by_role("button", name="▶ Play").wait_for()


def test_a_conditional_gan_shows_its_seeds_at_each_moment(page, served):
    rewind(page, served, 3, "&m.label=1")
    assert "a column for each class" in page.locator(".scene").inner_text()
    quiet(page)
    last = [seen(page), pixels(page, "samples"), pixels(page, "decoded")]
    slide(page, 2)
    quiet(page)
    first = [seen(page), pixels(page, "samples"), pixels(page, "decoded")]
    assert all(a != b for a, b in zip(first, last, strict=True))
    page.get_by_role("radio", name="2", exact=True).click()
    quiet(page)
    assert pixels(page, "decoded") != first[2]
    assert 'label="2"' in page.get_by_test_id("code-python").inner_text()


def test_points_swim_unless_motion_is_reduced(browser, served):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = watched(context)
    rewind(page, served, 1)
    count = """() => new Promise((done) => {
      const canvas = document.querySelector('[data-testid=map]');
      const look = () => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let hash = 0;
        for (let i = 0; i < data.length; i += 4) hash = (Math.imul(hash, 31) + data[i + 3]) | 0;
        return hash;
      };
      const found = new Set();
      const input = document.querySelector('input[type=range]');
      input.value = '1';
      input.dispatchEvent(new Event('input', { bubbles: true }));
      const begun = performance.now();
      const frame = () => {
        found.add(look());
        if (performance.now() - begun < 500) requestAnimationFrame(frame); else done(found.size);
      };
      frame();
    })"""
    assert page.evaluate(count) > 4
    context.close()


def test_all_moments_are_saved_as_pictures(page, served):
    rewind(page, served, 1)
    with page.expect_download() as taken:
        page.get_by_role("button", name="All moments as PNG").click()
    strip = Image.open(taken.value.path())
    assert strip.width == 3 * 228 - 8
    assert len(set(np.asarray(strip.convert("L")).flatten().tolist())) > 50
    with page.expect_download() as taken:
        page.get_by_role("button", name="All moments as GIF").click()
    film = Image.open(io.BytesIO(taken.value.path().read_bytes()))
    assert getattr(film, "n_frames", 1) == 3


def test_a_model_without_moments_says_how_to_get_them(page, served):
    bare = served.registry[0]
    page.route(
        "**/api/models", lambda route: route.fulfill(json=[bare.describe(0) | {"snapshots": []}])
    )
    go(page, served, "#tab=train&t.run=r")
    assert "--train.snapshots 24" in page.locator("article").inner_text()
