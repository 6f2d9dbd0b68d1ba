"""Trainings at the same time give the runs of trainings one after the other."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from latentarium import presets
from latentarium.errors import StoppedError
from latentarium.run import Run
from latentarium.training import Reporter, Training, train, train_together
from latentarium.training.together import EventWriter, Follower
from support.errors import raises_code
from support.tiny import tiny_data


class Recorder(Reporter):
    """Records what is reported."""

    def __init__(self, title: str) -> None:
        self.title, self.events = title, []

    def start(self, config, step) -> None:
        self.events.append(("start", step))

    def update(self, step, row) -> None:
        self.events.append(("update", step))

    def end(self, seconds) -> None:
        self.events.append(("end", None))


@pytest.fixture
def source(tmp_path):
    """A file with the images of the tiny data set."""
    train = tiny_data().train
    assert train.labels is not None
    path = tmp_path / "data.npz"
    np.savez(path, images=train.images[:, 0].numpy(), labels=train.labels.numpy())
    return str(path)


def training(source, folder, preset="gan_debug", **settings):
    config = presets.get(preset)
    config = replace(config, train=replace(config.train, data=source, **settings))
    return Training(title=folder.name, config=config, folder=folder)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_weights_and_reports_are_those_of_trainings_in_turn(
    workers, source, tmp_path, monkeypatch
):
    monkeypatch.setenv("LATENTARIUM_WORKERS", workers)
    reporters: dict[str, Recorder] = {}

    def reporter(title):
        return reporters.setdefault(title, Recorder(title))

    trainings = [
        training(source, tmp_path / preset, preset) for preset in ("gan_debug", "ae_debug")
    ]
    results = train_together(trainings, reporter=reporter)
    for item, result in zip(trainings, results, strict=True):
        alone = train(item.config, tmp_path / f"alone-{item.title}")
        assert result.run.folder == item.folder
        assert result.run.weights_hash() == alone.weights_hash()
        assert reporters[item.title].events == [
            ("start", 0), *(("update", row["step"]) for row in alone.log()), ("end", None),
        ]  # fmt: skip


def test_an_error_of_one_training_does_not_end_the_others(source, tmp_path):
    bad = training("no-such-data", tmp_path / "bad")
    good = training(source, tmp_path / "good")
    with raises_code("unknown-source"):
        train_together([bad, good], reporter=Reporter_of_nothing)
    assert Run(good.folder).weights_step() == good.config.train.steps


def Reporter_of_nothing(title):
    return Reporter()


def test_events_are_passed_on_once_and_only_when_they_are_complete(tmp_path):
    path, recorder = tmp_path / "events", Recorder("r")
    writer = EventWriter(path)
    follower = Follower(path, presets.ae_debug(), lambda: recorder)
    follower.report()  # there is no file yet
    writer.start(presets.ae_debug(), 3)
    with path.open("a") as file:
        file.write('{"step": 4, ')
    follower.report()
    assert recorder.events == [("start", 3)]
    with path.open("a") as file:
        file.write('"row": {}}\n')
    follower.report()
    follower.report()
    assert recorder.events == [("start", 3), ("update", 4)]


def test_after_a_stop_no_training_starts(source, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", "1")  # the second one waits for the first
    items = [training(source, tmp_path / name, steps=1_000_000) for name in ("a", "b")]

    class Stop(Reporter):
        def start(self, config, step) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(StoppedError):
        train_together(items, reporter=lambda title: Stop())
    assert Run.is_at(items[0].folder)
    assert not Run.is_at(items[1].folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_main_process_stops_all_workers_with_a_checkpoint(
    number, source, tmp_path
):
    script = tmp_path / "script.py"
    script.write_text(f"""
import dataclasses, pathlib
from latentarium import presets
from latentarium.training import Reporter, Training, train_together
config = presets.get("ae_debug")
settings = dataclasses.replace(config.train, data={source!r}, steps=1_000_000)
config = dataclasses.replace(config, train=settings)
folder = pathlib.Path({str(tmp_path)!r})
items = [Training(title=n, config=config, folder=folder / n) for n in "ab"]
train_together(items, reporter=lambda title: Reporter())
""")
    environment = os.environ | {"LATENTARIUM_WORKERS": "2"}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True
    )
    runs = [tmp_path / name for name in "ab"]
    deadline = time.monotonic() + 60
    while not all(Run.log_path_at(folder).exists() for folder in runs):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(number)
    _, text = process.communicate(timeout=60)
    assert f"StoppedError: stopped by signal {int(number)}" in text
    assert process.returncode not in (0, -signal.SIGKILL)
    for folder in runs:
        run = Run(folder)
        assert not run.is_locked()
        assert run.checkpoints()[-1] >= run.log()[-1]["step"] > 0
