"""The commands to train, sample, and check data."""

import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from latentarium.presets import all_presets
from latentarium.run import load
from support.command_line import error_code, output_of, resumed_step, run_command


@pytest.mark.slow
def test_help_takes_less_than_a_second():
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "latentarium", "--help"], capture_output=True, check=True
        )
        seconds.append(time.monotonic() - start)
        assert b"tour" in done.stdout
    assert statistics.median(seconds) < 1.0


def test_train_without_a_preset_lists_all_presets(capsys):
    output = output_of(capsys, "train")
    listed = {line.split()[0] for line in output.splitlines() if line.startswith("  ")}
    assert listed == set(all_presets())


def test_version(capsys):
    assert output_of(capsys, "--version").startswith("latentarium 0.")


def test_a_finished_run_resumes_at_its_end(capsys, npz, tmp_path):
    command = ["train", "cgan_debug", "--data", npz, "--run", tmp_path / "run"]
    run_command(*command)
    weights = (tmp_path / "run" / "weights.safetensors").read_bytes()
    capsys.readouterr()
    run_command(*command)
    assert resumed_step(capsys.readouterr().err) == 40
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == weights


def test_samples_are_written_as_png_and_npz_and_depend_on_the_seed_only(npz, tmp_path, capsys):
    folder, out = tmp_path / "run", tmp_path / "grid.png"
    run_command("train", "cgan_debug", "--data", npz, "--run", folder)
    command = ["sample", folder, "--label", "2", "-n", "16", "--seed", "0", "--scale", "1"]
    run_command(*command, "--out", out)
    with Image.open(out) as picture:
        assert picture.size == (4 * 10 + 3 * 2, 4 * 12 + 3 * 2)
    content = out.read_bytes()
    run_command(*command, "--out", out)
    assert out.read_bytes() == content
    run_command("sample", folder, "-n", "5", "--out", tmp_path / "five.npz")
    with np.load(tmp_path / "five.npz") as arrays:
        assert arrays["images"].shape == (5, 1, 12, 10)
        assert arrays["images"].dtype == np.uint8
    capsys.readouterr()
    for n, words in ((1, "1 image from"), (2, "2 images from")):
        run_command("sample", folder, "-n", str(n), "--out", out)
        assert words in capsys.readouterr().err
    assert error_code(capsys, "sample", folder, "--out", tmp_path / "x.gif") == "unknown-format"
    conflict = ["--label", "1", "--gaussian", "1"]
    assert error_code(capsys, "sample", folder, *conflict) == "conflicting-options"


def test_settings_on_the_command_line_reach_the_run(npz, tmp_path):
    run_command(
        "train", "vae_debug", "--data", npz, "--run", tmp_path / "r", "--model.latent-dim", "3",
        "--train.steps", "10",
    )  # fmt: skip
    assert load(tmp_path / "r").latent_dim == 3


def test_data_check_reports_and_writes_thumbnails(capsys, npz, tmp_path):
    assert "images" in output_of(capsys, "data", "check", npz)
    folder = tmp_path / "few"
    output = output_of(capsys, "data", "check", npz, "--json", "--pictures", folder)
    assert output.startswith("{")
    assert len(list(folder.glob("*.png"))) == 12
    assert "train 10" in output_of(capsys, "data", "check", folder, "--untrusted")
