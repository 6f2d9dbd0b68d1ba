"""Explore in a browser: what a person does, and what they then see."""

import colorsys
import re

import numpy as np
import pytest
import torch

from latentarium.latent import gap_layer
from latentarium.latent.calibration import levels_of
from pages import IN_A_BROWSER, address, benchmark, drag, go, pixels, quiet, ready, seen

pytestmark = IN_A_BROWSER


def test_dragging_decodes_under_the_pointer(page, served):
    go(page, served)
    assert page.title() == "latentarium"
    before = pixels(page)
    assert len(before) == 4 * 12 * 10
    drag(page, [(0.3, 0.4), (0.35, 0.3)])
    assert pixels(page) != before
    # the image is that of the place in the address
    quiet(page)
    place = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
    image = served.registry[0].atlas.decode_at(float(place["x"]), float(place["y"]))
    grey = ((image.flatten() + 1) * 127.5).round()
    shown = pixels(page)[::4]
    assert max(abs(a - b) for a, b in zip(shown, grey.tolist(), strict=True)) <= 1


def test_trust_says_where_the_data_are_and_where_they_are_not(page, served, monkeypatch):
    atlas = served.registry[0].atlas
    monkeypatch.setitem(atlas.__dict__, "fidelity", 0.9)
    rare = atlas.points()[0]
    go(page, served, f"#model=0&x={rare[0]}&y={rare[1]}")
    ring = page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor")
    assert pixels(page, "nearest")
    go(page, served, "#model=0&x=400&y=400")
    assert "Off the data" in page.get_by_test_id("verdict").inner_text()
    assert page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor") != ring
    assert "100.0 %" in page.get_by_test_id("distance").inner_text()
    assert page.locator(".worst").count() == 1
    page.get_by_test_id("distance").get_by_text("the worst").wait_for()  # the first of equals
    assert page.get_by_test_id("doubt").count() == 0  # no judge knows these images


@pytest.mark.parametrize(
    ("fidelity", "hues", "words"),
    [(0.89, (100, 141), "keep 89 % of what varies"), (0.2, (26, 47), "hardly anything yet"),
     (-0.5, (4, 5), "keep 0 % of what varies")],
)  # fmt: skip
def test_a_model_that_has_learned_little_is_not_trusted_anywhere(
    page, served, monkeypatch, fidelity, hues, words
):
    atlas = served.registry[0].atlas
    monkeypatch.setitem(atlas.__dict__, "fidelity", fidelity)
    x, y = atlas.points()[level(atlas).argmax()]
    go(page, served, f"#model=0&x={x}&y={y}")
    page.get_by_test_id("verdict").get_by_text(words).wait_for()
    assert "Among the data" in page.get_by_test_id("verdict").inner_text()
    assert hues[0] <= hue(page) < hues[1]


def test_the_ring_says_what_the_words_say(page, served, monkeypatch):
    atlas = served.registry[0].atlas
    monkeypatch.setitem(atlas.__dict__, "fidelity", 0.9)
    bands = {"Among": (100, 141), "twice": (26, 47), "Off|Not": (4, 5)}
    levels, met = level(atlas), set()
    for wanted in (0.8, 0.11, 0.09, 0.02, 0.0):
        i = int(np.abs(levels - wanted).argmin())
        x, y = atlas.points()[i] if wanted else (60, 60)
        go(page, served, f"#model=0&x={x}&y={y}")
        said = page.get_by_test_id("verdict").inner_text()
        (word,) = [word for word in bands if re.search(word, said)]
        assert bands[word][0] <= hue(page) < bands[word][1]
        met.add(word)
    assert len(met) == 3


def level(atlas):
    """Where each image lies on the map."""
    z = atlas.plane.unproject(torch.from_numpy(atlas.points()).double()).float()
    return levels_of(atlas.decoded_in_turns(z).trust).numpy()


def hue(page):
    """Of the ring around what is decoded."""
    text = page.locator(".ring").evaluate("e => getComputedStyle(e).backgroundColor")
    red, green, blue = (int(one) / 255 for one in re.findall(r"\d+", text)[:3])
    return round(360 * colorsys.rgb_to_hls(red, green, blue)[0])


def test_the_map_shows_points_and_each_class_its_gaussian(page, served):
    go(page, served)
    assert seen(page)["painted"] > 200
    assert page.locator("svg ellipse").count() == 6
    assert page.locator("svg text").all_text_contents() == ["0", "1", "2"]
    page.get_by_label("Each class's Gaussian").uncheck()
    assert page.locator("svg ellipse").count() == 0
    before = seen(page)
    page.locator(".map").hover()
    page.mouse.wheel(0, -600)
    quiet(page)
    assert seen(page) != before
    page.get_by_role("button", name="Whole map").click()
    quiet(page)
    assert seen(page) == before
    assert "of the variance · 360 encoded images" in page.get_by_test_id("caption").inner_text()


