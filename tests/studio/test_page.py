"""Explore in a browser: the map, decoding, scores, gap layers, keyboard and address."""

import colorsys
import re
from functools import partial

import pytest
import torch

from latentarium.latent.calibration import levels_of
from support.browser import (
    BROWSER_MARKS,
    address,
    canvas_summary,
    drag,
    forget_problems,
    load_benchmark,
    open_page,
    pixels,
    wait_idle,
    wait_ready,
)
from support.latent_scores import rate_latents_only

pytestmark = BROWSER_MARKS
VERDICTS = {
    "typical": "^(Typical|As realistic)",
    "borderline": "check by eye",
    "unusual": "^Unusual",
}
"""Pattern of the verdict for each grade."""


def test_dragging_decodes_under_the_pointer(page, served):
    open_page(page, served)
    assert "latentarium" in page.title()
    before = pixels(page)
    assert len(before) == 4 * 12 * 10
    drag(page, [(0.3, 0.4), (0.35, 0.3)])
    assert pixels(page) != before
    # the image is decoded at the position in the address
    wait_idle(page)
    place = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
    image = served.registry[0].latent_map.decode_at(float(place["x"]), float(place["y"]))
    grey = ((image.flatten() + 1) * 127.5).round()
    shown = pixels(page)[::4]
    assert max(abs(a - b) for a, b in zip(shown, grey.tolist(), strict=True)) <= 1


def test_scores_tell_typical_from_unusual_positions(page, served, monkeypatch):
    latent_map = served.registry[0].latent_map
    rate_latents_only(latent_map, monkeypatch)
    monkeypatch.setitem(latent_map.__dict__, "explained_variance", 0.9)
    x, y = latent_map.points()[level(latent_map).argmax()]
    open_page(page, served, f"#model=0&x={x}&y={y}")
    ring = page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor")
    assert pixels(page, "nearest")
    open_page(page, served, "#model=0&x=400&y=400")
    assert re.search(VERDICTS["unusual"], page.get_by_test_id("verdict").inner_text())
    assert page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor") != ring
    assert "all of them" in page.get_by_test_id("distance").inner_text()
    assert page.locator(".weakest").count() == 1
    assert page.locator("[data-testid=distance].weakest").count() == 1  # first of equals
    assert page.get_by_test_id("doubt").count() == 0  # there is no classifier for these images


@pytest.mark.parametrize(
    ("fidelity", "hues", "kept"),
    [(0.89, (100, 141), "89 %"), (0.2, (26, 47), "20 %"), (-0.5, (4, 5), "0 %"),
     (0.995, (100, 141), "keep 99.5 %"), (0.9995, (100, 141), "> 99.9 %")],  # never "100 %"
)  # fmt: skip
def test_low_fidelity_lowers_the_score_everywhere(page, served, monkeypatch, fidelity, hues, kept):
    latent_map = served.registry[0].latent_map
    rate_latents_only(latent_map, monkeypatch)
    monkeypatch.setitem(latent_map.__dict__, "explained_variance", fidelity)
    x, y = latent_map.points()[level(latent_map).argmax()]
    open_page(page, served, f"#model=0&x={x}&y={y}")
    page.get_by_test_id("verdict").filter(has_text=kept).wait_for()
    assert re.search(VERDICTS["typical"], page.get_by_test_id("verdict").inner_text())
    assert hues[0] <= hue(page) < hues[1]


