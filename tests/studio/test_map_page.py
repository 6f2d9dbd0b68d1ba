"""What the map shows: classes, the image of a number, larger points, names; and forced colours."""

import itertools

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from support.browser import (
    BROWSER_MARKS,
    StudioServer,
    address,
    canvas_summary,
    open_page,
    pixels,
    studio_of,
    tracked_page,
    wait_idle,
    wait_ready,
    wait_until,
)
from support.tiny import tiny_arrays

pytestmark = BROWSER_MARKS
CLASSES = "[data-testid=classes] .class"
OUTLINE = 4
"""Pixels by which the outline of a name extends its box on each side."""


def test_classes_are_hidden_and_shown_by_pointer_and_keyboard(page, served):
    open_page(page, served, "#model=0&v.x=0&v.y=0&v.s=30")
    everything = canvas_summary(page)["painted"]
    assert page.locator(".map svg ellipse").count() == 6
    page.locator(CLASSES).nth(1).click()
    assert address(page)["hide"] == "1"
    some = canvas_summary(page)["painted"]
    assert 0 < some < everything
    assert page.locator(".map svg ellipse").count() == 4
    assert page.locator(".map svg text").all_text_contents() == ["0", "2"]
    page.keyboard.press("ArrowRight")  # the legend is one tab stop
    page.keyboard.press("Enter")
    assert address(page)["hide"] == "1.2"
    assert page.locator(CLASSES).nth(2).get_attribute("aria-pressed") == "false"
    page.reload()
    wait_until(page, "document.querySelector('[data-testid=decoded]')?.width > 0")
    page.locator(".map svg text").first.wait_for()  # the Gaussians come after the image
    assert page.locator(".map svg text").all_text_contents() == ["0"]
    page.locator(CLASSES).nth(2).click(modifiers=["Shift"])
    assert address(page)["hide"] == "0.1"
    page.get_by_role("button", name="Show all").click()
    assert "hide" not in address(page)
    assert canvas_summary(page)["painted"] == everything
    open_page(page, served, "#model=0&hide=7.x.2.-1.2&points=9&image=360")  # partly invalid
    there = address(page)
    assert there["hide"] == "2"
    assert not {"points", "image"} & there.keys()


def test_the_pointer_finds_no_point_of_a_hidden_class(page, served):
    latent_map = served.registry[0].latent_map
    number = 7
    x, y = latent_map.points()[number]
    label = int(latent_map.encoded.class_numbers()[number])
    others = ".".join(str(c) for c in range(3) if c != label)
    for hidden, found in ((others, True), ("0.1.2", False)):
        open_page(page, served, f"#model=0&hide={hidden}&v.x={x}&v.y={y}&v.s=3000&ellipses=0")
        box = page.locator(".map").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        wait_idle(page)
        assert (page.get_by_test_id("hovered").count() == 1) == found
    assert canvas_summary(page)["painted"] == 0


def test_the_image_of_a_number_is_shown_and_marked(page, served):
    latent_map = served.registry[1].latent_map
    open_page(page, served, "#model=1")
    field = page.get_by_test_id("image-number")
    field.fill("355")
    field.press("Enter")
    there = address(page)
    assert there["image"] == "355"
    x, y = latent_map.points()[355]
    assert (float(there["x"]), float(there["y"])) == pytest.approx((x, y), abs=1e-4)
    label = latent_map.encoded.class_numbers()[355]
    assert page.get_by_test_id("image-note").inner_text() == f"class {label}, held-out image"
    shown = pixels(page, "selected-image")[::4]
    assert shown == latent_map.image(355).flatten().tolist()
    mark = page.get_by_test_id("marked").locator("rect").first.bounding_box()
    cursor = page.locator("circle.cursor").bounding_box()
    assert mark["x"] + mark["width"] / 2 == pytest.approx(cursor["x"] + cursor["width"] / 2, abs=2)
    assert "#355" in page.get_by_test_id("marked").text_content()
    for wrong in ("360", "-1", "2.5"):
        field.fill(wrong)
        field.press("Enter")
        page.get_by_test_id("image-note").get_by_text("from 0 to 359").wait_for()
        assert field.get_attribute("aria-invalid") == "true"
        assert address(page)["image"] == "355"
    field.fill("")
    field.press("Enter")
    assert "image" not in address(page)
    assert page.get_by_test_id("marked").count() == 0
    open_page(page, served, "#model=1&image=3&v.x=900&v.y=0&v.s=30")
    assert page.get_by_test_id("image-note").inner_text().endswith("training image")
    assert field.input_value() == "3"


