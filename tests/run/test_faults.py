"""A user error is one message with exit code 2, and never costs a checkpoint."""

import errno
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from latentarium import cli, files, presets
from latentarium.run import Run, load
from latentarium.training import loop, train
from support import command_line
from support.errors import raises_code
from support.limits import file_size_limit
from support.stopping import InterruptAt
from support.tiny import tiny_data


@pytest.fixture
def run(tmp_path):
    return train(presets.cgan_debug(), tmp_path / "run", tiny_data())


def refused(capsys, *arguments: object) -> str:
    """Run a command that must fail with a single line, and return it."""
    error = command_line.refused(capsys, *arguments)
    assert len(error.splitlines()) == 1
    return error


def test_an_unknown_preset_is_refused_with_a_suggestion(capsys):
    assert "'cgan_debug'" in refused(capsys, "train", "cgan_debgu")


def test_an_unknown_setting_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "cgan_debug", "--model.latentdim", "3"])
    assert stop.value.code == 2
    assert "latentdim" in "".join(capsys.readouterr())


def test_an_invalid_setting_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "cgan_debug", "--train.steps", "0"])
    assert stop.value.code == 2
    assert "steps is 0" in "".join(capsys.readouterr())


def test_an_unknown_key_in_a_run_is_refused(capsys, run):
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    content["config"]["model"]["latent_dims"] = 3
    path.write_text(json.dumps(content))
    assert "'latent_dims'" in refused(capsys, "sample", run.folder)


def test_missing_and_damaged_data_is_refused(capsys, tmp_path, run):
    folder = tmp_path / "new"
    gone = tmp_path / "gone.npz"
    assert "gone.npz" in refused(capsys, "train", "ae_debug", "--data", gone, "--run", folder)
    assert not folder.exists()
    cut = tmp_path / "train-images-idx3-ubyte"
    cut.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28]) + b"\0" * 100)
    assert "train-images-idx3-ubyte" in refused(capsys, "data", "check", cut)
    cut.write_bytes(b"nonsense" * 40)
    assert "train-images-idx3-ubyte" in refused(capsys, "data", "check", cut)
    zipped = tmp_path / "t10k-images-idx3-ubyte.gz"
    zipped.write_bytes(b"\x1f\x8b\x08\0nonsense")
    assert "t10k-images-idx3-ubyte.gz" in refused(capsys, "data", "check", zipped)


def test_unknown_and_unexpected_labels_are_refused(capsys, run, tmp_path):
    assert "9" in refused(capsys, "sample", run.folder, "--label", "9")
    gan = train(presets.gan_debug(), tmp_path / "gan", tiny_data())
    refused(capsys, "sample", gan.folder, "--label", "1")


def test_a_missing_and_an_unfinished_run_are_refused(capsys, tmp_path, run):
    assert "nowhere" in refused(capsys, "sample", tmp_path / "nowhere")
    with raises_code("not-a-run"):
        load(tmp_path / "nowhere")
    for path in ("", "shipped:foo"):
        with raises_code("not-a-run") as caught:
            load(path)
    assert "shipped:cgan" in str(caught.value)
    (run.folder / "weights.safetensors").unlink()
    refused(capsys, "sample", run.folder)
    with raises_code("no-weights"):
        load(run.folder)


@pytest.mark.parametrize("position", [0.3, 0.6, 0.999])
def test_a_flipped_bit_in_the_weights_is_noticed(position, capsys, run):
    path = run.folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(bytes(content))
    refused(capsys, "sample", run.folder)
    with raises_code("damaged-weights"):
        run.load()


@pytest.mark.parametrize("size", [0, 5, 300, -50])
def test_truncated_weights_are_noticed(size, run):
    path = run.folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with raises_code("damaged-weights"):
        run.load()
    assert run.weights_step() == 40  # from the checkpoint, unless the header is intact


def test_a_run_of_another_format_is_refused_and_kept(capsys, run, npz):
    path = run.folder / "config.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 7'))
    kept = sorted(p.name for p in (run.folder / "checkpoints").iterdir())
    error = refused(capsys, "train", "cgan_debug", "--data", npz, "--run", run.folder)
    assert "format 7" in error
    assert sorted(p.name for p in (run.folder / "checkpoints").iterdir()) == kept