def test_colour_of_the_ring_matches_the_verdict(page, served, monkeypatch):
    latent_map = served.registry[0].latent_map
    monkeypatch.setitem(latent_map.__dict__, "explained_variance", 0.9)
    hues = {"typical": (100, 141), "borderline": (26, 47), "unusual": (4, 5)}
    for grade, shown in (("typical", 0.8), ("typical", 0.11), ("borderline", 0.09),
                         ("borderline", 0.02), ("unusual", 0.0)):  # fmt: skip
        judge = partial(lambda shown, scores, levels: torch.full_like(levels, shown), shown)
        monkeypatch.setattr(latent_map.calibration, "_judge", judge)
        open_page(page, served, f"#model=0&x={shown}&y=0")
        verdict = page.get_by_test_id("verdict").inner_text()
        assert re.search(VERDICTS[grade], verdict)
        assert hues[grade][0] <= hue(page) < hues[grade][1]
        # a mark and the dashes of the cursor tell the same without colours
        assert page.locator(".ring [data-grade]").get_attribute("data-grade") == grade
        assert page.locator(f"circle.cursor.{grade}").count() == 1


def level(latent_map):
    """Score of each image at its position on the map."""
    z = latent_map.plane.unproject(torch.from_numpy(latent_map.points()).double()).float()
    return levels_of(latent_map.decode_scored(z).scores).numpy()


def hue(page):
    """Hue of the ring around the decoded image."""
    text = page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor")
    red, green, blue = (int(channel) / 255 for channel in re.findall(r"\d+", text)[:3])
    return round(360 * colorsys.rgb_to_hls(red, green, blue)[0])


def test_map_shows_points_and_class_gaussians(page, served):
    open_page(page, served)
    assert canvas_summary(page)["painted"] > 200
    assert page.locator("svg ellipse").count() == 6
    assert page.locator("svg text").all_text_contents() == ["0", "1", "2"]
    page.locator(".bar input[type=checkbox]").uncheck()
    assert page.locator("svg ellipse").count() == 0
    before = canvas_summary(page)
    page.locator(".map").hover()
    page.mouse.wheel(0, -600)
    wait_idle(page)
    assert canvas_summary(page) != before
    page.locator(".bar button").last.click()
    wait_idle(page)
    assert canvas_summary(page) == before
    assert "360" in page.get_by_test_id("caption").inner_text()  # encoded images


def test_each_gap_layer_is_painted_and_kept_in_the_address(page, served, monkeypatch):
    layers = served.registry[0].latent_map.gap_layers
    for size in ("chunk_size", "stretch_chunk_size"):
        monkeypatch.setattr(layers, size, 512)  # no other request waits
    open_page(page, served)
    assert page.get_by_test_id("gaps").is_hidden()
    painted = []
    for definition in ("rarity", "round_trip", "stretch"):
        page.locator(".bar select").select_option(definition)
        page.get_by_test_id("gaps").wait_for()
        page.get_by_role("status").locator("progress").wait_for(state="detached")
        wait_idle(page)
        painted.append(canvas_summary(page, "gaps")["hash"])
        assert canvas_summary(page, "gaps")["painted"] > 20
    assert len(set(painted)) == 3
    assert "99 %" in page.locator(".hint").inner_text().replace("\xa0", " ")  # the legend
    wait_idle(page)
    assert "gaps=stretch" in page.url
    page.locator(".bar select").select_option("none")
    wait_idle(page)
    assert page.get_by_test_id("gaps").is_hidden()


def test_two_fingers_zoom_and_move_the_map(page, served):
    open_page(page, served)
    box = page.locator(".map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    device = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": middle[0] + x, "y": middle[1] + y, "id": i} for i, (x, y) in places]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        wait_idle(page)

    touch("touchStart", (0, (-50, 0)))
    cursor = address(page)
    touch("touchStart", (0, (-50, 0)), (1, (50, 0)))
    touch("touchMove", (0, (-75, 20)), (1, (75, 20)))
    before = address(page)
    touch("touchMove", (0, (-150, 20)), (1, (150, 20)))
    after = address(page)
    touch("touchEnd", (0, (-150, 20)))
    touch("touchMove", (0, (-10, -60)))
    touch("touchEnd")
    assert float(after["v.s"]) == pytest.approx(2 * float(before["v.s"]), rel=0.01)
    last = address(page)
    assert last == after
    assert (last["x"], last["y"]) == (cursor["x"], cursor["y"])  # set by the first finger
    touch("touchStart", (0, (80, 80)))  # a single finger moves the cursor again
    touch("touchEnd")
    assert address(page)["x"] != cursor["x"]


