"""Files of a run that are damaged, or written by someone else, are refused with a message.

Nothing may be built, or computed for long, from values that do not fit the weights.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest
from safetensors.torch import load_file, save_file

from latentarium import presets
from latentarium.errors import UserError
from latentarium.evaluation.reasons import as_reason
from latentarium.evaluation.report import Report
from latentarium.evaluation.report import compare as compare_reports
from latentarium.run import Run
from latentarium.stats.measurement import Measurement
from latentarium.training import finish, train
from support.command_line import run_command
from support.errors import raises_code
from support.hostile_json import damaged, read
from support.stopping import train_until
from support.tiny import tiny_data

SECONDS = 10
GAP = {
    "protocol": {"seed": 0},
    "wanted": [0, 40],
    "snapshots": {
        "40": {
            "total": 0.5, "interval": [0.1, 0.9], "response_steps": 5, "seconds": 1.0,
            "gains": [{"player": "p", "before": 1.0, "after": 0.5, "gain": 0.5,
                       "interval": [0.1, 0.9], "rate": 0.1}],
        }
    },
}  # fmt: skip


def metrics_of(run: Run) -> dict:
    measurement = Measurement(name="n", value=0.5, interval=(0.1, 0.9), n=100, split="test")
    report = Report(
        model="m", data="d", fingerprint="f", seed=0, measurements={"mse": measurement},
        left_out={"a": as_reason("b")}, seconds={"a": 1.0}, tables={"t": [1]},
    )  # fmt: skip
    return {"run": "r", "weights": run.weights_hash(), **report.to_dict()}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A finished run with results."""
    folder = tmp_path_factory.mktemp("runs") / "r"
    run = train(presets.cgan_debug(), folder, tiny_data())
    run.save_metrics(metrics_of(run))
    run.save_duality_gap(GAP)
    return folder


@pytest.fixture
def run_folder(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "r"))


@contextlib.contextmanager
def in_time():
    """The block must end within seconds."""

    def give_up(*_: object) -> None:
        raise AssertionError(f"took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def load(folder: Path) -> None:
    """Use the model, the weights and the checkpoints."""
    run = Run(folder)
    for use in (
        lambda: run.load().sample(2, label=0),
        lambda: run.load(40),
        lambda: (run.weights_step(), run.saved_step(), run.is_current()),
        lambda: Run.start(folder, run.config, tiny_data().card),
        lambda: finish(folder),
    ):
        with contextlib.suppress(UserError):
            use()


def compare(folder: Path) -> None:
    report = Report.from_dict(Run(folder).metrics() or {})
    compare_reports({"a": report, "b": report})


def show_gap(folder: Path) -> None:
    for gap in (Run(folder).duality_gap() or GAP)["snapshots"].values():
        low, high = gap.get("interval") or (0.0, 0.0)
        assert f"{gap['total']:.3f} {low:.3f} {high:.3f}"


def show_progress(folder: Path) -> None:
    run = Run(folder)
    assert run.progress() is None or len(run.progress() or ()) == 2


def resume(folder: Path) -> None:
    Run(folder).latest_checkpoint()


@pytest.mark.filterwarnings("ignore:The checkpoint:UserWarning")
@pytest.mark.parametrize(
    ("name", "use", "examples"),
    [
        ("config.json", load, 40),
        ("metrics.json", compare, 80),
        ("duality_gap.json", show_gap, 60),
        ("progress.json", show_progress, 50),
        ("checkpoints/000000040.json", resume, 50),
    ],
)
def test_a_damaged_file_is_refused_with_a_message(name, use, examples, run_folder):
    content, random = read(run_folder / name), Random(0)
    for _ in range(examples):
        (run_folder / name).write_bytes(damaged(content, random))
        with in_time(), contextlib.suppress(UserError):
            use(run_folder)


def change(folder: Path, name: str, *path: str, value: object) -> None:
    content = read(folder / name)
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("config", "model", "latent_dim"), 10**30, "invalid-setting"),
        (("config", "model", "latent_dim"), 999_999, "damaged-weights"),
        (("config", "model", "latent_dim"), 9, "damaged-weights"),
        (("config", "model", "generator", "depth"), 10**7, "invalid-setting"),
        (("config", "model", "generator", "depth"), 1000, "damaged-weights"),
        (("config", "model", "generator", "width"), 100_000, "damaged-weights"),
        (("config", "model", "conditional"), False, "invalid-setting"),
        (("data", "image_shape"), [1, 100_000, 100_000], "damaged-weights"),
        (("data", "image_shape"), [1, 20, 10], "damaged-weights"),
        (("data", "classes"), ["a"] * 10_000, "damaged-weights"),
        (("data", "classes"), [], "labels-missing"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_weights_build_no_model(path, value, code, run_folder):
    change(run_folder, "config.json", *path, value=value)
    start = time.monotonic()
    with raises_code(code):
        Run(run_folder).load()
    assert time.monotonic() - start < SECONDS


def test_commands_refuse_damaged_results(run_folder, tmp_path, capsys):
    other = shutil.copytree(run_folder, tmp_path / "other")
    for path, value in (
        (("fingerprint",), None),
        (("left_out",), 0),
        (("left_out", "a", "text"), 0),
        (("model",), 5),
        (("measurements", "mse", "n"), ""),
        (("measurements", "mse", "name"), 7),
        (("measurements", "mse", "value"), 10**400),
        (("measurements", "mse"), None),
        (("measurements",), {"mse": []}),
        (("weights",), 3),
    ):
        shutil.copy(other / "metrics.json", run_folder)
        change(run_folder, "metrics.json", *path, value=value)
        with pytest.raises(SystemExit) as stop:
            run_command("compare", run_folder, other)
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert "valuate the run again" in error, (path, error)


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": true}', b'{"step": -3}', b'{"step": 1, "seconds": "x"}', b'{"step": 1.5}',
        b'{"step": 41, "seconds": true}', b'{"step": 41, "gan": {"total": "x"}}',
        b'{"step": 41, "gan": "x"}', b"[" * 100_000, b"\xff\xfe",
        b'{"step": ' + b"9" * 5000 + b"}",
        b'{"step": {}}', b'"x"', b"null",
    ],
    ids=lambda line: line[:20],
)  # fmt: skip
def test_a_malformed_row_of_the_log_is_left_out(line, run_folder):
    run = Run(run_folder)
    rows = run.log()
    with run.log_path.open("ab") as file:
        file.write(line + b"\n")
    assert run.log() == rows


