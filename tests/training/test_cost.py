"""The cost estimate predicts the training and writes nothing."""

import dataclasses
import json
from functools import partial
from types import SimpleNamespace

import pytest

from latentarium import cli, presets
from latentarium.models.build import build
from latentarium.training import estimate, train
from support.errors import raises_code
from support.tiny import tiny_data


def test_the_estimate_predicts_the_training(tmp_path):
    config = presets.gan_debug()
    settings = dataclasses.replace(
        config.train, steps=300, sample_every=0, snapshots=0, checkpoint_every=300
    )  # steps only, without waiting for the disk
    config = dataclasses.replace(config, train=settings)
    data = tiny_data()
    cost = estimate(config, data, min_seconds=0.5)
    model = build(config.model, data.card)
    assert sum(cost.parameters.values()) == sum(p.numel() for p in model.parameters())
    assert cost.passes == pytest.approx(300 * settings.batch_size * 2 / len(data.train))
    assert cost.peak_bytes > 50 * 2**20  # torch alone takes more
    seconds = float(train(config, tmp_path / "r", data).log()[-1]["seconds"])
    assert 0.3 * seconds < cost.total_seconds < 3 * seconds  # the machine may be busy


def test_slow_steps_end_the_estimate_early(monkeypatch):
    ticks = iter(map(float, range(100)))  # each reading of the clock is a second later
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr("latentarium.training.cost.time", clock)
    shares = []
    cost = estimate(presets.gan_debug(), tiny_data(), max_seconds=8.0, progress=shares.append)
    assert cost.timed < 10
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert estimate(presets.gan_debug(), tiny_data(), max_seconds=0.01).timed == 1


def test_the_command_reports_and_writes_nothing(capsys, npz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("latentarium.training.estimate", partial(estimate, min_seconds=0.1))
    folder = tmp_path / "r"
    command = ["train", "vae_debug", "--data", str(npz), "--run", str(folder), "--dry-run"]
    cli.main(command)
    assert "40 steps" in capsys.readouterr().out
    cli.main([*command, "--json"])
    cost = json.loads(capsys.readouterr().out)
    assert cost["steps"] == 40
    assert cost["parameters"].keys() == {"autoencoder"}
    assert min(cost["peak_bytes"], cost["step_seconds"], cost["total_seconds"]) > 0
    assert not folder.exists()


def test_settings_that_cannot_train_cannot_be_estimated():
    config = presets.vae_debug()
    settings = dataclasses.replace(config.train, batch_size=5000)
    with raises_code("batch-too-large"):
        estimate(dataclasses.replace(config, train=settings), tiny_data())
