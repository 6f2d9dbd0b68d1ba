"""Train in a browser: from an estimate to a model to explore, and pictures of one's own."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import latentarium as la
from conftest import tiny_data
from latentarium import presets
from latentarium.config import GANConfig
from latentarium.image_files import png_bytes
from latentarium.run import Run
from latentarium.studio.registry import gallery_of
from pages import IN_A_BROWSER, Served, address, go, pixels, quiet, ready, until

pytestmark = IN_A_BROWSER

MOVED = "!document.querySelector('[data-testid=progress]').innerText.startsWith('step 0 ')"
WON = {"total": 0.01, "adversarial": 0.001, "pair_accuracy": 1.0, "held_out": 0.01}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with runs that have ended: a game, and one that is judged for each image."""
    folder = tmp_path_factory.mktemp("runs")
    config = presets.gan_debug()
    la.train(config, folder / "pairs", tiny_data())
    assert isinstance(config.model, GANConfig)
    single = replace(config, model=replace(config.model, loss="non_saturating"))
    la.train(single, folder / "single", tiny_data())
    return folder


@pytest.fixture(scope="module")
def served(runs):
    """A studio of its own, as models join it."""
    studio = Served(gallery_of([]), runs=runs)
    yield studio
    studio.stop()


def drop(page, path):
    """Lets go of a folder over the page, as from a file manager."""
    box = page.locator(".zone").bounding_box()
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 10, "data": data}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place})


def state(page, words):
    """Waits until the run that is shown says so of itself."""
    page.locator("article header .chip").get_by_text(words, exact=True).wait_for(timeout=120_000)


def test_from_an_estimate_to_a_model_to_explore(page, served, runs, tmp_path):
    go(page, served, "#tab=train")
    page.get_by_role("radio", name="vae_debug").click()
    page.get_by_label("Steps").fill("600")
    page.get_by_label("Name").fill("mine")
    begin = page.get_by_role("button", name="Start training")
    assert begin.is_disabled()  # not before it is known what it takes
    page.get_by_role("button", name="What will it take?").click()
    waiting = page.get_by_test_id("waiting")
    waiting.get_by_text("Starts the program").wait_for()
    left = waiting.get_by_text(re.compile(r"Takes a few steps.* · about \d+ s left"))
    left.wait_for(timeout=120_000)
    page.get_by_test_id("takes").wait_for(timeout=120_000)
    assert "autoencoder" in page.locator(".cost").inner_text()
    assert "--train.steps 600" in page.get_by_test_id("code-command").inner_text()
    assert not (runs / "mine").exists()
    begin.click()
    state(page, "training")
    page.locator("[data-testid=loss-autoencoder] path").first.wait_for()
    until(page, MOVED)
    page.get_by_role("button", name="Pause").click()
    state(page, "paused")
    page.get_by_test_id("moment").wait_for()  # its snapshots can be looked at already
    assert [one.step is None for one in served.gallery if one.name == "mine"] == [False]
    page.get_by_role("button", name="Stop, and keep").click()
    state(page, "stopped")
    page.get_by_role("button", name="Resume").click()
    state(page, "done")
    assert "step 600 of 600" in page.get_by_test_id("progress").inner_text()
    assert "mine" in [one.name for one in served.gallery]  # it has joined by itself
    mine = Run(runs / "mine")
    assert mine.config.train.snapshots == 24
    whole = la.train(mine.config, tmp_path / "whole")
    for name, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, mine.load().state_dict()[name]), name
    page.get_by_role("button", name="Explore it").click()
    ready(page)
    radio = page.get_by_role("radio", name="mine VAE")
    assert radio.get_attribute("aria-checked") == "true"