def test_huge_numbers_in_the_log_become_none(run_folder):
    run = Run(run_folder)
    with run.log_path.open("ab") as file:
        file.write(b'{"step": 41, "seconds": 1' + b"0" * 400 + b', "gan": {"total": 1e999}}\n')
    assert run.log()[-1] == {"step": 41, "seconds": None, "gan": {"total": None}}
    assert run.training_seconds() > 0


def test_a_doctor_of_a_damaged_log_says_so(run_folder, npz, capsys):
    log = run_folder / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows * 20:
        row["discriminator"]["total"] = [1]
    rows = [{**row, "step": step} for step, row in enumerate(rows * 20, 1)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SystemExit) as stop:
        run_command("doctor", run_folder, "--data", npz)
    assert stop.value.code == 2
    assert "log.jsonl" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The checkpoint:UserWarning")
def test_older_weights_never_replace_newer_ones(tmp_path, run_folder, capsys):
    """The newest checkpoint is damaged, so that of step 30 is restored."""
    run, weights = Run(run_folder), (run_folder / "weights.safetensors").read_bytes()
    with run.checkpoint_path(40).open("ab") as file:
        file.write(b"x")
    with pytest.warns(UserWarning, match="step 40"):
        finish(run_folder)
    assert (run_folder / "weights.safetensors").read_bytes() == weights
    assert run.weights_step() == 40
    capsys.readouterr()
    with pytest.warns(UserWarning, match="step 40"):
        run_command("finish", run_folder)
    assert "step 40" in "".join(capsys.readouterr())
    (run_folder / "weights.safetensors").write_bytes(weights[:-1])  # damaged: of no use
    finish(run_folder)
    assert run.saved_step() == 30
    run_command("finish", run_folder)
    assert "step 30" in "".join(capsys.readouterr())
    assert train(run.config, run_folder, tiny_data()).weights_step() == 40
    assert (run_folder / "weights.safetensors").read_bytes() == weights


@pytest.mark.filterwarnings("ignore:The checkpoint:UserWarning")
def test_unversioned_weights_of_a_later_step_are_kept(run_folder):
    """Weights of version 0.1.0 have no step; that of the newest checkpoint is assumed."""
    run, path = Run(run_folder), run_folder / "weights.safetensors"
    save_file(load_file(path), path)
    content = path.read_bytes()
    with run.checkpoint_path(40).open("ab") as file:
        file.write(b"x")
    with pytest.warns(UserWarning, match="step 40"):
        finish(run_folder)
    assert path.read_bytes() == content


def test_finish_after_more_training_replaces_the_weights(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    train_until(13, presets.vae_debug(), folder, data)
    finish(folder)
    assert Run(folder).weights_step() == 13
    train_until(17, presets.vae_debug(), folder, data)
    finish(folder)
    assert Run(folder).weights_step() == 17


def test_a_pipe_instead_of_a_file_is_refused_at_once(run_folder):
    for name in ("config.json", "metrics.json", "weights.safetensors"):
        path = run_folder / name
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with in_time(), raises_code("damaged-file"):
            Run(run_folder)
        path.unlink()
        path.write_bytes(content)
    assert asdict(Run(run_folder).config.train)["steps"] == 40
