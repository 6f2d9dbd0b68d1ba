"""Compare in a browser: a shared cursor, samples from the prior, and the evaluation."""

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import latentarium as la
from latentarium.data.dataset import to_float, to_uint8
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.studio import child_processes
from latentarium.studio.samples.assess import describe_prior
from support.browser import (
    BROWSER_MARKS,
    StudioServer,
    address,
    canvas_summary,
    drag,
    execute_copied,
    open_page,
    wait_idle,
    wait_ready,
    wait_until,
)
from support.tiny_studio import image_on_page, measured, metrics_of, studio_with_classifier

pytestmark = BROWSER_MARKS
AE, VAE, GAN, CGAN = range(4)
served = pytest.fixture(studio_with_classifier, scope="module")


def reconstruction(latent_map, number):
    again = latent_map.model.reconstruct(to_float(latent_map.image(number)[None])).detach()
    return to_uint8(again)[0, 0].numpy().astype(int)


def check_cursor_code(page, served, monkeypatch):
    """Require that the copied code reproduces the decoded image of each model, by its folder."""
    data = served.registry[AE].latent_map.data
    monkeypatch.setattr(la, "load_data", lambda *_, **__: data)  # the data set is not in a file
    with TemporaryDirectory() as folder:
        ran = execute_copied(
            page.get_by_test_id("code-python").first.inner_text(), {}, Path(folder)
        )
    assert list(ran["images"]) == [one.folder for one in served.registry]
    for model, image in enumerate(ran["images"].values()):
        made = to_uint8(image.detach())[0, 0].numpy().astype(int)
        assert np.abs(image_on_page(page, f"decoded-{model}") - made).max() <= 1


def test_every_encoder_receives_the_same_real_image(page, served, monkeypatch):
    open_page(page, served, "#tab=compare&c.image=17")
    for model in (AE, VAE):
        latent_map = served.registry[model].latent_map
        expected = reconstruction(latent_map, 17)
        assert np.abs(image_on_page(page, f"decoded-{model}") - expected).max() <= 1
        real = latent_map.image(17)[0].numpy().astype(int)
        wait_until(page, f"document.querySelector('[data-testid=real-{model}]').width > 0")
        np.testing.assert_array_equal(image_on_page(page, f"real-{model}"), real)
        wait_until(
            page, f"document.querySelector('[data-testid=error-{model}]').innerText.includes('0.')"
        )
        error = (((expected - real) / 255) ** 2).mean()
        said = float(page.get_by_test_id(f"error-{model}").inner_text().split()[-1])
        assert said == pytest.approx(error, abs=2e-3)
        again = latent_map.decoder.reconstruct_scored(latent_map.image(17)[None])
        row = dict(zip(SCORE_COLUMNS, again.scores[0], strict=True))
        verdict = page.get_by_test_id(f"verdict-{model}")
        # another test may have trained a classifier for these images
        if row["original"] >= 0 and row["original"] != row["read"]:
            verdict.get_by_text(re.compile("^(Changed|Lost): the classifier reads")).wait_for()
            continue
        verdict.get_by_text("more unusual than").wait_for()
        said = verdict.inner_text().replace("\xa0", " ").replace(".0 %", " %")
        share = f"{100 * (1 - row['level']):.0f} % of real images"
        compared = share if row["level"] > 0 else "every held-out image"
        assert f"more unusual than {compared}" in said
    for model in (GAN, CGAN):
        assert "No encoder" in page.get_by_test_id(f"pane-{model}").inner_text()
    check_cursor_code(page, served, monkeypatch)
    tops = [page.locator(".map").nth(i).bounding_box()["y"] for i in range(4)]
    assert max(tops) - min(tops) < 1  # whatever the length of the notes


def test_dragging_on_one_map_moves_all_cursors(page, served):
    open_page(page, served, "#tab=compare&c.models=0.1")
    before = [image_on_page(page, f"decoded-{model}") for model in (AE, VAE)]
    circles = page.locator("[data-testid=pane-1] svg circle.cursor")
    place = circles.get_attribute("cx")
    assert canvas_summary(page)["painted"] > 50
    drag(page, [(0.3, 0.4), (0.45, 0.6)])
    number = int(address(page)["c.image"])
    for model, old in zip((AE, VAE), before, strict=True):
        latent_map = served.registry[model].latent_map
        now = image_on_page(page, f"decoded-{model}")
        assert not np.array_equal(now, old)
        assert np.abs(now - reconstruction(latent_map, number)).max() <= 1
    assert circles.get_attribute("cx") != place
    page.get_by_role("application").nth(1).focus()  # the other map, by keyboard
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    assert int(address(page)["c.image"]) != number


