"""Compare in a browser: several models under one cursor."""

import json
import sys

import numpy as np
import pytest

import latentarium as la
from latentarium.data.dataset import to_float, to_uint8
from latentarium.latent.calibration import levels_of
from latentarium.latent.prior_check import as_generator
from latentarium.studio import child_processes
from pages import IN_A_BROWSER, Served, address, drag, go, quiet, ready, seen, until
from support.drawing import judged_studio, measured, metrics_of, shown

pytestmark = IN_A_BROWSER
AE, VAE, GAN, CGAN = range(4)
served = pytest.fixture(judged_studio, scope="module")


def reconstruction(atlas, number):
    again = atlas.model.reconstruct(to_float(atlas.image(number)[None])).detach()
    return to_uint8(again)[0, 0].numpy().astype(int)


def the_code_makes_what_is_shown(page, served, monkeypatch):
    """Of each of the four models, as one image under its folder."""
    data = served.registry[AE].atlas.data
    monkeypatch.setattr(la, "load_data", lambda *_, **__: data)  # the models' own is in no file
    ran: dict = {}
    exec(page.get_by_test_id("code-python").first.inner_text(), ran)
    assert list(ran["images"]) == [one.folder for one in served.registry]
    for model, image in enumerate(ran["images"].values()):
        made = to_uint8(image.detach())[0, 0].numpy().astype(int)
        assert np.abs(shown(page, f"decoded-{model}") - made).max() <= 1


def test_one_real_image_goes_through_every_encoder(page, served, monkeypatch):
    go(page, served, "#tab=compare&c.image=17")
    for model in (AE, VAE):
        atlas = served.registry[model].atlas
        expected = reconstruction(atlas, 17)
        assert np.abs(shown(page, f"decoded-{model}") - expected).max() <= 1
        real = atlas.image(17)[0].numpy().astype(int)
        until(page, f"document.querySelector('[data-testid=real-{model}]').width > 0")
        np.testing.assert_array_equal(shown(page, f"real-{model}"), real)
        until(
            page, f"document.querySelector('[data-testid=error-{model}]').innerText.includes('0.')"
        )
        error = (((expected - real) / 255) ** 2).mean()
        said = float(page.get_by_test_id(f"error-{model}").inner_text().split()[-1])
        assert said == pytest.approx(error, abs=2e-3)
        level = float(levels_of(atlas.reconstructed(atlas.image(17)[None]).trust))
        page.get_by_test_id(f"verdict-{model}").get_by_text("rarer than").wait_for()
        said = page.get_by_test_id(f"verdict-{model}").inner_text()
        assert f"rarer than {100 * (1 - level):.0f} % of real images" in said.replace(".0 %", " %")
    for model in (GAN, CGAN):
        assert "Has no encoder" in page.get_by_test_id(f"pane-{model}").inner_text()
    the_code_makes_what_is_shown(page, served, monkeypatch)
    tops = [page.locator(".map").nth(i).bounding_box()["y"] for i in range(4)]
    assert max(tops) - min(tops) < 1  # whatever their notes say


def test_dragging_on_one_map_moves_the_cursor_of_all(page, served):
    go(page, served, "#tab=compare&c.models=0.1")
    before = [shown(page, f"decoded-{model}") for model in (AE, VAE)]
    circles = page.locator("[data-testid=pane-1] svg circle.cursor")
    place = circles.get_attribute("cx")
    assert seen(page)["painted"] > 50
    drag(page, [(0.3, 0.4), (0.45, 0.6)])
    number = int(address(page)["c.image"])
    for model, old in zip((AE, VAE), before, strict=True):
        atlas = served.registry[model].atlas
        now = shown(page, f"decoded-{model}")
        assert not np.array_equal(now, old)
        assert np.abs(now - reconstruction(atlas, number)).max() <= 1
    assert circles.get_attribute("cx") != place
    page.get_by_role("application").nth(1).focus()  # the other map, by keyboard
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    assert int(address(page)["c.image"]) != number


def test_the_same_z_for_every_model(page, served, monkeypatch):
    go(page, served, "#tab=compare&c.lock=z&c.x=0.5&c.y=0.25&c.label=1")
    for model in range(4):
        atlas = served.registry[model].atlas
        expected = atlas.decode_at(0.5, 0.25, "1" if model == CGAN else None, seeds=True)
        expected = to_uint8(expected)[0, 0].numpy().astype(int)
        assert np.abs(shown(page, f"decoded-{model}") - expected).max() <= 1
    old = shown(page, "decoded-3")
    page.get_by_role("radio", name="2", exact=True).click()
    quiet(page)
    assert not np.array_equal(shown(page, "decoded-3"), old)
    drag(page, [(0.7, 0.3)])
    found = address(page)
    assert (found["c.x"], found["c.y"]) != ("0.5", "0.25")
    assert f"decode_at({found['c.x']}, {found['c.y']}, label, seeds=True)" in (
        page.get_by_test_id("code-python").first.inner_text()
    )
    the_code_makes_what_is_shown(page, served, monkeypatch)
    page.get_by_role("radio", name="the same image").click()
    ready(page)
    assert "reconstruct" in page.get_by_test_id("code-python").first.inner_text()