def test_the_gap_layer_reddens_what_is_far_from_the_data(page, served, monkeypatch):
    for turn in ("AT_ONCE", "FEW"):
        monkeypatch.setattr(gap_layer, turn, 512)  # nobody else waits
    go(page, served)
    assert page.get_by_test_id("gaps").is_hidden()
    painted = []
    for definition in ("trust", "round_trip", "stretch"):
        page.get_by_label("Gaps").select_option(definition)
        page.get_by_test_id("gaps").wait_for()
        page.get_by_role("status").locator("progress").wait_for(state="detached")
        quiet(page)
        painted.append(seen(page, "gaps")["hash"])
        assert seen(page, "gaps")["painted"] > 20
    assert len(set(painted)) == 3
    assert "99 % of held-out images" in page.locator(".hint").inner_text()
    quiet(page)
    assert "gaps=stretch" in page.url
    page.get_by_label("Gaps").select_option("none")
    quiet(page)
    assert page.get_by_test_id("gaps").is_hidden()


def test_two_fingers_zoom_and_move_the_map(page, served):
    go(page, served)
    box = page.locator(".map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    device = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": middle[0] + x, "y": middle[1] + y, "id": i} for i, (x, y) in places]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        quiet(page)

    touch("touchStart", (0, (-50, 0)))
    cursor = address(page)
    touch("touchStart", (0, (-50, 0)), (1, (50, 0)))
    touch("touchMove", (0, (-75, 20)), (1, (75, 20)))
    one = address(page)
    touch("touchMove", (0, (-150, 20)), (1, (150, 20)))
    two = address(page)
    touch("touchEnd", (0, (-150, 20)))
    touch("touchMove", (0, (-10, -60)))
    touch("touchEnd")
    assert float(two["v.s"]) == pytest.approx(2 * float(one["v.s"]), rel=0.01)
    last = address(page)
    assert last == two
    assert (last["x"], last["y"]) == (cursor["x"], cursor["y"])  # the first finger put it there
    touch("touchStart", (0, (80, 80)))  # alone again, it moves the cursor
    touch("touchEnd")
    assert address(page)["x"] != cursor["x"]


def test_a_gap_layer_is_gone_while_another_is_computed(page, served):
    go(page, served)
    page.get_by_label("Gaps").select_option("distance")
    page.get_by_test_id("gaps").wait_for()
    held = []
    page.route("**/gaps/round_trip*", lambda route: held.append(route))
    page.get_by_label("Gaps").select_option("round_trip")
    page.get_by_role("status").get_by_text("computing").wait_for()
    assert page.get_by_test_id("gaps").is_hidden()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.get_by_test_id("gaps").wait_for()
    quiet(page)
    assert page.get_by_role("status").inner_text() == ""


