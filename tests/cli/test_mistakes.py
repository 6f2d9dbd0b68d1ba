"""Mistakes and full disks lead to one message and exit code 2, and no checkpoint is lost."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from latentarium import presets
from latentarium.cli.interrupts import stopped
from latentarium.progress import JSON_VARIABLE
from latentarium.run import Run
from latentarium.training import Reporter, train
from support.command_line import error_and_code, error_code, refused, resumed_step, run_command
from support.errors import raises_code
from support.tiny import tiny_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(presets.cgan_debug(), tmp_path_factory.mktemp("trained") / "run", tiny_data())


@pytest.fixture
def run(trained, tmp_path):
    """A run that a test may change."""
    return Run(shutil.copytree(trained.folder, tmp_path / "run"))


def contents(folder):
    """Return the content of all files below a folder."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_error_is_one_line_for_people(capsys, npz, run, tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert len(refused(capsys, "sample", run.folder, "-n", "0").splitlines()) == 1
    error = refused(capsys, "train", "cgan_debug", "--data", npz, "--run", file)
    assert str(file) in error.splitlines()[-1]


def test_a_path_through_a_file_is_refused(capsys, npz, run, tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    for folder in (file, file / "run"):
        command = ["train", "cgan_debug", "--data", npz, "--run", folder]
        assert error_code(capsys, *command) == "cannot-write"
    assert error_code(capsys, "sample", run.folder, "--out", file / "x.png") == "cannot-write"
    assert file.read_text() == "not a folder"


def test_an_output_that_is_a_folder_is_refused(capsys, run, tmp_path):
    (tmp_path / "x.png").mkdir()
    out = tmp_path / "x.png"
    assert error_code(capsys, "sample", run.folder, "--out", out) == "cannot-write"
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize("command", ["evaluate", "compare", "doctor"])
def test_a_json_file_that_can_not_be_written_is_refused_before_measuring(
    capsys, run, tmp_path, monkeypatch, command
):
    def measure(*arguments, **options):
        raise AssertionError("nothing should be measured")

    monkeypatch.setattr("latentarium.evaluation.evaluate_run", measure)
    monkeypatch.setattr("latentarium.diagnostics.examine.examine", measure)
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out.json"
    runs = [run.folder] * 2 if command == "compare" else [run.folder]
    assert error_code(capsys, command, *runs, "--json", out) == "cannot-write"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-n", "0"], "invalid-count"),
        (["--scale", "0"], "invalid-scale"),
        (["--truncation", "nan"], "invalid-truncation"),
        (["--truncation", "-1"], "invalid-truncation"),
        (["--label", "²"], "unknown-class"),
        (["--out", "x.jpg"], "unknown-format"),
    ],
)
def test_invalid_options_of_sample_are_refused(
    capsys, run, tmp_path, monkeypatch, arguments, code
):
    monkeypatch.chdir(tmp_path)
    assert error_code(capsys, "sample", run.folder, *arguments) == code
    assert list(tmp_path.glob("*.png")) == []


COMMANDS = """
import json, sys
from latentarium import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments)
    except SystemExit as stop:
        print(stop.code, flush=True)
"""


def test_folders_without_permission_are_refused(npz, run, tmp_path):
    before = contents(run.folder)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o000)
    run.folder.chmod(0o555)
    train_to = ["train", "cgan_debug", "--data", str(npz), "--run"]
    commands = [
        [*train_to, str(run.folder / "new")],
        ["sample", str(run.folder), "--out", str(run.folder / "x.png")],
        [*train_to, str(locked / "run")],
        ["sample", str(locked / "run")],
    ]
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    if os.geteuid() == 0:  # root may read and write everything unless it drops these rights
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv, since the tests run as root")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = {**os.environ, JSON_VARIABLE: "60"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    finally:
        run.folder.chmod(0o755)
        locked.chmod(0o755)
    assert done.stdout.split() == ["2"] * 4
    errors = [json.loads(line) for line in done.stderr.strip().splitlines()]
    assert [error["code"] for error in errors] == [
        "cannot-write", "cannot-write", "file-error", "damaged-file",
    ]  # fmt: skip
    assert contents(run.folder) == before


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.filterwarnings("default:The checkpoint:UserWarning")
def test_a_run_with_damaged_checkpoints_only_is_not_started_again(capsys, npz, tmp_path):
    folder = tmp_path / "r"
    command = ["train", "gan_debug", "--data", npz, "--run", folder]
    run_command(*command)
    checkpoints = list((folder / "checkpoints").glob("*.safetensors"))
    for path in checkpoints:
        flip_bit(path)
    before = contents(folder)
    with pytest.warns(UserWarning, match=r"\.safetensors") as caught:
        assert error_code(capsys, *command) == "damaged-checkpoints"
    assert all(any(str(path) in str(w.message) for w in caught) for path in checkpoints)
    after = contents(folder)
    assert {path: after.get(path) for path in before} == before