def test_gap_layer_is_hidden_while_another_is_computed(page, served):
    open_page(page, served)
    page.locator(".bar select").select_option("distance")
    page.get_by_test_id("gaps").wait_for()
    held = []
    page.route("**/gaps/round_trip*", lambda route: held.append(route))
    page.locator(".bar select").select_option("round_trip")
    page.get_by_role("status").locator("progress").wait_for()
    assert page.get_by_test_id("gaps").is_hidden()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.get_by_test_id("gaps").wait_for()
    page.get_by_role("status").locator("progress").wait_for(state="detached")
    assert page.get_by_role("status").inner_text() == ""


def test_keyboard_moves_the_cursor_and_selects_models(page, served):
    open_page(page, served)
    before = pixels(page)
    page.locator(".map").focus()
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    wait_idle(page)
    assert pixels(page) != before
    assert float(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('x')")) > 0
    page.keyboard.press("4")
    wait_idle(page)
    assert page.get_by_role("radio", name="cgan_debug").get_attribute("aria-checked") == "true"


def test_conditional_gan_decodes_the_selected_class(page, served):
    open_page(page, served, "#model=3&x=0.5&y=0.25&label=1")
    of_class_1 = pixels(page)
    page.get_by_role("radio", name="2", exact=True).click()
    wait_idle(page)
    assert pixels(page) != of_class_1
    page.get_by_role("radio", name="1", exact=True).click()
    wait_idle(page)
    assert pixels(page) == of_class_1
    page.get_by_test_id("strange").wait_for()
    assert page.get_by_test_id("verdict").inner_text()
    assert len(pixels(page, "nearest")) == 4 * 12 * 10


def test_model_without_encoder_shows_a_lattice_of_seeds(page, served):
    open_page(page, served, "#model=2")
    wait_idle(page)
    tiles = canvas_summary(page)
    assert tiles["shades"] > 20  # grey values of images
    assert tiles["painted"] > 20_000
    drag(page, [(0.4, 0.4)])
    page.keyboard.down("Shift")
    drag(page, [(0.7, 0.6)])
    page.keyboard.up("Shift")
    wait_idle(page)
    assert canvas_summary(page) != tiles


def test_copied_code_contains_run_and_position(page, served):
    open_page(page, served, "#model=3&x=0.5&y=0.25&label=1")
    code = page.get_by_test_id("code-python").inner_text()
    assert 'decode_at(0.5, 0.25, label="1")' in code
    assert served.registry[3].folder in code


def test_address_contains_the_state(page, served):
    open_page(page, served, "#model=1&x=1.25&y=-0.5&ellipses=0")
    assert page.get_by_role("radio", name="vae_debug").get_attribute("aria-checked") == "true"
    assert "(1.25, -0.50)" in page.locator("figcaption").first.inner_text()
    assert page.locator("svg ellipse").count() == 0
    open_page(page, served, "#model=77&x=nonsense")  # invalid
    page.get_by_test_id("model-not-open").wait_for()
    assert "(0.00, 0.00)" in page.locator("figcaption").first.inner_text()


def test_view_of_the_map_is_kept_in_the_address(page, served):
    for model in (0, 2):
        open_page(page, served, f"#model={model}")
        assert not [key for key in address(page) if key.startswith("v.")]  # default view
        initial = canvas_summary(page)
        page.locator(".map").hover(position={"x": 300, "y": 200})
        page.mouse.wheel(0, -300)
        there = address(page)
        assert float(there["v.s"]) > 0
        wait_idle(page)
        zoomed = canvas_summary(page)
        assert zoomed != initial
        page.reload()
        wait_ready(page)
        assert canvas_summary(page) == zoomed
        assert address(page) == there
        page.locator(".bar button").last.click()
        assert not [key for key in address(page) if key.startswith("v.")]


def test_theme_and_language_can_be_changed_and_are_remembered(page, served):
    open_page(page, served)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_test_id("theme").click()
    assert page.evaluate(ground) != light
    english = page.locator(".bar").inner_text()
    page.get_by_test_id("language").click()
    chinese = page.locator(".bar").inner_text()
    assert chinese != english
    assert page.evaluate("document.documentElement.lang") == "zh-TW"
    dark = page.evaluate(ground)
    page.reload()
    wait_ready(page)
    assert page.locator(".bar").inner_text() == chinese
    assert page.evaluate(ground) == dark


def test_on_a_phone_the_decoded_image_is_in_sight_while_a_finger_drags(page, served):
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, served, "#model=1")
    docked = page.get_by_test_id("docked")

    def shown():
        box = docked.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 844
        canvas = docked.locator("canvas")
        values = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        return box["x"], canvas.evaluate(values)

    drag(page, [(0.85, 0.75), (0.9, 0.8)])
    side, before = shown()
    drag(page, [(0.1, 0.2), (0.15, 0.25)])
    other_side, after = shown()
    assert side < other_side  # away from the finger
    assert after != before
    assert after == pixels(page)  # as in the panel below
    page.evaluate("scrollTo(0, 300)")
    shown()  # also if only a part of the map is visible
    page.set_viewport_size({"width": 1280, "height": 800})
    assert not docked.is_visible()