def test_all_models_decode_the_same_z(page, served, monkeypatch):
    open_page(page, served, "#tab=compare&c.lock=z&c.x=0.5&c.y=0.25&c.label=1")
    for model in range(4):
        latent_map = served.registry[model].latent_map
        expected = latent_map.decode_at(0.5, 0.25, "1" if model == CGAN else None, seeds=True)
        expected = to_uint8(expected)[0, 0].numpy().astype(int)
        assert np.abs(image_on_page(page, f"decoded-{model}") - expected).max() <= 1
    old = image_on_page(page, "decoded-3")
    page.get_by_role("radio", name="2", exact=True).click()
    wait_idle(page)
    assert not np.array_equal(image_on_page(page, "decoded-3"), old)
    drag(page, [(0.7, 0.3)])
    found = address(page)
    assert (found["c.x"], found["c.y"]) != ("0.5", "0.25")
    assert f"decode_at({found['c.x']}, {found['c.y']}, label, seeds=True)" in (
        page.get_by_test_id("code-python").first.inner_text()
    )
    check_cursor_code(page, served, monkeypatch)
    page.get_by_role("radio", name="the same image").click()
    wait_ready(page)
    assert "reconstruct" in page.get_by_test_id("code-python").first.inner_text()


def test_each_map_shows_the_projected_prior(page, served):
    open_page(page, served, "#tab=compare&c.models=0.1")
    for model in (AE, VAE):
        circles = page.get_by_test_id(f"normal-{model}").locator("circle")
        assert circles.count() == 2
        box, one = page.locator(".map").nth(model).bounding_box(), circles.nth(1).bounding_box()
        assert box["x"] <= one["x"]
        assert one["x"] + one["width"] <= box["x"] + box["width"]


def test_marks_tell_the_grades_and_the_prior_covers_no_class_name(page, served):
    open_page(page, served, "#tab=compare&c.models=0.1&c.image=17")
    for model in (AE, VAE):
        pane = page.get_by_test_id(f"pane-{model}")
        grade = pane.locator(".ring [data-grade]").get_attribute("data-grade")
        cursor = pane.locator("circle.cursor").get_attribute("class") or ""
        assert grade in cursor.split()
        samples = page.get_by_test_id(f"samples-{model}")
        samples.locator("[data-grade]").last.wait_for()
        assert samples.locator(".ring [data-grade]").count() == samples.locator("canvas").count()
        label = page.get_by_test_id(f"normal-{model}").locator("text").bounding_box()
        names = pane.locator("svg text[data-class]").all()
        assert names
        for box in (name.bounding_box() for name in names):
            wide = min(label["x"] + label["width"], box["x"] + box["width"])
            high = min(label["y"] + label["height"], box["y"] + box["height"])
            # the boxes are larger by the outlines of the texts, and by the spacing of their lines
            assert wide - max(label["x"], box["x"]) <= 8 or high - max(label["y"], box["y"]) <= 8


def test_two_to_four_models_are_selected(page, served):
    open_page(page, served, "#tab=compare&c.models=1.3")
    assert page.locator("article").count() == 2
    assert page.get_by_role("checkbox", name="vae_debug").is_disabled()  # two is the minimum
    page.get_by_role("checkbox", name="ae_debug", exact=True).check()
    wait_ready(page)
    assert page.locator("article").count() == 3
    assert address(page)["c.models"] == "0.1.3"
    page.set_viewport_size({"width": 500, "height": 800})
    boxes = [page.locator("article").nth(i).bounding_box() for i in range(2)]
    assert boxes[1]["y"] > boxes[0]["y"] + 100  # they stack
    assert page.evaluate("document.documentElement.scrollWidth") <= 500


UNUSUAL_ROW = ("Unusual samples", "Unusual samples", "Samples unlike most real images")


def test_all_models_decode_the_same_samples_and_score_them(page, served):
    open_page(page, served, "#tab=compare&c.seed=7")
    turns = [i % 3 for i in range(16)]
    for model in range(4):
        label = turns if model == CGAN else None
        images = served.registry[model].latent_map.model.sample(16, label, seed=7)
        wait_until(page, f"document.querySelector('[data-testid=sample-{model}-15]')?.width > 0")
        np.testing.assert_array_equal(
            image_on_page(page, f"sample-{model}-15"), to_uint8(images)[15, 0].numpy()
        )
    shares = {}
    for model in (AE, VAE, GAN):
        expected = describe_prior(served.registry[model].latent_map, 7)
        shares[model] = expected["off_data"]["share"]
        page.get_by_test_id(f"prior-summary-{model}").wait_for()
        text = page.get_by_test_id(f"prior-scores-{model}").inner_text()
        assert f"{expected['classes']} of 3 classes" in text
        share = f"{100 * expected['confident']['share']:.0f} % ["
        assert share in text.replace("\xa0", " ").replace("100.0", "100")
        first = float(text.split("\n")[text.split("\n").index(UNUSUAL_ROW[model]) + 1].split()[0])
        assert first == pytest.approx(100 * shares[model], abs=0.51)
    assert "unlike most real images" in text  # the GAN has no encoder
    least, most = sorted((AE, VAE), key=shares.__getitem__)
    page.get_by_test_id("conclusion").get_by_text(served.registry[least].name).wait_for()
    said = page.get_by_test_id("conclusion").inner_text()
    if "more often" in said:
        assert said.index(served.registry[most].name) < said.index(served.registry[least].name)
    with TemporaryDirectory() as folder:
        ran = execute_copied(
            page.get_by_test_id("code-python").nth(1).inner_text(), {}, Path(folder)
        )
    last = to_uint8(ran["images"][served.registry[CGAN].folder])[15, 0].numpy()
    np.testing.assert_array_equal(image_on_page(page, "sample-3-15"), last)
    old = image_on_page(page, "sample-0-0")
    page.get_by_role("button", name="Resample").click()
    assert address(page)["c.seed"] == "8"  # this also waits for the images
    assert not np.array_equal(image_on_page(page, "sample-0-0"), old)