def test_a_test_image_is_encoded_and_marked(page, served):
    latent_map = served.registry[1].latent_map
    test = latent_map.data.test
    open_page(page, served, "#model=1&image=355")
    page.get_by_test_id("image-set").select_option("test")  # there is no test image 355
    assert "image" not in address(page)
    field, note = page.get_by_test_id("image-number"), page.get_by_test_id("image-note")
    field.fill(str(len(test)))
    field.press("Enter")
    note.get_by_text(f"from 0 to {len(test) - 1}").wait_for()
    field.fill("5")
    field.press("Enter")
    page.get_by_test_id("marked").wait_for()
    wait_idle(page)
    there = address(page)
    assert (there["image"], there["images"]) == ("5", "test")
    x, y = latent_map.locate(test.images[5][None]).point
    assert (float(there["x"]), float(there["y"])) == pytest.approx((x, y), abs=1e-4)
    assert note.inner_text() == f"class {test.labels[5]}, test image"
    assert pixels(page, "selected-image")[::4] == test.images[5].flatten().tolist()
    page.reload()
    wait_ready(page)
    page.get_by_test_id("marked").get_by_text("test #5").wait_for()
    mark = page.get_by_test_id("marked").locator("rect").first.bounding_box()
    cursor = page.locator("circle.cursor").bounding_box()
    assert mark["x"] + mark["width"] / 2 == pytest.approx(cursor["x"] + cursor["width"] / 2, abs=2)
    page.get_by_test_id("image-set").select_option("map")  # the same number of the other images
    page.get_by_test_id("marked").get_by_text("#5", exact=True).wait_for()
    wait_idle(page)
    assert pixels(page, "selected-image")[::4] == latent_map.image(5).flatten().tolist()
    assert "images" not in address(page)


def test_points_and_names_become_larger_for_a_projector(page, served):
    painted, heights = [], []
    for size in (1, 2, 3):
        open_page(page, served, f"#model=0&points={size}&ellipses=0")
        painted.append(canvas_summary(page)["painted"])
        heights.append(page.locator(".map svg text").first.bounding_box()["height"])
    assert painted[0] * 2 < painted[1] < painted[2]
    assert heights[0] < heights[1]
    page.get_by_label("Points").select_option("1")
    wait_idle(page)
    assert "points" not in address(page)
    assert canvas_summary(page)["painted"] == painted[0]


@pytest.fixture(scope="module")
def many_classes(tmp_path_factory):
    """A studio with a model of 24 classes, some with long names, whose means are close."""
    images, _ = tiny_arrays(480)
    names = [f"class {c}" if c % 3 == 0 else str(c) for c in range(22)] + [
        "很長的類別名稱",
        "🙂🙃",
    ]
    data = la.load_data(images, np.array([names[i % 24] for i in range(480)]))
    run = la.train(presets.get("ae_debug"), tmp_path_factory.mktemp("many") / "r", data)
    studio = studio_of(run, data, "AE")
    yield studio
    studio.stop()


def test_class_names_never_overlap(browser, many_classes):
    page = tracked_page(browser.new_context(viewport={"width": 1024, "height": 768}))
    for points, scale in ((1, 300), (3, 120), (1, 40)):
        open_page(page, many_classes, f"#points={points}&v.x=0&v.y=0&v.s={scale}")
        boxes = page.locator(".map svg text").evaluate_all(
            "(texts) => texts.map((text) => text.getBoundingClientRect().toJSON())"
        )
        assert len(boxes) > (12 if scale > 40 else 8)
        for a, b in itertools.combinations(boxes, 2):
            wide = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
            high = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
            # the box of a text is larger by its outline, and by the spacing of its line
            assert wide <= 2 * OUTLINE or high <= 0.35 * min(a["height"], b["height"])
    page.context.close()


def test_a_moved_name_selects_its_class(browser, many_classes):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 800}))
    open_page(page, many_classes, "#tool=gaussians&v.x=0&v.y=0&v.s=120")
    name = page.locator(".map svg text").nth(5)
    label = name.get_attribute("data-class")
    box = name.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_idle(page)
    assert address(page).get("gauss.of", "0") == label
    page.context.close()


