"""Runs on the page: names, notes, trash, charts of several, and explained terms."""

import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import latentarium as la
from latentarium import presets
from latentarium.run import Run
from latentarium.run.records import Notes
from latentarium.studio.registry import load_registry
from support.browser import BROWSER_MARKS, StudioServer, open_page, tracked_page, wait_idle
from support.layout import layout_faults
from support.tiny import tiny_data

pytestmark = BROWSER_MARKS


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs with one objective, and one with another objective."""
    folder = tmp_path_factory.mktemp("runs")
    config = presets.vae_debug()
    la.train(config, folder / "one", tiny_data())
    la.train(replace(config, train=replace(config.train, seed=1)), folder / "two", tiny_data())
    la.train(presets.ae_debug(), folder / "other", tiny_data())
    return folder


@pytest.fixture(scope="module")
def served(runs):
    studio = StudioServer(load_registry([]), runs=runs)
    yield studio
    studio.stop()


def test_run_is_renamed_annotated_deleted_and_restored(page, served, runs):
    open_page(page, served, "#tab=train&t.run=one")
    page.get_by_test_id("edit-notes").click()
    page.get_by_test_id("run-title").fill("β = 1, 第一次")
    page.get_by_test_id("run-note").fill("First try\n<b>bold</b>")
    page.get_by_test_id("save-notes").click()
    page.get_by_role("heading", name="β = 1, 第一次").wait_for()
    assert page.get_by_test_id("note").inner_text() == "First try\n<b>bold</b>"
    page.locator("nav .run", has_text="β = 1, 第一次").wait_for()
    assert (runs / "one" / "config.json").exists()  # the path stays
    page.get_by_test_id("delete-run").click()
    deleted = page.get_by_test_id("deleted")
    deleted.wait_for()
    assert "β = 1, 第一次" in deleted.inner_text()
    page.locator("nav .run", has_text="β = 1").wait_for(state="detached")
    assert not (runs / "one").exists()
    deleted.get_by_role("button").click()  # undo
    page.get_by_role("heading", name="β = 1, 第一次").wait_for()
    assert Run(runs / "one").notes().note.startswith("First try")
    assert page.get_by_test_id("trash").count() == 0
    # the trash is still there after the page was reloaded
    page.get_by_test_id("delete-run").click()
    deleted.wait_for()
    page.reload()
    page.get_by_test_id("trash").locator("summary").click()
    page.get_by_test_id("trash").get_by_role("button").click()
    page.get_by_role("heading", name="β = 1, 第一次").wait_for()


def test_runs_are_listed_in_the_order_of_their_numbers(page, served, runs):
    numbered = ("run 10", "run 9", "Run 8")
    for name in numbered:
        shutil.copytree(runs / "two", runs / name)
    Run(runs / "run 9").save_notes(Notes(title="run 11"))
    open_page(page, served, "#tab=train&t.run=two")
    listed = page.locator("nav .run b").all_inner_texts()
    assert [name for name in listed if name.lower().startswith("run")] == [
        "Run 8", "run 10", "run 11"
    ]  # fmt: skip
    page.get_by_test_id("losses").locator("summary").click()
    candidates = page.get_by_test_id("losses").locator("label").all_inner_texts()
    assert [name.split(" vae")[0].strip() for name in candidates if "un " in name] == [
        "Run 8", "run 10", "run 11"
    ]  # fmt: skip
    for name in numbered:
        shutil.rmtree(runs / name)


def test_losses_of_several_runs_are_in_one_chart(page, served):
    open_page(page, served, "#tab=train&t.run=two")
    losses = page.get_by_test_id("losses")
    losses.locator("summary").click()
    losses.get_by_label("other").check()
    losses.get_by_test_id("losses-differ").wait_for()  # an autoencoder's loss has another scale
    losses.get_by_label("other").uncheck()
    losses.get_by_test_id("losses-differ").wait_for(state="detached")
    losses.get_by_label(re.compile(r"\bone\b|β = 1")).check()
    chart = losses.get_by_test_id("losses-autoencoder")
    chart.wait_for()
    wait_idle(page)
    expected = [Run(served.settings["runs"] / name).log()[-1] for name in ("two", "one")]
    text = losses.locator(".readings b").all_inner_texts()
    for shown, row in zip(text, expected, strict=True):
        assert float(shown) == pytest.approx(row["autoencoder"]["total"], rel=0.01)


def test_term_opens_its_explanation_by_key_and_closes(page, served):
    open_page(page, served, "#tab=train&t.run=two")
    term = page.locator("[data-term=elbo]").first
    term.focus()
    page.keyboard.press("Enter")
    box = page.get_by_test_id("explanation")
    box.wait_for()
    assert "KL(q" in box.locator(".formula").inner_text()
    assert box.get_by_role("link").get_attribute("href").startswith("https://")
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert term.evaluate("element => element === document.activeElement")
    page.get_by_test_id("language").click()
    page.set_viewport_size({"width": 390, "height": 844})
    term.click()
    box.wait_for()
    assert "下界" in box.inner_text()
    place = box.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 390
    assert place["y"] >= 0
    assert place["y"] + place["height"] <= 844
    page.mouse.click(5, 840)  # anywhere else
    box.wait_for(state="detached")
    page.get_by_test_id("language").click()


def test_long_names_and_notes_fit_on_a_phone(browser, served, runs):
    phone = {"width": 390, "height": 844}
    page = tracked_page(browser.new_context(viewport=phone, has_touch=True, is_mobile=True))
    run = Run(runs / "other")
    run.save_notes(Notes(title="很長的名稱 🙂 " * 8, note=f"שלום עולם 🙂\n{'w' * 300}"))
    try:
        open_page(page, served, "#tab=train&t.run=other")
        assert layout_faults(page) == []
        page.get_by_test_id("edit-notes").click()
        assert layout_faults(page) == []
    finally:
        run.save_notes(Notes())
        page.context.close()


@pytest.mark.parametrize("forced", ["none", "active"])
def test_the_main_button_is_readable_with_forced_colours(browser, served, forced):
    page = tracked_page(browser.new_context(forced_colors=forced))
    for address, button in (("t.run=two", "explore"), ("", "start-run")):
        open_page(page, served, f"#tab=train&{address}")
        picture = Image.open(io.BytesIO(page.get_by_test_id(button).screenshot())).convert("L")
        width, height = picture.size
        text = np.array(picture)[height // 4 : -height // 4, width // 5 : -width // 5].astype(int)
        assert text.max() - text.min() > 100
    page.context.close()


def test_a_long_list_leaves_the_run_in_sight_and_shows_its_entry(browser, tmp_path):
    la.train(presets.ae_debug(), tmp_path / "run 00", tiny_data())
    for i in range(1, 30):
        shutil.copytree(tmp_path / "run 00", tmp_path / f"run {i:02}")
    studio = StudioServer(load_registry([]), runs=tmp_path)
    page = tracked_page(browser.new_context())
    try:
        for width, height in ((390, 844), (1280, 800)):
            page.set_viewport_size({"width": width, "height": height})
            open_page(page, studio, "#tab=train&t.run=run%2025")
            for element in (page.locator("article h2"), page.locator("nav .run[aria-current]")):
                box = element.bounding_box()
                assert box["y"] >= 0
                assert box["y"] + box["height"] <= height
            assert layout_faults(page) == []
    finally:
        page.context.close()
        studio.stop()
