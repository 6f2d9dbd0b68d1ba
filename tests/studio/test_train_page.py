"""Train in a browser: estimate, training, charts, diagnosis, and uploads."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

import latentarium as la
from latentarium import presets
from latentarium.config import GANConfig
from latentarium.evaluation.game_protocol import VERSION
from latentarium.image_files import png_bytes
from latentarium.run import Run
from latentarium.studio.registry import load_registry
from support.browser import (
    BROWSER_MARKS,
    StudioServer,
    address,
    canvas_summary,
    open_page,
    pixels,
    wait_idle,
    wait_ready,
    wait_until,
)
from support.tiny import tiny_data

pytestmark = BROWSER_MARKS

HAS_STEPPED = "document.querySelector('article progress').value > 0"
WON = {"total": 0.01, "adversarial": 0.001, "pair_accuracy": 1.0, "held_out": 0.01}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished GAN runs: one with the relativistic loss, one with the non-saturating loss."""
    folder = tmp_path_factory.mktemp("runs")
    config = presets.gan_debug()
    la.train(config, folder / "pairs", tiny_data())
    assert isinstance(config.model, GANConfig)
    single = replace(config, model=replace(config.model, loss="non_saturating"))
    la.train(single, folder / "single", tiny_data())
    return folder


@pytest.fixture(scope="module")
def served(runs):
    """A separate server, since the tests open models in it."""
    studio = StudioServer(load_registry([]), runs=runs)
    yield studio
    studio.stop()


def drop(page, path):
    """Drop a folder on the page, as from a file manager."""
    box = page.locator(".zone").bounding_box()
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 10, "data": data}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place})


def write_pictures(folder, images):
    """Write a folder of pictures; images (n, H, W) or (n, H, W, C)."""
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        (folder / f"{i}.png").write_bytes(png_bytes(image))


def wait_for_state(page, state):
    """Wait until the run on the page is in a state."""
    page.locator(f"article header .chip.{state}").wait_for(timeout=120_000)


def loaded(page, count):
    """Wait until the time machine has loaded all of its snapshots."""
    pattern = re.compile(rf"\b{count} \D+ {count}\b")
    page.get_by_test_id("loaded").filter(has_text=pattern).wait_for()


def painted_colours(page, name):
    """Custom properties of the charts, such as "real", whose colour a canvas contains."""
    return set(
        page.evaluate(
            """(name) => {
            const canvas = document.querySelector(`[data-testid=${name}]`);
            const context = canvas.getContext("2d");
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
            const painted = new Set();
            for (let i = 0; i < data.length; i += 4)
              if (data[i + 3] === 255) painted.add(`rgb(${data.slice(i, i + 3).join(", ")})`);
            const probe = canvas.parentElement.appendChild(document.createElement("i"));
            return ["real", "generated", "discriminator", "generator"].filter((property) => {
              probe.style.color = `var(--${property})`;
              return painted.has(getComputedStyle(probe).color);
            }); }""",
            name,
        )
    )


def column_ink(page, name, fraction):
    """Number of painted pixels in the column of a canvas at a fraction of its x axis."""
    return page.evaluate(
        """([name, fraction]) => {
        const canvas = document.querySelector(`[data-testid=${name}]`);
        const x = Math.round(46 + fraction * (canvas.width - 46 - 18));
        const { data } = canvas.getContext("2d").getImageData(x, 0, 1, canvas.height - 22);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length; }""",
        [name, fraction],
    )