def test_a_run_of_the_command_line_shows_live(page, served, runs, npz):
    go(page, served, "#tab=train")
    folder = runs / "elsewhere"
    command = ["train", "gan_debug", "--data", npz, "--run", folder, "--train.steps", "100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "latentarium", *map(str, command)], env=os.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        page.get_by_role("button", name="elsewhere").click(timeout=120_000)
        page.get_by_test_id("loss-generator").wait_for()
        slider = page.get_by_test_id("loss-generator")
        first = slider.get_attribute("aria-valuenow")
        until(
            page,
            f"document.querySelector('[data-testid=loss-generator]').ariaValueNow !== '{first}'",
        )
        page.get_by_role("button", name="Pause").click()
        state(page, "paused")
        assert process.wait(timeout=30) == 143
    finally:
        process.kill()
        process.wait()
    # a page that comes later shows each row once
    rows = Run(folder).log()
    page.reload()
    ready(page)
    page.get_by_test_id("loss-generator").wait_for()
    assert page.get_by_test_id("loss-generator").get_attribute("aria-valuenow") == str(
        rows[-1]["step"]
    )


def test_the_slider_grows_while_it_trains_and_moves_nobody(page, served, runs, npz, tmp_path):
    config = presets.vae_debug()
    settings = replace(config.train, data=str(npz), snapshots=4)
    run = la.train(replace(config, train=settings), runs / "live")
    for path in ("weights.safetensors", "checkpoints"):  # as while it trains
        (run.folder / path).rename(tmp_path / path)
    kept = run.folder / "snapshots"
    *early, later, last = sorted(kept.iterdir())
    for path in (later, last):
        path.rename(tmp_path / path.name)
    with run.lock():
        go(page, served, "#tab=train&t.run=live")
        state(page, "training")
        slider = page.get_by_label("Moment of the training")
        page.get_by_test_id("loaded").filter(has_text=f"{len(early)} of {len(early)}").wait_for()
        slider.fill("1")
        page.get_by_test_id("moment").filter(has_text="step 0 ").wait_for()
        quiet(page)
        seen = pixels(page, "samples")
        (tmp_path / later.name).rename(later)
        page.get_by_test_id("loaded").filter(has_text="3 of 3").wait_for()
        assert (slider.get_attribute("max"), slider.input_value()) == ("3", "1")
        assert page.get_by_test_id("moment").inner_text().startswith("step 0 ")
        assert pixels(page, "samples") == seen
        slider.fill("3")  # who stands at the end goes on with it
        (tmp_path / last.name).rename(last)
        page.get_by_test_id("loaded").filter(has_text="4 of 4").wait_for()
        assert slider.input_value() == "4"
        page.get_by_test_id("moment").filter(has_text=f"step {int(last.stem)} ").wait_for()
        quiet(page)
        assert pixels(page, "samples") != seen


def test_a_run_that_is_not_there_is_said(page, served):
    go(page, served, "#tab=train&t.run=long-gone")
    assert "There is no run long-gone here" in page.get_by_test_id("no-run").inner_text()
    assert "choose one from the list" in page.get_by_test_id("no-run").inner_text()
    page.get_by_role("button", name="pairs").click()
    page.get_by_test_id("loss-generator").wait_for()
    assert page.get_by_test_id("no-run").count() == 0


def test_a_step_is_chosen_by_click_and_by_key_and_kept_in_the_address(page, served):
    go(page, served, "#tab=train&t.run=pairs")
    chart = page.get_by_test_id("loss-discriminator")
    chart.focus()
    page.keyboard.press("Home")
    assert chart.get_attribute("aria-valuenow") == "10"
    page.keyboard.press("ArrowRight")
    assert chart.get_attribute("aria-valuenow") == "20"
    assert address(page)["t.step"] == "20"
    first = page.locator("[data-testid=histogram]").first.inner_html()
    page.get_by_role("button", name="step 40").click()
    assert chart.get_attribute("aria-valuenow") == "40"
    assert page.locator("[data-testid=histogram]").first.inner_html() != first
    assert page.locator(".strip img").first.evaluate("i => i.naturalWidth") > 50
    page.locator("[data-testid=loss-generator]").click(position={"x": 60, "y": 60})
    assert chart.get_attribute("aria-valuenow") == "10"


def test_reference_lines_and_histograms_say_what_holds_for_the_loss(page, served):
    go(page, served, "#tab=train&t.run=pairs")
    text = page.locator("article").inner_text()
    assert "nothing can be told apart: 0.693" in page.locator(".charts").inner_text()
    assert "only differences count" in text
    assert page.get_by_test_id("histogram").count() == 2
    page.get_by_role("button", name="Explore it").click()  # of images that have no name
    assert "other images" in page.locator("article").get_by_role("alert").inner_text()
    go(page, served, "#tab=train&t.run=single")
    assert "nothing can be told apart: 1.386" in page.locator(".charts").inner_text()
    assert "At 0.5 the discriminator can tell nothing" in page.locator("article").inner_text()
    assert page.get_by_test_id("histogram").count() == 1
    assert page.locator("[data-testid=histogram] rect").count() == 48


def test_the_doctor_speaks_while_it_trains_and_the_gap_is_drawn(page, served, runs, npz):
    data = la.load_data(npz)
    run = Run.start(runs / "ill", presets.gan_debug(), data.card)
    for step in (10, 20, 30):
        run.append_log({"step": step, "seconds": 1.0, "learning_rate": 0.1, "discriminator": WON,
                        "generator": {"total": 9.0}})  # fmt: skip
    moment = {"total": 0.5, "interval": [0.4, 0.6], "response_steps": 50, "seconds": 1.0,
              "gains": [{"player": name, "gain": 0.25, "interval": [0.2, 0.3]}
                        for name in ("discriminator", "generator")]}  # fmt: skip
    run.save_gap({"protocol": {}, "wanted": [1, 40], "moments": {"1": moment, "40": moment}})
    go(page, served, "#tab=train&t.run=ill")
    doctor = page.get_by_test_id("doctor")
    assert "Too early" in doctor.inner_text()
    assert "older version made this log" in page.locator("article").inner_text()
    page.get_by_test_id("gap").wait_for()
    assert page.locator("[data-testid=gap] .interval").count() == 6
    for step in (40, 50):
        run.append_log({"step": step, "seconds": 2.0, "learning_rate": 0.1, "discriminator": WON,
                        "generator": {"total": 9.0}})  # fmt: skip
    doctor.get_by_text("Discriminator has won").wait_for()
    assert "--model.r1" in doctor.inner_text()
    page.get_by_test_id("ill").get_by_text("discriminator has won").wait_for()
    page.get_by_role("button", name="中文").click()
    assert "診斷" in doctor.inner_text()
    assert "判別器幾乎認得出每一張生成影像" in doctor.inner_text()
    assert "重新訓練：--model.r1" in doctor.inner_text()
    assert doctor.locator("[lang=en]").count() == 0
    page.get_by_role("button", name="English").click()


def test_a_folder_of_pictures_is_sent_looked_at_and_removed(page, served, runs, tmp_path):
    images = tiny_data().train.images.numpy()
    for i in range(24):
        path = tmp_path / "pets" / ("cats", "dogs")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(images[i, 0]))
    (tmp_path / "pets" / "notes.txt").write_text("no picture")
    go(page, served, "#tab=train")
    drop(page, tmp_path / "pets")
    kept = page.get_by_test_id("upload")
    kept.wait_for(timeout=120_000)
    assert "24 images, 2 classes, 10 × 12" in kept.inner_text()
    assert "Fewer than 20" in kept.inner_text()
    assert "One file is no picture" in page.locator(".how").inner_text()
    until(page, "document.querySelector('.pictures img').naturalWidth === 48")
    chosen = page.get_by_role("radio", name="Your own: pets")
    assert chosen.get_attribute("aria-checked") == "true"
    assert f"--data {runs}/uploads/pets" in page.get_by_test_id("code-command").inner_text()
    kept.get_by_role("button", name="Remove").click()
    kept.wait_for(state="detached")
    assert not (runs / "uploads" / "pets").exists()


def test_a_folder_of_too_many_files_is_refused_at_once_with_the_mend(page, served):
    go(page, served, "#tab=train")
    page.get_by_test_id("folder").evaluate(
        """(input) => {
           const value = Array(20001).fill(new File(["x"], "a.png"));
           Object.defineProperty(input, "files", { value });
           input.dispatchEvent(new Event("change", { bubbles: true })); }"""
    )
    page.get_by_text("drop one zip of them").wait_for()
    assert "20,001 files" in page.get_by_role("alert").inner_text()