STYLE = """(element) => {
  const { backgroundColor, color, borderBottomColor } = getComputedStyle(element);
  return { backgroundColor, color, borderBottomColor };
}"""


# the same rules of the style sheet apply in both schemes
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_forced_colours_keep_selection_grades_and_classes(browser, served, scheme):
    shown = {}
    for forced in ("none", "active"):
        context = browser.new_context(
            viewport={"width": 1280, "height": 800}, forced_colors=forced, color_scheme=scheme
        )
        page = tracked_page(context)
        open_page(page, served, "#model=0&x=400&y=400&gaps=distance")
        page.get_by_test_id("gaps").wait_for()
        view, draw = (
            page.get_by_role("radio", name=name, exact=True) for name in ("View", "Draw")
        )
        selected, other = view.evaluate(STYLE), draw.evaluate(STYLE)
        assert selected["backgroundColor"] != other["backgroundColor"]
        assert selected["backgroundColor"] != selected["color"]
        assert page.locator(".ring [data-grade=unusual]").is_visible()
        shown[forced] = {
            "ring": page.locator(".ring").evaluate(STYLE)["backgroundColor"],
            "classes": [
                swatch.evaluate(STYLE)["backgroundColor"]
                for swatch in page.locator(f"{CLASSES} .swatch").all()
            ],
            "gaps": [key.evaluate(STYLE)["backgroundColor"] for key in page.locator(".key").all()],
        }
        assert len(set(shown[forced]["classes"])) == 3
        assert len(set(shown[forced]["gaps"])) == 2
        draw.focus()
        page.keyboard.press("Tab")
        width = "getComputedStyle(document.activeElement).outlineWidth"
        assert float(page.evaluate(width).removesuffix("px")) >= 2
        tab = page.locator("nav [aria-current]").evaluate(STYLE)["borderBottomColor"]
        rest = page.locator("nav button:not([aria-current])").first.evaluate(STYLE)
        if forced == "active":
            assert tab != rest["borderBottomColor"]
        context.close()
    assert shown["none"] == shown["active"]


@pytest.fixture(scope="module")
def with_channels(tmp_path_factory):
    """A studio with models of images of two and of five channels."""
    found = []
    for channels in (2, 5):
        rng = np.random.default_rng(channels)
        images = rng.integers(0, 60, (120, 12, 10, channels), dtype=np.uint8)
        images[..., 0] += 100
        data = la.load_data(images)
        assert data.card.image_shape == (channels, 12, 10)
        folder = tmp_path_factory.mktemp("channels") / "r"
        run = la.train(presets.get("ae_debug"), folder, data)
        found.append(
            LoadedModel(
                name=f"of {channels}", folder=str(folder), kind="AE",
                latent_map=LatentMap(run.load(), data), run=run,
            )
        )  # fmt: skip
    studio = StudioServer(ModelRegistry(found))
    yield studio
    studio.stop()


@pytest.mark.parametrize(("model", "shown"), [(0, 1), (1, 3)])
def test_images_of_any_number_of_channels_follow_one_rule(browser, with_channels, model, shown):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 800}))
    latent_map = with_channels.registry[model].latent_map
    open_page(page, with_channels, f"#tab=explore&model={model}&tool=draw&pad.real=3&image=4")
    page.get_by_test_id("encoding").wait_for(state="attached")
    note = "the first three as red, green and blue" if shown == 3 else "the first one in grey"
    assert note in page.get_by_test_id("caption").inner_text()
    for name, number in (("model-input", 3), ("selected-image", 4)):
        on_page = np.array(pixels(page, name)).reshape(12, 10, 4)[..., :3]
        expected = latent_map.image(number)[:shown].permute(1, 2, 0).numpy()
        assert np.array_equal(on_page, np.broadcast_to(expected, (12, 10, 3)))
    assert page.get_by_label("Brush").count() == 0  # drawings are grey in all channels
    page.get_by_role("button", name="Clear").click()
    box = page.get_by_test_id("pad").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 160, steps=4)
    page.mouse.up()
    wait_idle(page)
    page.get_by_test_id("encoding").wait_for(state="attached")
    drawn = np.array(pixels(page, "model-input")).reshape(-1, 4)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert drawn[:, 0].max() > 150
    open_page(page, with_channels, f"#tab=generate&model={model}&g.n=16")
    assert note in page.get_by_test_id("channels").inner_text()
    page.context.close()