def test_train_from_estimate_to_explore(page, served, runs, tmp_path):
    write_pictures(tmp_path / "small", tiny_data().train.images[:, 0].numpy())
    open_page(page, served, "#tab=train")
    drop(page, tmp_path / "small")
    page.get_by_test_id("upload").wait_for(timeout=120_000)
    page.get_by_role("radio", name="vae_debug").click()
    page.get_by_test_id("run-steps").fill("1200")
    start, name = page.get_by_test_id("start-run"), page.get_by_test_id("run-name")
    name.fill("a/b")
    page.get_by_text("A folder can't have this name").wait_for()
    assert start.is_disabled()
    name.fill("數字 7")
    page.get_by_text("A folder can't have this name").wait_for(state="hidden")
    assert (
        "'runs" in (shown := page.get_by_test_id("code-command").inner_text())
        or "/數字 7'" in shown
    )
    name.fill("mine")
    assert start.is_enabled()  # an estimate is not needed
    page.get_by_test_id("estimate").click()
    task = page.get_by_test_id("task")
    task.locator("progress:not([value])").wait_for()  # first, the amount of work is unknown
    task.filter(has_text=re.compile(r" · \D+\d+\ss\b")).wait_for(timeout=120_000)
    assert task.locator("progress").get_attribute("max")
    page.get_by_test_id("estimated-time").wait_for(timeout=120_000)
    assert "autoencoder" in page.locator(".cost").inner_text()
    assert "--train.steps 1200" in page.get_by_test_id("code-command").inner_text()
    assert not (runs / "mine").exists()
    start.click()
    wait_for_state(page, "training")
    page.get_by_test_id("loss-autoencoder-canvas").wait_for()
    wait_until(page, HAS_STEPPED)
    page.get_by_test_id("pause").click()
    wait_for_state(page, "paused")
    page.get_by_test_id("snapshot").wait_for()  # its snapshots are open already
    assert [model.step is None for model in served.registry if model.name == "mine"] == [False]
    page.get_by_test_id("stop").click()
    wait_for_state(page, "stopped")
    page.get_by_test_id("resume").click()
    wait_for_state(page, "done")
    assert re.search(r"1,200\D+1,200", page.get_by_test_id("progress").inner_text())
    assert "mine" in [model.name for model in served.registry]  # opened without a click
    mine = Run(runs / "mine")
    assert mine.config.train.snapshots == 24
    latest = mine.latest_checkpoint()
    assert latest is not None
    assert latest.step == 1200
    steps = [row["step"] for row in mine.log()]
    assert steps == sorted(set(steps))  # none is repeated, and resuming loses none
    page.get_by_test_id("explore").click()
    wait_ready(page)
    radio = page.get_by_role("radio", name="mine VAE")
    assert radio.get_attribute("aria-checked") == "true"
    open_page(page, served, "#tab=train")
    page.get_by_test_id("upload").get_by_role("button").click()  # other tests expect no upload
    page.get_by_test_id("upload").wait_for(state="detached")