def test_only_comparable_measures_are_ranked(page, served):
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
        open_page(page, served, "#tab=compare&c.models=0.1.2")
        row = page.get_by_test_id("row-frechet")
        row.wait_for()
        assert "real images: 0.5 (lower is better)\u00a0· n\u00a0=\u00a0100" in row.inner_text()
        cells = row.locator(".cell").all_inner_texts()
        assert "[1, 2]" in cells[0]
        assert [("best" in cell) for cell in cells] == [True, False, False]
        assert "best" not in page.get_by_test_id("row-precision").inner_text()
        assert (
            "Not comparable: n 100 against 101" in page.get_by_test_id("row-recall").inner_text()
        )
        assert "can't be compared" in page.get_by_test_id("refusal").inner_text()
        assert page.get_by_test_id("row-kernel").count() == 0
        page.get_by_role("button", name="Show all measures").click()
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


def test_a_run_is_evaluated_from_the_page(page, served, monkeypatch, tmp_path):
    run, gan = (served.registry[model].run for model in (VAE, GAN))
    content = json.dumps(metrics_of(run, {"frechet": measured("Fréchet distance", 2, 1, 3)}))

    def command(evaluate, folder):
        return [sys.executable, "-c", WORK, folder, content]

    monkeypatch.setattr(child_processes, "latentarium_command", command)
    studio = StudioServer(served.registry, runs=tmp_path)
    try:
        page.goto(studio.address + "#tab=compare&c.models=1.2")
        place = page.get_by_test_id("measuring-1")
        place.get_by_text("Not evaluated yet.").wait_for()
        place.get_by_role("button").click()
        place.get_by_text(re.compile(r"of about .*part 2 of 4: labels · about .* left")).wait_for()
        page.get_by_test_id("language").click()
        place.get_by_text("第 2 / 4 部分：標籤").wait_for()
        page.get_by_test_id("language").click()
        page.get_by_test_id("measuring-2").get_by_role("button").click()
        page.get_by_text("Queued.").wait_for()
        for one in (run, gan):
            (one.folder / "go").touch()
        page.get_by_test_id("row-frechet").wait_for()
        assert "[1, 3]" in page.get_by_test_id("row-frechet").inner_text()
        alert = page.get_by_test_id("measuring-2").get_by_role("alert")
        alert.wait_for()
        assert "The images are gone" in alert.inner_text()
    finally:
        page.goto("about:blank")  # its requests would be answered with errors
        studio.stop()
        for one in (run, gan):
            for name in ("metrics.json", "go"):
                (one.folder / name).unlink(missing_ok=True)
    page.problems[:] = [line for line in page.problems if not line.startswith(studio.address)]


def test_one_button_evaluates_all_runs(page, served, monkeypatch, tmp_path):
    rows = {"frechet": measured("Fréchet distance", 2, 1, 3)}
    runs = [served.registry[model].run for model in (AE, VAE)]
    contents = {str(run.folder): json.dumps(metrics_of(run, rows)) for run in runs}

    def command(evaluate, folder):
        return [sys.executable, "-c", WORK, folder, contents[folder]]

    monkeypatch.setattr(child_processes, "latentarium_command", command)
    studio = StudioServer(served.registry, runs=tmp_path)
    try:
        page.goto(studio.address + "#tab=compare&c.models=0.1")
        page.get_by_role("button", name=re.compile(r"Evaluate all 2 \(about \d+\smin")).click()
        page.get_by_text("Model 1 of 2").wait_for()
        page.goto("about:blank")  # the server continues
        (runs[0].folder / "go").touch()
        page.goto(studio.address + "#tab=compare&c.models=0.1")
        page.get_by_text("Model 2 of 2").wait_for()
        (runs[1].folder / "go").touch()
        cells = page.get_by_test_id("row-frechet").locator(".cell")
        wait_until(page, "document.querySelectorAll('[data-testid=row-frechet] b').length === 2")
        assert all("[1, 3]" in text for text in cells.all_inner_texts())
        assert page.get_by_test_id("measuring-all").count() == 0
    finally:
        page.goto("about:blank")  # its requests would be answered with errors
        studio.stop()
        for run in runs:
            for name in ("metrics.json", "go"):
                (run.folder / name).unlink(missing_ok=True)
    page.problems[:] = [line for line in page.problems if not line.startswith(studio.address)]


def test_compare_in_chinese(page, served):
    open_page(page, served, "#tab=compare&c.models=0.2")
    page.get_by_role("button", name="中文").click()
    assert "沒有編碼器" in page.get_by_test_id("pane-2").inner_text()
    assert "評估結果" in page.get_by_test_id("measures").inner_text()