def test_a_point_under_the_pointer_is_named_and_zooming_ends_near_the_data(page, served):
    open_page(page, served, "#model=0")
    latent_map = served.registry[0].latent_map
    box = page.locator(".map").bounding_box()
    centre = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(40):
        page.mouse.move(*centre)
        page.mouse.wheel(0, -2000)
    wait_idle(page)
    deepest = float(address(page)["v.s"])
    page.locator(".bar button").last.click()
    found = None
    for i in range(0, int(box["width"]), 7):
        page.mouse.move(box["x"] + i, box["y"] + box["height"] / 2)
        if page.get_by_test_id("hovered").count():
            found = page.get_by_test_id("hovered").inner_text()
            break
    assert found is not None
    number, name = found.split()
    classes = latent_map.data.card.classes
    assert name == classes[latent_map.encoded.class_numbers()[int(number[1:])]]
    latents = latent_map.encoded.latents
    spread = float((latents.amax(0) - latents.amin(0)).max())
    assert deepest * spread < 400 * max(box["width"], box["height"])


def test_a_link_opens_in_the_language_of_its_address(page, served):
    for language in ("zh-TW", "zh"):
        open_page(page, served, f"#lang={language}")
        assert page.evaluate("document.documentElement.lang") == "zh-TW"
        drag(page, [(0.4, 0.4)])
        assert address(page)["lang"] == "zh"
    open_page(page, served, "#lang=xx&tab=nothing&gaps=nothing&tool=nothing")
    assert page.evaluate("document.documentElement.lang") == "en"
    drag(page, [(0.3, 0.4)])
    there = address(page)
    assert there["lang"] == "en"
    assert not there.keys() & {"tab", "gaps", "tool"}  # unknown values are dropped
    open_page(page, served, "#model=1")
    offered = page.locator(".bar option").evaluate_all("all => all.map((one) => one.value)")
    assert "rarity" in offered
    for measure in offered:
        open_page(page, served, f"#model=1&gaps={measure}")
        assert page.locator(".bar select").input_value() == measure