def test_the_keyboard_reaches_everything(page, served):
    go(page, served)
    before = pixels(page)
    page.locator(".map").focus()
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    quiet(page)
    assert pixels(page) != before
    assert float(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('x')")) > 0
    page.keyboard.press("4")
    quiet(page)
    assert page.get_by_role("radio", name="cgan_debug").get_attribute("aria-checked") == "true"


def test_a_conditional_gan_makes_what_it_is_asked_for(page, served):
    go(page, served, "#model=3&x=0.5&y=0.25&label=1")
    one = pixels(page)
    page.get_by_role("radio", name="2", exact=True).click()
    quiet(page)
    assert pixels(page) != one
    page.get_by_role("radio", name="1", exact=True).click()
    quiet(page)
    assert pixels(page) == one
    page.get_by_test_id("strange").get_by_text("more like the others").wait_for()
    assert "real images" in page.get_by_test_id("verdict").inner_text()
    assert len(pixels(page, "nearest")) == 4 * 12 * 10


def test_a_model_without_encoder_shows_its_seeds(page, served):
    go(page, served, "#model=2")
    quiet(page)
    tiles = seen(page)
    assert tiles["shades"] > 20  # grey values of images
    assert tiles["painted"] > 20_000
    drag(page, [(0.4, 0.4)])
    page.keyboard.down("Shift")
    drag(page, [(0.7, 0.6)])
    page.keyboard.up("Shift")
    quiet(page)
    assert seen(page) != tiles


def test_what_is_copied_names_the_run_and_the_place(page, served):
    go(page, served, "#model=3&x=0.5&y=0.25&label=1")
    code = page.get_by_test_id("code-python").inner_text()
    assert 'decode_at(0.5, 0.25, label="1")' in code
    assert served.registry[3].folder in code


def test_the_address_is_the_state(page, served):
    go(page, served, "#model=1&x=1.25&y=-0.5&ellipses=0")
    assert page.get_by_role("radio", name="vae_debug").get_attribute("aria-checked") == "true"
    assert "(1.25, -0.50)" in page.locator("figcaption").first.inner_text()
    assert page.locator("svg ellipse").count() == 0
    go(page, served, "#model=77&x=nonsense")  # no state of ours
    assert "not on show" in page.get_by_role("alert").inner_text()
    assert "(0.00, 0.00)" in page.locator("figcaption").first.inner_text()


def test_the_part_of_the_map_that_is_seen_is_in_the_address(page, served):
    for model in (0, 2):
        go(page, served, f"#model={model}")
        assert not [key for key in address(page) if key.startswith("v.")]  # the whole map
        whole = seen(page)
        page.locator(".map").hover(position={"x": 300, "y": 200})
        page.mouse.wheel(0, -300)
        there = address(page)
        assert float(there["v.s"]) > 0
        quiet(page)
        zoomed = seen(page)
        assert zoomed != whole
        page.reload()
        ready(page)
        assert seen(page) == zoomed
        assert address(page) == there
        reset = "Back to the middle" if model == 2 else "Whole map"  # of a lattice of seeds
        page.get_by_role("button", name=reset).click()
        assert not [key for key in address(page) if key.startswith("v.")]


def test_light_and_dark_and_two_languages(page, served):
    go(page, served)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="中文").click()
    assert "整張地圖" in page.locator(".bar").inner_text()
    assert page.evaluate("document.documentElement.lang") == "zh-TW"
    page.reload()
    ready(page)
    assert "整張地圖" in page.locator(".bar").inner_text()  # it is remembered


def test_a_lost_server_is_said_and_nothing_is_lost(page, served):
    go(page, served, "#model=0&x=0.3&y=0.2")
    before = pixels(page)
    served.stop()
    try:
        page.get_by_role("alert").wait_for()
        assert "server is gone" in page.get_by_role("alert").inner_text()
        page.locator(".map").focus()
        page.keyboard.press("Shift+ArrowRight")  # asked for while nobody answers
        page.wait_for_timeout(300)
    finally:
        served.start()
    page.get_by_role("alert").wait_for(state="detached")
    quiet(page)
    assert pixels(page) != before
    # the browser itself reports the refused connections
    said = ("ERR_CONNECTION_REFUSED", "WebSocket")
    assert [line for line in page.trouble if not any(word in line for word in said)] == []
    page.trouble.clear()


def test_the_pointer_is_answered_at_once(page, served):
    go(page, served)
    times = sorted(page.evaluate(benchmark().POINTER))
    assert times[int(0.95 * len(times))] < 250  # loosely, as machines differ; the bar is 33 ms


def test_a_sheet_says_all_keys_in_both_languages(page, served):
    go(page, served)
    page.keyboard.press("?")
    sheet = page.get_by_test_id("keys")
    assert "enlarge and reduce the map" in sheet.inner_text()
    sheet.get_by_role("button", name="Close").click()
    sheet.wait_for(state="hidden")
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="按鍵").click()
    assert "放大、縮小地圖" in sheet.inner_text()
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    assert "自編碼器" in page.get_by_role("radiogroup", name="模型").inner_text()


def test_the_address_names_the_model_by_its_folder(page, served):
    third = served.registry[2]
    go(page, served, f"#model=0&of={third.folder}")  # it has had another number
    assert page.get_by_role("radio", name=third.name).first.get_attribute("aria-checked") == "true"
    page.get_by_role("radio", name="vae_debug").click()
    assert address(page)["of"] == served.registry[1].folder
    go(page, served, "#model=1&of=runs/gone")
    assert "not on show" in page.get_by_role("alert").inner_text()


def test_who_leaves_at_once_finds_the_page_as_it_was(page, served):
    go(page, served, "#model=0")
    quiet(page)
    page.wait_for_timeout(320)  # browsers allow no second write of the address before
    page.get_by_role("radio", name="vae_debug").click()
    page.evaluate("new Promise((done) => setTimeout(done))")
    page.reload()
    ready(page)
    assert (
        page.get_by_role("radio", name="vae_debug").first.get_attribute("aria-checked") == "true"
    )
    page.get_by_role("radio", name="cgan_debug").click()
    with page.expect_event("load"):
        page.evaluate("void setTimeout(() => (location.hash = 'model=0'))")  # by hand
    ready(page)
    assert page.get_by_role("radio", name="ae_debug").first.get_attribute("aria-checked") == "true"
