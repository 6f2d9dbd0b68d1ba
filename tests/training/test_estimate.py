"""What a training will cost, said before."""

import dataclasses

import pytest

from conftest import tiny_data
from latentarium import cli, presets
from latentarium.errors import UserError
from latentarium.memory import keep_freed_memory
from latentarium.models.build import build
from latentarium.training.estimate import rehearse
from latentarium.training.train import train


def test_it_foretells_the_training(tmp_path):
    config = presets.gan_debug()
    settings = dataclasses.replace(
        config.train, steps=300, sample_every=0, snapshots=0, checkpoint_every=300
    )  # steps, and no waiting for a disk
    config = dataclasses.replace(config, train=settings)
    data = tiny_data()
    found = rehearse(config, data)
    model = build(config.model, data.card)
    assert sum(found.parameters.values()) == sum(p.numel() for p in model.parameters())
    assert found.passes == pytest.approx(300 * settings.batch_size * 2 / len(data.train))
    assert found.peak_bytes > 50 * 2**20  # torch alone takes more
    took = float(train(config, tmp_path / "r", data).log()[-1]["seconds"])
    assert 0.3 * took < found.total_seconds < 3 * took  # a shared machine is not steady


def test_the_command_writes_nothing(capsys, npz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "r"
    cli.main(["train", "vae_debug", "--data", str(npz), "--run", str(folder), "--dry-run"])
    out = capsys.readouterr().out
    for word in ("Parameters: autoencoder", "Memory:", "A step:", "In all: 40 steps"):
        assert word in out
    assert not folder.exists()


def test_what_can_not_train_can_not_be_rehearsed():
    config = presets.vae_debug()
    settings = dataclasses.replace(config.train, batch_size=5000)
    with pytest.raises(UserError, match="batch_size is 5000"):
        rehearse(dataclasses.replace(config, train=settings), tiny_data())


def test_asking_to_keep_memory_is_harmless():
    assert keep_freed_memory() in (True, False)
    assert keep_freed_memory() == keep_freed_memory()