def test_one_damaged_checkpoint_costs_the_steps_since_the_previous_one(npz, capsys, tmp_path):
    command = ["train", "gan_debug", "--data", npz, "--run", tmp_path / "r"]
    run_command(*command)
    weights = tmp_path / "r" / "weights.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    damaged = tmp_path / "r" / "checkpoints" / "000000040.safetensors"
    flip_bit(damaged)
    capsys.readouterr()
    with pytest.warns(UserWarning, match=re.escape(str(damaged))):
        run_command(*command)
    assert resumed_step(capsys.readouterr().err) == 30
    assert weights.read_bytes() == before


def test_a_loss_that_is_not_finite_stops_the_training(npz, capsys, tmp_path):
    code = error_code(
        capsys, "train", "vae_debug", "--data", npz, "--run", tmp_path / "r",
        "--optimizer.learning-rate", "1e30", "--optimizer.warmup-steps", "0",
    )  # fmt: skip
    assert code == "not-finite"
    assert not (tmp_path / "r" / "weights.safetensors").exists()


class StopAtStart(Reporter):
    """Records the step at which a training starts, and stops it."""

    def start(self, run, step):
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
        # background jobs of a shell ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob("checkpoints/*.json")):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert error_code(capsys, *arguments) == "run-locked"
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=60)[1]
    finally:
        child.kill()
    assert child.returncode == 130
    assert error.strip()
    assert "Traceback" not in error
    reporter = StopAtStart()
    run = Run(folder)
    saved = run.latest_checkpoint()
    assert saved is not None
    with pytest.raises(KeyboardInterrupt):
        train(run.config, folder, reporter=reporter)
    assert reporter.step == saved.step > 0


def test_a_warning_is_one_line_without_its_source(monkeypatch):
    formatted = []

    def get_with_warning(name):
        warning = UserWarning("the message")
        formatted.append(warnings.formatwarning(warning, UserWarning, "run.py", 5))
        return presets.all_presets()[name]()

    default_format = warnings.formatwarning
    monkeypatch.setattr(presets, "get", get_with_warning)
    with pytest.raises(SystemExit):
        run_command("train", "gan_debug", "--help")
    assert formatted == ["latentarium: the message\n"]
    assert warnings.formatwarning is default_format


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "get", interrupt)
    with pytest.raises(SystemExit) as stop:
        run_command("train", "gan_debug")
    assert stop.value.code == 130
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.fixture
def small_disk(tmp_path):
    """The folder of a mounted disk of 256 kB; skips if this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_costs_no_checkpoint(small_disk, npz, capsys, tmp_path):
    command = ["train", "cgan_debug", "--data", npz, "--run", small_disk / "r"]
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 60_000)
    assert error_code(capsys, *command) == "cannot-write"
    ballast.unlink()
    run = Run(small_disk / "r")
    saved = run.latest_checkpoint()
    assert saved is not None
    assert saved.step < 40
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    run_command(*command)
    assert resumed_step(capsys.readouterr().err) == saved.step
    uninterrupted = train(run.config, tmp_path / "uninterrupted")
    name = "weights.safetensors"
    assert (run.folder / name).read_bytes() == (uninterrupted.folder / name).read_bytes()


def test_an_unknown_device_is_refused(tmp_path):
    config = presets.gan_debug()
    config = replace(config, train=replace(config.train, device="cuda:99"))
    with raises_code("no-such-device"):
        train(config, tmp_path / "r", tiny_data())
    assert not (tmp_path / "r").exists()


def test_points_in_the_plane_can_not_be_convolved(capsys, tmp_path):
    command = ["train", "vae_debug", "--data", "ring", "--run", tmp_path / "r"]
    assert error_code(capsys, *command) == "image-too-small"
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("option", ["--image-size", "--train.steps"])
def test_a_number_that_can_not_be_read_gives_one_clear_message(capsys, run, option):
    command = ["resume", run] if option == "--train.steps" else ["train", "ae_mnist"]
    message, code = error_and_code(capsys, *command, option, "1e3")
    assert code == "invalid-arguments"
    assert f"{option} is '1e3'; it must be an integer." in message
    assert "NoneType" not in message


def test_a_port_that_does_not_exist_is_refused(capsys):
    message, code = error_and_code(capsys, "studio", "--port", 99_999_999, "--no-browse")
    assert code == "no-port"
    assert "99999999" in message
    assert "0 to 65535" in message


def test_ctrl_c_promises_to_resume_only_where_a_command_resumes():
    assert stopped(["train", "vae_mnist"]) == "Stopped. To resume, repeat the command."
    assert stopped(["fit-prior", "runs/ae"]) == "Stopped."
    assert stopped([]) == "Stopped."