def test_the_shadow_of_the_prior_lies_on_each_map(page, served):
    go(page, served, "#tab=compare&c.models=0.1")
    for model in (AE, VAE):
        circles = page.get_by_test_id(f"normal-{model}").locator("circle")
        assert circles.count() == 2
        box, one = page.locator(".map").nth(model).bounding_box(), circles.nth(1).bounding_box()
        assert box["x"] <= one["x"]
        assert one["x"] + one["width"] <= box["x"] + box["width"]


def test_models_are_chosen_two_to_four(page, served):
    go(page, served, "#tab=compare&c.models=1.3")
    assert page.locator("article").count() == 2
    assert page.get_by_role("checkbox", name="vae_debug").is_disabled()  # one alone is none
    page.get_by_role("checkbox", name="ae_debug", exact=True).check()
    ready(page)
    assert page.locator("article").count() == 3
    assert address(page)["c.models"] == "0.1.3"
    page.set_viewport_size({"width": 500, "height": 800})
    boxes = [page.locator("article").nth(i).bounding_box() for i in range(2)]
    assert boxes[1]["y"] > boxes[0]["y"] + 100  # they stack
    assert page.evaluate("document.documentElement.scrollWidth") <= 500


OFF_ROW = ("Draws off the data", "Draws off the data", "Draws unlike real images")


def test_the_same_draws_by_every_model_with_their_trust(page, served):
    go(page, served, "#tab=compare&c.seed=7")
    turns = [i % 3 for i in range(16)]
    for model in range(4):
        label = turns if model == CGAN else None
        images = served.registry[model].atlas.model.sample(16, label, seed=7)
        until(page, f"document.querySelector('[data-testid=draw-{model}-15]')?.width > 0")
        np.testing.assert_array_equal(
            shown(page, f"draw-{model}-15"), to_uint8(images)[15, 0].numpy()
        )
    shares = {}
    for model in (AE, VAE, GAN):
        expected = as_generator(served.registry[model].atlas, 7)
        shares[model] = expected["off"]["share"]
        page.get_by_test_id(f"finding-{model}").wait_for()
        trust = page.get_by_test_id(f"trust-{model}").inner_text()
        assert f"{expected['classes']} of 3 classes" in trust
        assert f"{100 * expected['sure']['share']:.0f} % [" in trust.replace("100.0", "100")
        first = float(trust.split("\n")[trust.split("\n").index(OFF_ROW[model]) + 1].split()[0])
        assert first == pytest.approx(100 * shares[model], abs=0.51)
    assert "unlike real images" in trust  # nothing encodes
    least, most = sorted((AE, VAE), key=shares.__getitem__)
    page.get_by_test_id("conclusion").get_by_text(served.registry[least].name).wait_for()
    said = page.get_by_test_id("conclusion").inner_text()
    if "more often" in said:
        assert said.index(served.registry[most].name) < said.index(served.registry[least].name)
    ran: dict = {}
    exec(page.get_by_test_id("code-python").nth(1).inner_text(), ran)
    last = to_uint8(ran["images"][served.registry[CGAN].folder])[15, 0].numpy()
    np.testing.assert_array_equal(shown(page, "draw-3-15"), last)
    old = shown(page, "draw-0-0")
    page.get_by_role("button", name="New draw").click()
    assert address(page)["c.seed"] == "8"  # which waits for the images too
    assert not np.array_equal(shown(page, "draw-0-0"), old)


def test_measures_stand_below_with_intervals_and_only_what_compares_is_ranked(page, served):
    for model, low in ((AE, 1.0), (VAE, 3.0), (GAN, 5.0)):
        run = served.registry[model].run
        rows = {
            "frechet": measured("Fréchet distance", low + 0.5, low, low + 1),
            "precision": measured("Precision", 0.5, 0.4, 0.6),
            "recall": measured("Recall", low / 10, 0, 1, n=100 + model),
            "kernel": measured("Kernel distance", low, low - 0.1, low + 0.1),
        }
        run.save_metrics(metrics_of(run, rows))
    try:
        go(page, served, "#tab=compare&c.models=0.1.2")
        row = page.get_by_test_id("row-frechet")
        row.wait_for()
        assert "floor 0.5 · n = 100" in row.inner_text()
        cells = row.locator(".cell").all_inner_texts()
        assert "[1, 2]" in cells[0]
        assert [("best" in cell) for cell in cells] == [True, False, False]
        assert "best" not in page.get_by_test_id("row-precision").inner_text()
        assert (
            "Not comparable: n 100 against 101" in page.get_by_test_id("row-recall").inner_text()
        )
        assert "can't be compared" in page.get_by_test_id("refusal").inner_text()
        assert page.get_by_test_id("row-kernel").count() == 0
        page.get_by_role("button", name="All measures").click()
        page.get_by_test_id("row-kernel").wait_for()
        assert address(page)["c.all"] == "1"
        command = page.get_by_test_id("code-command").inner_text()
        assert command == "latentarium compare " + " ".join(
            served.registry[i].folder for i in range(3)
        )
    finally:
        for model in range(3):
            (served.registry[model].run.folder / "metrics.json").unlink()


