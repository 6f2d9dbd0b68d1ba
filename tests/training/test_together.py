"""Trainings at the same time give the runs of trainings one after the other."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from latentarium import presets
from latentarium.errors import StoppedError, UserError
from latentarium.run import Run
from latentarium.training import (
    FollowUp,
    Reporter,
    Training,
    together,
    train,
    train_and_follow_up,
    train_together,
)
from latentarium.training.events import EventWriter, Follower
from support.errors import raises_code
from support.tiny import tiny_data


class Recorder(Reporter):
    """Records what is reported."""

    def __init__(self, title: str) -> None:
        self.title, self.events = title, []

    def start(self, run, step) -> None:
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
    run = Run.start(tmp_path / "r", presets.ae_debug(), tiny_data().card)
    writer = EventWriter(path)
    follower = Follower(path, run.folder, lambda: recorder)
    follower.report()  # there is no file yet
    writer.start(run, 3)
    with path.open("a") as file:
        file.write('{"step": 4, ')
    follower.report()
    assert recorder.events == [("start", 3)]
    with path.open("a") as file:
        file.write('"row": {}}\n')
    follower.report()
    follower.report()
    assert recorder.events == [("start", 3), ("update", 4)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_follow_ups_find_the_trained_runs(workers, source, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", workers)
    items = [training(source, tmp_path / name) for name in ("a", "b")]
    ended: list[int] = []

    def step_of(name):
        return FollowUp(after=(name,), compute=lambda: Run(tmp_path / name).weights_step())

    both = FollowUp(
        after=("a", "b"), compute=lambda: [Run(tmp_path / n).weights_hash() for n in "ab"]
    )
    runs, results = train_and_follow_up(
        items, [both, step_of("b"), step_of("a")], reporter=Reporter_of_nothing, watch=ended.append
    )
    steps = items[0].config.train.steps
    assert [result.value for result in results] == [
        [trained.run.weights_hash() for trained in runs], steps, steps,
    ]  # fmt: skip
    assert all(result.seconds >= 0 for result in results)
    assert ended == sorted(ended)
    assert ended[-1] == 2


def test_on_a_gpu_trainings_take_turns_before_the_follow_ups(source, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", "2")
    monkeypatch.setattr(together, "pick_device", lambda name: torch.device("cuda"))
    items = [training(source, tmp_path / name) for name in ("a", "b", "c")]
    process = FollowUp(after=("a",), compute=os.getpid)
    runs, results = train_and_follow_up(items, [process] * 2, reporter=Reporter_of_nothing)
    assert [run.run.folder for run in runs] == [item.folder for item in items]
    assert os.getpid() not in [result.value for result in results]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_needs_a_failed_training_is_left_out(workers, source, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", workers)
    items = [training("no-such-data", tmp_path / "bad"), training(source, tmp_path / "good")]
    follow_ups = [
        FollowUp(after=(name,), compute=(tmp_path / f"after-{name}").touch)
        for name in ("bad", "good")
    ]
    with raises_code("unknown-source"):
        train_and_follow_up(items, follow_ups, reporter=Reporter_of_nothing)
    assert not (tmp_path / "after-bad").exists()
    assert (tmp_path / "after-good").exists()


def test_an_error_of_a_follow_up_does_not_end_the_trainings(source, tmp_path):
    items = [training(source, tmp_path / name) for name in ("a", "b")]

    def fail():
        raise UserError("This can't be measured.", code="cannot-measure")

    with raises_code("cannot-measure"):
        train_and_follow_up(
            items, [FollowUp(after=("a",), compute=fail)], reporter=Reporter_of_nothing
        )
    assert all(Run(i.folder).weights_step() == i.config.train.steps for i in items)


def test_follow_ups_start_soon_after_the_trainings_that_they_need(monkeypatch):
    needed = [[3], [0], [0, 1], []]
    for workers, order in {
        1: [0, 5, 7, 1, 6, 2, 3, 4],
        2: [0, 1, 2, 5, 7, 3, 4, 6],
        8: [0, 1, 2, 3, 4, 5, 6, 7],
    }.items():
        monkeypatch.setenv("LATENTARIUM_WORKERS", str(workers))
        assert together._order(needed, 4) == order, workers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_a_follow_up_immediately(workers, source, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"""
import dataclasses, pathlib, time
from latentarium import presets
from latentarium.training import FollowUp, Reporter, Training, train_and_follow_up
config = presets.get("ae_debug")
config = dataclasses.replace(config, train=dataclasses.replace(config.train, data={source!r}))
folder = pathlib.Path({str(tmp_path)!r})
def wait():
    (folder / "waiting").touch()
    while True:
        time.sleep(0.1)
items = [Training(title=n, config=config, folder=folder / n) for n in "ab"]
follow_up = FollowUp(after=("a", "b"), compute=wait)
train_and_follow_up(items, [follow_up], reporter=lambda title: Reporter())
""")
    environment = os.environ | {"LATENTARIUM_WORKERS": workers}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "waiting").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, text = process.communicate(timeout=20)
    finally:
        process.kill()
    assert f"StoppedError: stopped by signal {int(signal.SIGTERM)}" in text


def test_after_a_stop_no_training_starts(source, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", "1")  # the second one waits for the first
    items = [training(source, tmp_path / name, steps=1_000_000) for name in ("a", "b")]

    class Stop(Reporter):
        def start(self, run, step) -> None:
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