def test_a_folder_with_another_run_or_other_files_is_refused(tmp_path, run):
    other = presets.cgan_debug()
    other = replace(other, train=replace(other.train, seed=5))
    with raises_code("other-run") as caught:
        train(other, run.folder, tiny_data())
    assert "train.seed" in str(caught.value)
    with raises_code("other-data"):
        train(presets.cgan_debug(), run.folder, tiny_data(shape=(1, 12, 11)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with raises_code("folder-not-empty"):
        train(presets.ae_debug(), tmp_path / "mine", tiny_data())
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]


def half_trained(folder: Path) -> Run:
    """Return a run that stopped after its second checkpoint."""
    with pytest.raises(KeyboardInterrupt):
        train(presets.cgan_debug(), folder, tiny_data(), reporter=InterruptAt(30))
    return Run(folder)


def step_of(run: Run) -> int:
    saved = run.latest_checkpoint()
    assert saved is not None
    return saved.step


def test_a_full_disk_costs_nothing(tmp_path, monkeypatch):
    run = half_trained(tmp_path / "r")
    step = step_of(run)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with raises_code("cannot-write"):
            train(presets.cgan_debug(), run.folder, tiny_data())
    assert step_of(run) == step
    assert not list(run.folder.rglob("*.tmp"))
    train(presets.cgan_debug(), run.folder, tiny_data())
    assert load(run.folder).sample(1).shape == (1, 1, 12, 10)


def test_a_file_size_limit_costs_nothing(tmp_path, npz):
    """The operating system refuses files larger than 20 kB."""
    command = [sys.executable, "-m", "latentarium", "train", "cgan_debug", "--data", str(npz),
               "--run", str(tmp_path / "r")]  # fmt: skip
    with file_size_limit(20_000):  # which a child process inherits
        child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 2, child.stderr
    assert str(tmp_path / "r") in child.stderr
    assert "Traceback" not in child.stderr
    run = train(presets.cgan_debug(), tmp_path / "r2", tiny_data())
    assert run.folder.exists()


def test_a_damaged_checkpoint_is_skipped(tmp_path):
    run = half_trained(tmp_path / "r")
    steps = sorted(int(p.stem) for p in (run.folder / "checkpoints").glob("*.json"))
    assert steps == [10, 20]
    newest = run.folder / "checkpoints" / "000000020.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match="0000000"):
        assert step_of(run) == 10
    newest.write_bytes(content[:100])
    with pytest.warns(UserWarning, match="0000000"):
        assert step_of(run) == 10
    (run.folder / "checkpoints" / "000000010.safetensors").unlink()
    with pytest.warns(UserWarning, match="0000000"), raises_code("damaged-checkpoints"):
        train(presets.cgan_debug(), run.folder, tiny_data())


def test_a_second_process_is_refused(run):
    with run.lock(), raises_code("run-locked"):
        train(presets.cgan_debug(), run.folder, tiny_data())


def test_a_non_finite_loss_names_player_and_step(tmp_path):
    config = presets.gan_debug()
    config = replace(
        config, optimizer=replace(config.optimizer, learning_rate=1e30, warmup_steps=0)
    )
    with raises_code("not-finite") as caught:
        train(config, tmp_path / "r", tiny_data())
    assert re.search(r"(discriminator|generator).* step \d+", str(caught.value))
    assert Run(tmp_path / "r").latest_checkpoint() is None


def test_a_loss_that_diverges_late_names_the_last_good_checkpoint(tmp_path, monkeypatch):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, steps=40, checkpoint_every=10))

    def rate(*arguments):
        return 1e30 if arguments[1] >= 25 else 1e-3

    monkeypatch.setattr(loop, "learning_rate", rate)
    with raises_code("not-finite") as caught:
        train(config, tmp_path / "r", tiny_data())
    assert re.search(r"autoencoder.* step (2[6-9]|30)\b", str(caught.value))
    assert str(Run(tmp_path / "r").checkpoint_path(20)) in str(caught.value)
    checkpoint = Run(tmp_path / "r").latest_checkpoint()
    assert checkpoint is not None
    assert checkpoint.step == 20


def test_an_incomplete_log_line_is_tolerated(run):
    path = run.folder / "log.jsonl"
    rows = run.log()
    with path.open("ab") as file:
        file.write(b'{"step": 50, "ima')
    assert run.log() == rows
    run.append_log({"step": 60})
    assert [row["step"] for row in run.log()] == [10, 20, 30, 40, 60]