WORK = """
import json, sys, time, pathlib
line = {"progress": 1, "total": 4, "label": "labels", "seconds_left": 3.0}
print(json.dumps(line), file=sys.stderr, flush=True)
while not pathlib.Path(sys.argv[1], "go").exists():
    time.sleep(0.02)
if "gan" in sys.argv[1]:
    sys.exit('{"error": "The images are gone: give them with --data.", "code": "other-data"}')
pathlib.Path(sys.argv[1], "metrics.json").write_text(sys.argv[2])
"""


def test_a_run_that_was_not_measured_can_be(page, served, monkeypatch, tmp_path):
    run, gan = (served.registry[model].run for model in (VAE, GAN))
    content = json.dumps(metrics_of(run, {"frechet": measured("Fréchet distance", 2, 1, 3)}))

    def command(evaluate, folder):
        return [sys.executable, "-c", WORK, folder, content]

    monkeypatch.setattr(child_processes, "latentarium_command", command)
    studio = Served(served.registry, runs=tmp_path)
    try:
        page.goto(studio.address + "#tab=compare&c.models=1.2")
        place = page.get_by_test_id("measuring-1")
        place.get_by_text("Not measured yet.").wait_for()
        place.get_by_role("button").click()
        place.get_by_text("part 2 of 4, about 3 s left").wait_for()
        page.get_by_test_id("measuring-2").get_by_role("button").click()
        page.get_by_text("It waits for its turn").wait_for()
        for one in (run, gan):
            (one.folder / "go").touch()
        page.get_by_test_id("row-frechet").wait_for()
        assert "[1, 3]" in page.get_by_test_id("row-frechet").inner_text()
        alert = page.get_by_test_id("measuring-2").get_by_role("alert")
        alert.wait_for()
        assert "The images are gone" in alert.inner_text()
    finally:
        studio.stop()
        for one in (run, gan):
            for name in ("metrics.json", "go"):
                (one.folder / name).unlink(missing_ok=True)
    page.trouble[:] = [line for line in page.trouble if not line.startswith(studio.address)]


def test_all_that_was_not_measured_is_measured_by_one_button(page, served, monkeypatch, tmp_path):
    rows = {"frechet": measured("Fréchet distance", 2, 1, 3)}
    runs = [served.registry[model].run for model in (AE, VAE)]
    contents = {str(run.folder): json.dumps(metrics_of(run, rows)) for run in runs}

    def command(evaluate, folder):
        return [sys.executable, "-c", WORK, folder, contents[folder]]

    monkeypatch.setattr(child_processes, "latentarium_command", command)
    studio = Served(served.registry, runs=tmp_path)
    try:
        page.goto(studio.address + "#tab=compare&c.models=0.1")
        page.get_by_role("button", name="Measure all 2 (about 2 min)").click()
        page.get_by_text("Model 1 of 2").wait_for()
        page.goto("about:blank")  # the server goes on
        (runs[0].folder / "go").touch()
        page.goto(studio.address + "#tab=compare&c.models=0.1")
        page.get_by_text("Model 2 of 2").wait_for()
        (runs[1].folder / "go").touch()
        cells = page.get_by_test_id("row-frechet").locator(".cell")
        until(page, "document.querySelectorAll('[data-testid=row-frechet] b').length === 2")
        assert all("[1, 3]" in text for text in cells.all_inner_texts())
        assert page.get_by_test_id("measuring-all").count() == 0
    finally:
        studio.stop()
        for run in runs:
            for name in ("metrics.json", "go"):
                (run.folder / name).unlink(missing_ok=True)
    page.trouble[:] = [line for line in page.trouble if not line.startswith(studio.address)]


def test_compare_speaks_chinese(page, served):
    go(page, served, "#tab=compare&c.models=0.2")
    page.get_by_role("button", name="中文").click()
    assert "沒有編碼器" in page.get_by_test_id("pane-2").inner_text()
    assert "評量結果" in page.get_by_test_id("measures").inner_text()
