"""More that can go wrong on a real machine: one sentence, code 2, and no checkpoint is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import refused, tiny_data
from latentarium import cli, presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training import Reporter, train


@pytest.fixture
def run(tmp_path):
    return train(presets.cgan_debug(), tmp_path / "run", tiny_data())


def test_a_path_through_a_file(capsys, npz, run, tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        words = refused(capsys, "train", "cgan_debug", "--data", npz, "--run", folder)
        assert "is a file, not a folder" in words
    out = tmp_path / "file" / "x.png"
    assert "is a file, not a folder" in refused(capsys, "sample", run.folder, "--out", out)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_that_is_a_folder(capsys, run, tmp_path):
    (tmp_path / "x.png").mkdir()
    words = refused(capsys, "sample", run.folder, "--out", tmp_path / "x.png")
    assert "it is a folder; choose another name" in words
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "0"], "n is 0"),
        (["--scale", "0"], "scale is 0"),
        (["--truncation", "nan"], "truncation is nan"),
        (["--truncation", "-1"], "truncation is -1.0"),
        (["--label", "²"], "There is no class '²'"),
        (["--out", "x.jpg"], "neither in .png nor in .npz"),
    ],
)
def test_a_sample_that_cannot_be(capsys, run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, "sample", run.folder, *arguments)
    assert list(tmp_path.glob("*.png")) == []


CALLS = """
import json, sys
from latentarium import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments)
    except SystemExit as stop:
        print(stop.code, flush=True)
"""


def test_folders_that_may_not_be_written_or_read(npz, run, tmp_path):
    whole = {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()}
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o000)
    run.folder.chmod(0o555)
    train_to = ["train", "cgan_debug", "--data", str(npz), "--run"]
    calls = [
        [*train_to, str(run.folder / "new")],
        ["sample", str(run.folder), "--out", str(run.folder / "x.png")],
        [*train_to, str(locked / "run")],
        ["sample", str(locked / "run")],
    ]
    command = [sys.executable, "-c", CALLS, json.dumps(calls)]
    if os.geteuid() == 0:  # for whom nothing is forbidden, unless he gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("the superuser can't give up his rights here")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        run.folder.chmod(0o755)
        locked.chmod(0o755)
    assert done.stdout.split() == ["2"] * 4
    sentences = done.stderr.strip().splitlines()
    assert len(sentences) == 4
    assert all("you may not write there; choose another folder" in s for s in sentences[:2])
    assert all("Permission denied" in s for s in sentences[2:])
    assert {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()} == whole


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.filterwarnings("default:The checkpoint:UserWarning")
def test_a_run_whose_checkpoints_are_all_damaged_is_not_trained_anew(capsys, npz, tmp_path):
    arguments = ["train", "gan_debug", "--data", npz, "--run", tmp_path / "r"]
    cli.main([str(a) for a in arguments])
    capsys.readouterr()
    for path in (tmp_path / "r" / "checkpoints").glob("*.safetensors"):
        damage(path)
    before = {p: p.read_bytes() for p in (tmp_path / "r").rglob("*") if p.is_file()}
    with pytest.warns(UserWarning, match="its checksum is wrong"):
        words = refused(capsys, *arguments)
    assert "All checkpoints in" in words
    assert {p: p.read_bytes() for p in before} == before


def test_one_damaged_checkpoint_costs_the_steps_since_the_one_before(npz, capsys, tmp_path):
    arguments = ["train", "gan_debug", "--data", str(npz), "--run", str(tmp_path / "r")]
    cli.main(arguments)
    weights = tmp_path / "r" / "weights.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    damage(tmp_path / "r" / "checkpoints" / "000000040.safetensors")
    with pytest.warns(UserWarning, match="the one before it is tried"):
        cli.main(arguments)
    assert "resumes at step 30 of 40" in capsys.readouterr().err
    assert weights.read_bytes() == before


def test_a_loss_that_is_not_finite_through_the_command_line(npz, capsys, tmp_path):
    words = refused(
        capsys, "train", "vae_debug", "--data", npz, "--run", tmp_path / "r",
        "--optimizer.learning-rate", "1e30", "--optimizer.warmup-steps", "0",
    )  # fmt: skip
    assert "The autoencoder's" in words
    assert "not finite" in words
    assert not (tmp_path / "r" / "weights.safetensors").exists()


class Look(Reporter):
    """Sees where training begins, and stops it there."""

    def start(self, config, step):
        self.step = step
        raise KeyboardInterrupt


def test_a_second_process_is_refused_and_ctrl_c_leaves_a_run_to_resume(npz, capsys, tmp_path):
    folder = tmp_path / "r"
    arguments = ["train", "gan_debug", "--data", str(npz), "--run", str(folder)]
    arguments += ["--train.steps", "1000000", "--train.sample-every", "0"]
    child = subprocess.Popen(
        [sys.executable, "-m", "latentarium", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job ignores it
    )
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob("checkpoints/*.json")):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "Another process is training" in refused(capsys, *arguments)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=60)[1]
    finally:
        child.kill()
    assert child.returncode == 130
    assert "Traceback" not in error
    assert "Stopped. The same command resumes." in error
    look = Look()
    run = Run(folder)
    saved = run.latest_checkpoint()
    assert saved is not None
    with pytest.raises(KeyboardInterrupt):
        train(run.config, folder, reporter=look)
    assert look.step == saved.step > 0


def test_a_warning_is_one_line_without_source(monkeypatch, capsys):
    shown = []

    def warn(name):
        shown.append(warnings.formatwarning(UserWarning("mind this"), UserWarning, "run.py", 5))
        return presets.all_presets()[name]()

    usual = warnings.formatwarning
    monkeypatch.setattr(presets, "get", warn)
    with pytest.raises(SystemExit):
        cli.main(["train", "gan_debug", "--help"])
    assert shown == ["latentarium: mind this\n"]
    assert warnings.formatwarning is usual


def test_ctrl_c_is_code_130(monkeypatch, capsys):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "get", interrupt)
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "gan_debug"])
    assert stop.value.code == 130
    assert "The same command resumes." in capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB of its own, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(options, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        made = False
    if not made:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk, npz, capsys, tmp_path):
    arguments = ["train", "cgan_debug", "--data", npz, "--run", small_disk / "r"]
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 60_000)
    words = refused(capsys, *arguments)
    assert "the disk is full; free some space and run the same command again" in words
    ballast.unlink()
    run = Run(small_disk / "r")
    saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step < 40
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    cli.main([str(a) for a in arguments])
    assert f"resumes at step {saved.step} of 40" in capsys.readouterr().err
    whole = train(Run(small_disk / "r").config, tmp_path / "whole")
    name = "weights.safetensors"
    assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_device_that_is_not_there():
    config = presets.gan_debug()
    config = replace(config, train=replace(config.train, device="cuda:99"))
    with pytest.raises(UserError, match="no device 'cuda:99' here"):
        train(config, "nowhere", tiny_data())
    assert not Path("nowhere").exists()


def test_points_in_the_plane_need_no_convolutions(capsys, tmp_path):
    words = refused(capsys, "train", "vae_debug", "--data", "ring", "--run", tmp_path / "r")
    assert "1 x 1 pixels" in words
    assert "kind to 'mlp'" in words
    assert not (tmp_path / "r").exists()