def test_the_back_button_returns_to_the_part_and_model_before(page, served):
    open_page(page, served, "#model=0")
    assert page.title() == "ae_debug – Explore – latentarium"
    page.get_by_role("radio", name="vae_debug").first.click()
    wait_idle(page)
    assert page.title() == "vae_debug – Explore – latentarium"
    page.get_by_role("button", name="Compare").click()
    wait_ready(page)
    page.wait_for_timeout(320)  # the address is written at most once in this time
    assert page.title() == "Compare – latentarium"
    for title in ("vae_debug – Explore – latentarium", "ae_debug – Explore – latentarium"):
        with page.expect_event("load"):
            page.evaluate("void setTimeout(() => history.back())")
        wait_ready(page)
        assert page.title() == title


def test_lost_connection_is_reported_and_requests_are_repeated(page, served):
    open_page(page, served, "#model=0&x=0.3&y=0.2")
    before = pixels(page)
    served.stop()
    try:
        page.get_by_test_id("connection-lost").wait_for()
        page.locator(".map").focus()
        page.keyboard.press("Shift+ArrowRight")  # decoded after reconnecting
        page.wait_for_timeout(300)
    finally:
        served.start()
    page.get_by_role("alert").wait_for(state="detached")
    wait_idle(page)
    assert pixels(page) != before
    # the browser itself reports the refused connections
    forget_problems(page, "ERR_CONNECTION_REFUSED", "WebSocket")


def test_a_lost_network_is_reported_although_the_socket_stays_open(page, served):
    open_page(page, served, "#model=0&x=0.3&y=0.2")
    before = pixels(page)
    page.context.set_offline(True)
    try:
        page.locator(".map").focus()
        page.keyboard.press("Shift+ArrowRight")
        page.get_by_test_id("connection-lost").wait_for(timeout=10_000)
    finally:
        page.context.set_offline(False)
    page.get_by_role("alert").wait_for(state="detached")
    wait_idle(page)
    assert pixels(page) != before
    forget_problems(page, "ERR_INTERNET_DISCONNECTED", "WebSocket")


@pytest.mark.slow
def test_decoding_follows_the_pointer(page, served):
    open_page(page, served)
    times = sorted(page.evaluate(load_benchmark().POINTER))
    assert times[int(0.95 * len(times))] < 250  # generous: benchmarks/ measures it


def test_keyboard_shortcuts_are_listed_in_both_languages(page, served):
    open_page(page, served)
    page.keyboard.press("?")
    dialog = page.get_by_test_id("keys")
    count = dialog.locator("dt").count()
    assert count >= 5
    dialog.get_by_role("button").click()
    dialog.wait_for(state="hidden")
    page.get_by_test_id("language").click()
    page.get_by_test_id("shortcuts").click()
    assert dialog.locator("dt").count() == count
    assert all(
        re.search("[\u4e00-\u9fff]", text) for text in dialog.locator("dd").all_inner_texts()[1:]
    )
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_address_identifies_the_model_by_its_folder(page, served):
    third = served.registry[2]
    open_page(page, served, f"#model=0&of={third.folder}")  # the number is outdated
    assert page.get_by_role("radio", name=third.name).first.get_attribute("aria-checked") == "true"
    page.get_by_role("radio", name="vae_debug").click()
    assert address(page)["of"] == served.registry[1].folder
    open_page(page, served, "#model=1&of=runs/gone")
    page.get_by_test_id("model-not-open").wait_for()


def test_state_survives_an_immediate_reload(page, served):
    open_page(page, served, "#model=0")
    wait_idle(page)
    page.wait_for_timeout(320)  # the address is written at most once in this time
    page.get_by_role("radio", name="vae_debug").click()
    page.evaluate("new Promise((done) => setTimeout(done))")
    page.reload()
    wait_ready(page)
    assert (
        page.get_by_role("radio", name="vae_debug").first.get_attribute("aria-checked") == "true"
    )
    page.get_by_role("radio", name="cgan_debug").click()
    with page.expect_event("load"):
        page.evaluate(
            "void setTimeout(() => (location.hash = 'model=0'))"
        )  # as edited by the user
    wait_ready(page)
    assert page.get_by_role("radio", name="ae_debug").first.get_attribute("aria-checked") == "true"
