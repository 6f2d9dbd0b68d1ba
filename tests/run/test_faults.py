"""A person's mistake is one sentence and exit code 2, and never costs a checkpoint."""

import errno
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import conftest
from conftest import tiny_data
from latentarium import cli, files, presets
from latentarium.errors import UserError
from latentarium.run import Run, load
from latentarium.training import loop
from latentarium.training import train


@pytest.fixture
def run(tmp_path):
    return train(presets.cgan_debug(), tmp_path / "run", tiny_data())


def refused(capsys, *arguments: object) -> str:
    """The sentence alone: nothing was begun."""
    error = conftest.refused(capsys, *arguments)
    assert len(error.splitlines()) == 1
    return error


def test_unknown_preset(capsys):
    assert "Did you mean 'cgan_debug'?" in refused(capsys, "train", "cgan_debgu")


def test_unknown_setting(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "cgan_debug", "--model.latentdim", "3"])
    assert stop.value.code == 2
    assert "latentdim" in "".join(capsys.readouterr())


def test_a_setting_that_cannot_work(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "cgan_debug", "--train.steps", "0"])
    assert stop.value.code == 2
    assert "steps is 0; give at least 1" in "".join(capsys.readouterr())


def test_unknown_key_in_a_run(capsys, run):
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    content["config"]["model"]["latent_dims"] = 3
    path.write_text(json.dumps(content))
    assert "no key 'latent_dims'" in refused(capsys, "sample", run.folder)


def test_missing_and_broken_data(capsys, tmp_path, run):
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


def test_wrong_and_superfluous_labels(capsys, run, tmp_path):
    assert "no class 9" in refused(capsys, "sample", run.folder, "--label", "9")
    gan = train(presets.gan_debug(), tmp_path / "gan", tiny_data())
    assert "can't be told" in refused(capsys, "sample", gan.folder, "--label", "1")


def test_no_run_and_an_unfinished_run(capsys, tmp_path, run):
    assert "not a run folder" in refused(capsys, "sample", tmp_path / "nowhere")
    (run.folder / "weights.safetensors").unlink()
    assert "has not ended" in refused(capsys, "sample", run.folder)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_one_flipped_bit_in_the_weights_is_noticed(share, capsys, run):
    path = run.folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(bytes(content))
    assert "checksum is wrong" in refused(capsys, "sample", run.folder)


def test_damaged_weights(capsys, run):
    path = run.folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    assert "damaged" in refused(capsys, "sample", run.folder)


def test_a_run_of_another_format(capsys, run, npz):
    path = run.folder / "config.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 7'))
    kept = sorted(p.name for p in (run.folder / "checkpoints").iterdir())
    words = refused(capsys, "train", "cgan_debug", "--data", npz, "--run", run.folder)
    assert "run format 7" in words
    assert sorted(p.name for p in (run.folder / "checkpoints").iterdir()) == kept


def test_a_folder_with_another_run_or_other_files(tmp_path, run):
    other = presets.cgan_debug()
    other = replace(other, train=replace(other.train, seed=5))
    with pytest.raises(UserError, match=r"train.seed is 0 there and 5 here"):
        train(other, run.folder, tiny_data())
    with pytest.raises(UserError, match="trained on other data"):
        train(presets.cgan_debug(), run.folder, tiny_data(shape=(1, 12, 11)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(UserError, match="has other files"):
        train(presets.ae_debug(), tmp_path / "mine", tiny_data())
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]


def half_trained(folder: Path) -> Run:
    """A run stopped after its second checkpoint."""
    from latentarium.training import Reporter

    class Stop(Reporter):
        def update(self, step, row):
            if step == 30:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(presets.cgan_debug(), folder, tiny_data(), reporter=Stop())
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
        with pytest.raises(UserError, match="the disk is full; free some space"):
            train(presets.cgan_debug(), run.folder, tiny_data())
    assert step_of(run) == step
    assert not list(run.folder.rglob("*.tmp"))
    train(presets.cgan_debug(), run.folder, tiny_data())
    assert load(run.folder).sample(1).shape == (1, 1, 12, 10)


def test_a_real_size_limit_costs_nothing(tmp_path, npz):
    """The system itself refuses to write more than 20 kB into a file."""
    code = (
        "import resource, signal, sys; from latentarium import cli;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); cli.main(sys.argv[1:])"
    )
    assert resource.RLIMIT_FSIZE is not None
    arguments = ["train", "cgan_debug", "--data", str(npz), "--run", str(tmp_path / "r")]
    child = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert child.returncode == 2, child.stderr
    assert "raise the limit" in child.stderr
    assert "Traceback" not in child.stderr
    run = train(presets.cgan_debug(), tmp_path / "r2", tiny_data())
    assert run.folder.exists()


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    run = half_trained(tmp_path / "r")
    steps = sorted(int(p.stem) for p in (run.folder / "checkpoints").glob("*.json"))
    assert steps == [10, 20]
    newest = run.folder / "checkpoints" / "000000020.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match="checksum is wrong"):
        assert step_of(run) == 10
    newest.write_bytes(content[:100])
    with pytest.warns(UserWarning, match="checksum is wrong"):
        assert step_of(run) == 10
    (run.folder / "checkpoints" / "000000010.safetensors").unlink()
    with pytest.warns(match="damaged"), pytest.raises(UserError, match="All checkpoints"):
        train(presets.cgan_debug(), run.folder, tiny_data())


def test_a_second_process_is_refused(run):
    with run.lock(), pytest.raises(UserError, match="Another process is training"):
        train(presets.cgan_debug(), run.folder, tiny_data())


def test_a_loss_that_is_not_finite_names_player_and_step(tmp_path):
    config = presets.gan_debug()
    config = replace(
        config, optimizer=replace(config.optimizer, learning_rate=1e30, warmup_steps=0)
    )
    with pytest.raises(
        UserError, match=r"(discriminator|generator)'s loss is not finite at step .*no checkpoint"
    ):
        train(config, tmp_path / "r", tiny_data())
    assert Run(tmp_path / "r").latest_checkpoint() is None


def test_a_loss_that_runs_away_late_names_the_last_good_checkpoint(tmp_path, monkeypatch):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, steps=40, checkpoint_every=10))

    def rate(*arguments):
        return 1e30 if arguments[1] >= 25 else 1e-3

    monkeypatch.setattr(loop, "learning_rate", rate)
    runs_away = r"autoencoder's (loss|parameters) (is|are) not finite (at|after) step (2[6-9]|30)"
    with pytest.raises(UserError, match=runs_away) as sentence:
        train(config, tmp_path / "r", tiny_data())
    assert "last good checkpoint is that of step 20" in str(sentence.value)
    assert str(tmp_path / "r" / "checkpoints" / "000000020.safetensors") in str(sentence.value)
    checkpoint = Run(tmp_path / "r").latest_checkpoint()
    assert checkpoint is not None
    assert checkpoint.step == 20


def test_a_torn_log_line_is_tolerated(run):
    path = run.folder / "log.jsonl"
    rows = run.log()
    with path.open("ab") as file:
        file.write(b'{"step": 50, "ima')
    assert run.log() == rows
    run.append_log({"step": 60})
    assert [row["step"] for row in run.log()] == [10, 20, 30, 40, 60]
