"""The command line as a person uses it."""

import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from latentarium import cli


def call(*arguments: object) -> None:
    cli.main([str(a) for a in arguments])


def test_help_is_quick():
    """Half a second; the bar here leaves room for a busy machine."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "latentarium", "--help"], capture_output=True, check=True
        )
        times.append(time.monotonic() - began)
        assert b"tour" in done.stdout
    assert statistics.median(times) < 1.0


def test_train_lists_the_presets(capsys):
    call("train")
    words = capsys.readouterr().out
    assert "cgan_mnist" in words
    assert "vae_class_mnist" in words


def test_version(capsys):
    call("--version")
    assert capsys.readouterr().out.startswith("latentarium 0.")


def test_train_resume_sample(capsys, npz, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", "cgan_debug", "--data", npz, "--run", folder]
    call(*arguments)
    assert "done" in capsys.readouterr().err
    call(*arguments)
    assert "resumes at step 40 of 40" in capsys.readouterr().err
    out = tmp_path / "two.png"
    call("sample", folder, "--label", "2", "-n", "16", "--seed", "0", "--out", out, "--scale", "1")
    with Image.open(out) as picture:
        assert picture.size == (4 * 10 + 3 * 2, 4 * 12 + 3 * 2)
    first = out.read_bytes()
    call("sample", folder, "--label", "2", "-n", "16", "--seed", "0", "--out", out, "--scale", "1")
    assert out.read_bytes() == first
    call("sample", folder, "-n", "5", "--out", tmp_path / "five.npz")
    with np.load(tmp_path / "five.npz") as arrays:
        assert arrays["images"].shape == (5, 1, 12, 10)
        assert arrays["images"].dtype == np.uint8
    with pytest.raises(SystemExit) as stop:
        call("sample", folder, "--out", tmp_path / "x.gif")
    assert stop.value.code == 2


def test_settings_reach_the_run(capsys, npz, tmp_path):
    call(
        "train", "vae_debug", "--data", npz, "--run", tmp_path / "r", "--model.latent-dim", "3",
        "--train.steps", "10",
    )  # fmt: skip
    from latentarium.run import load

    assert load(tmp_path / "r").latent_dim == 3


def test_data_check(capsys, npz, tmp_path):
    call("data", "check", npz)
    assert "images" in capsys.readouterr().out
    call("data", "check", npz, "--json", "--pictures", tmp_path / "few")
    assert capsys.readouterr().out.startswith("{")
    assert len(list((tmp_path / "few").glob("*.png"))) == 12
    call("data", "check", tmp_path / "few", "--untrusted")
    assert "train 10" in capsys.readouterr().out