def test_command_line_run_is_shown_live(page, served, runs, npz):
    open_page(page, served, "#tab=train")
    folder = runs / "external"
    command = ["train", "gan_debug", "--data", npz, "--run", folder, "--train.steps", "100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "latentarium", *map(str, command)], env=os.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        page.get_by_role("button", name="external").click(timeout=120_000)
        page.get_by_test_id("loss-generator").wait_for()
        slider = page.get_by_test_id("loss-generator")
        first = slider.get_attribute("aria-valuenow")
        wait_until(
            page,
            f"document.querySelector('[data-testid=loss-generator]').ariaValueNow !== '{first}'",
        )
        page.get_by_test_id("pause").click()
        wait_for_state(page, "paused")
        assert process.wait(timeout=30) == 143
    finally:
        process.kill()
        process.wait()
    # a page that is loaded later shows each row once
    rows = Run(folder).log()
    page.reload()
    wait_ready(page)
    page.get_by_test_id("loss-generator").wait_for()
    assert page.get_by_test_id("loss-generator").get_attribute("aria-valuenow") == str(
        rows[-1]["step"]
    )


def test_new_snapshots_extend_the_slider_without_moving_it(page, served, runs, npz, tmp_path):
    config = presets.vae_debug()
    settings = replace(config.train, data=str(npz), snapshots=4)
    run = la.train(replace(config, train=settings), runs / "live")
    for path in ("weights.safetensors", "checkpoints"):  # which don't exist during training
        (run.folder / path).rename(tmp_path / path)
    kept = run.folder / "snapshots"
    *early, later, last = sorted(kept.iterdir())
    for path in (later, last):
        path.rename(tmp_path / path.name)
    with run.lock():
        open_page(page, served, "#tab=train&t.run=live")
        wait_for_state(page, "training")
        slider = page.get_by_test_id("snapshot-slider")
        loaded(page, len(early))
        slider.fill("1")
        page.get_by_test_id("snapshot").filter(has_text="step 0 ").wait_for()
        wait_idle(page)
        before = pixels(page, "samples")
        (tmp_path / later.name).rename(later)
        loaded(page, 3)
        assert (slider.get_attribute("max"), slider.input_value()) == ("3", "1")
        assert page.get_by_test_id("snapshot").inner_text().startswith("step 0 ")
        assert pixels(page, "samples") == before
        slider.fill("3")  # at the end, the selection follows new snapshots
        (tmp_path / last.name).rename(last)
        loaded(page, 4)
        assert slider.input_value() == "4"
        page.get_by_test_id("snapshot").filter(has_text=f"step {int(last.stem)} ").wait_for()
        wait_idle(page)
        assert pixels(page, "samples") != before


def test_unknown_run_in_the_address_is_reported(page, served):
    open_page(page, served, "#tab=train&t.run=long-gone")
    assert "long-gone" in page.get_by_test_id("no-run").get_by_role("alert").inner_text()
    page.get_by_role("button", name="pairs").click()
    page.get_by_test_id("loss-generator").wait_for()
    assert page.get_by_test_id("no-run").count() == 0


def test_step_is_selected_by_click_or_key_and_kept_in_the_address(page, served):
    open_page(page, served, "#tab=train&t.run=pairs")
    chart = page.get_by_test_id("loss-discriminator")
    chart.focus()
    page.keyboard.press("Home")
    assert chart.get_attribute("aria-valuenow") == "10"
    page.keyboard.press("ArrowRight")
    assert chart.get_attribute("aria-valuenow") == "20"
    assert address(page)["t.step"] == "20"
    first = canvas_summary(page, "histogram-canvas")
    page.locator("[data-step='40']").click()
    assert chart.get_attribute("aria-valuenow") == "40"
    assert canvas_summary(page, "histogram-canvas") != first
    assert page.locator(".strip img").first.evaluate("i => i.naturalWidth") > 50
    page.locator("[data-testid=loss-generator]").click(position={"x": 60, "y": 60})
    assert chart.get_attribute("aria-valuenow") == "10"


def test_reference_lines_and_histograms_fit_the_loss(page, served):
    open_page(page, served, "#tab=train&t.run=pairs")
    assert re.search(r"\b0\.693$", page.locator(".reference").first.inner_text())  # log 2
    histograms = page.get_by_test_id("histogram")
    assert histograms.count() == 2  # of images, and of pairs
    # a relativistic discriminator has no absolute chance level: only pairs have a line at 0.5
    assert [histograms.nth(i).locator(".vertical").count() for i in (0, 1)] == [0, 1]
    page.get_by_test_id("explore").click()  # its images were arrays, which can't be loaded again
    page.locator("article").get_by_role("alert").wait_for()
    open_page(page, served, "#tab=train&t.run=single")
    assert re.search(r"\b1\.386$", page.locator(".reference").first.inner_text())  # 2 log 2
    assert histograms.count() == 1
    assert histograms.locator(".vertical").count() == 1
    assert painted_colours(page, "histogram-canvas") >= {"real", "generated"}


def test_diagnosis_updates_live_and_duality_gap_has_intervals(page, served, runs, npz):
    data = la.load_data(npz)
    run = Run.start(runs / "won", presets.gan_debug(), data.card)
    for step in (10, 20, 30):
        run.append_log({"step": step, "seconds": 1.0, "learning_rate": 0.1, "discriminator": WON,
                        "generator": {"total": 9.0}})  # fmt: skip
    moment = {"total": 0.5, "at_least": 0.1, "response_steps": 50, "seconds": 1.0,
              "gains": [{"player": name, "gain": 0.25, "at_least": 0.2}
                        for name in ("discriminator", "generator")]}  # fmt: skip
    run.save_duality_gap(
        {"protocol": {"version": VERSION}, "wanted": [1, 40],
         "snapshots": {"1": moment, "40": moment}}
    )  # fmt: skip
    open_page(page, served, "#tab=train&t.run=won")
    doctor = page.get_by_test_id("doctor")
    assert doctor.get_by_test_id("finding").count() == 0  # too few steps
    status = doctor.get_by_test_id("status")
    assert status.inner_text().startswith("Not trained yet: the number of training steps is 30")
    page.get_by_test_id("language").click()
    assert status.inner_text().startswith("尚未訓練好：目前只訓練了 30 步")
    assert doctor.locator("[lang=en]").count() == 0
    page.get_by_test_id("language").click()
    assert page.get_by_test_id("histogram").count() == 0  # this log contains no scores
    chart = page.get_by_test_id("duality-gap")
    chart.focus()
    for key, step in (("Home", "1"), ("End", "40")):
        page.keyboard.press(key)
        assert chart.get_attribute("aria-valuenow") == step
        assert chart.get_attribute("aria-valuetext").count("≥") == 3  # a bound per line
    # at step 40, the bands from 0.1 to 0.5 and from 0.2 to 0.25 paint most of the axis
    assert column_ink(page, "duality-gap-canvas", 0.997) > 50
    for step in (40, 50):
        run.append_log({"step": step, "seconds": 2.0, "learning_rate": 0.1, "discriminator": WON,
                        "generator": {"total": 9.0}})  # fmt: skip
    doctor.get_by_test_id("finding").first.wait_for()
    assert "--model.r1" in doctor.inner_text()
    page.get_by_test_id("issues").wait_for()
    english = doctor.inner_text()
    page.get_by_test_id("language").click()
    chinese = doctor.inner_text()
    assert len(re.findall("[\u4e00-\u9fff]", chinese)) > 40
    assert "--model.r1" in chinese
    assert doctor.locator("[lang=en]").count() == 0  # everything is translated
    page.get_by_test_id("language").click()
    assert doctor.inner_text() == english


def test_dropped_folder_is_uploaded_checked_and_removed(page, served, runs, tmp_path):
    images = tiny_data().train.images[:24, 0].numpy()
    for name, part in (("cats", images[::2]), ("dogs", images[1::2])):
        write_pictures(tmp_path / "pets" / name, part)
    (tmp_path / "pets" / "notes.txt").write_text("no picture")
    open_page(page, served, "#tab=train")
    drop(page, tmp_path / "pets")
    upload = page.get_by_test_id("upload")
    upload.wait_for(timeout=120_000)
    assert re.search(r"24\D+2\D+10 × 12", upload.inner_text())  # images, classes, size
    assert "⚠" in upload.inner_text()  # a warning about the small classes
    page.get_by_test_id("left-out").wait_for()  # notes.txt
    wait_until(page, "document.querySelector('.pictures img').naturalWidth === 48")
    chosen = page.get_by_role("radio", name=re.compile("pets$"))
    assert chosen.get_attribute("aria-checked") == "true"
    assert f"--data {runs}/uploads/pets" in page.get_by_test_id("code-command").inner_text()
    upload.get_by_role("button").click()
    upload.wait_for(state="detached")
    assert not (runs / "uploads" / "pets").exists()


def test_too_many_files_are_refused_before_upload(page, served, runs):
    open_page(page, served, "#tab=train")
    page.get_by_test_id("folder").evaluate(
        """(input) => {
           const value = Array(20001).fill(new File(["x"], "a.png"));
           Object.defineProperty(input, "files", { value });
           input.dispatchEvent(new Event("change", { bubbles: true })); }"""
    )
    page.get_by_role("alert").filter(has_text="20,001").wait_for()
    assert not list(runs.glob("uploads/*"))


def test_fitting_preset_and_image_size_are_chosen_for_uploaded_pictures(page, served, tmp_path):
    images = tiny_data(shape=(3, 140, 130)).train.images[:24].numpy()
    write_pictures(tmp_path / "photos", images.transpose(0, 2, 3, 1))
    open_page(page, served, "#tab=train")
    code = page.get_by_test_id("code-command")
    assert page.get_by_test_id("image-size").count() == 0  # MNIST has one size
    page.get_by_role("radio", name="cgan_mnist").click()
    drop(page, tmp_path / "photos")
    fitting = page.get_by_test_id("fitting")
    fitting.wait_for(timeout=120_000)
    assert fitting.locator("code").all_inner_texts() == ["vae_images", "gan_images", "ae_images"]
    # pictures without labels, larger than 128 pixels, fewer than the batch size
    vae = page.get_by_role("radio", name=re.compile(r"\bvae_images"))
    assert vae.get_attribute("aria-checked") == "true"
    size = page.get_by_test_id("image-size")
    assert size.get_attribute("placeholder") == "64"
    assert "--image-size 64 --train.batch-size 16" in code.inner_text()
    size.fill("16")
    assert "--image-size 16 " in code.inner_text()
    fitting.get_by_role("button", name="gan_images").click()
    gan = page.get_by_role("radio", name=re.compile(r"\bgan_images"))
    assert gan.get_attribute("aria-checked") == "true"
    with page.expect_request("**/api/estimate") as request:
        page.get_by_test_id("estimate").click()
    assert request.value.post_data_json["image_size"] == 16  # for the rest, see test_jobs.py
    page.get_by_test_id("task").get_by_role("button").click()
    label = page.get_by_test_id("image-size").locator("xpath=..")
    english = label.inner_text()
    page.get_by_test_id("language").click()
    assert re.search("[\u4e00-\u9fff]", label.inner_text() + fitting.inner_text())
    assert label.inner_text() != english
    page.get_by_test_id("language").click()
    page.get_by_test_id("upload").get_by_role("button").click()


def test_broken_files_of_an_upload_are_named_in_both_languages(page, served, tmp_path):
    folder = tmp_path / "broken"
    write_pictures(folder, tiny_data().train.images[:30, 0].numpy())
    (folder / "bad.png").write_text("text")
    rows = "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(30))
    (folder / "labels.csv").write_text(rows)
    open_page(page, served, "#tab=train")
    drop(page, folder)
    upload = page.get_by_test_id("upload")
    upload.wait_for(timeout=120_000)
    for _ in range(2):
        assert re.search(r"⚠.*bad\.png", upload.inner_text())
        assert "labels.csv" in page.get_by_test_id("notes").inner_text()
        page.get_by_test_id("language").click()
    upload.get_by_role("button").click()
    upload.wait_for(state="detached")
