"""A training keeps the number of threads that it started with."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from latentarium import presets
from latentarium.machine import idle_cores
from latentarium.run import Run
from latentarium.training import threads, train
from latentarium.training.logging import Reporter
from latentarium.training.threads import WORK_PER_THREAD, counting_work, suitable_threads
from support.errors import raises_code
from support.tiny import tiny_data


class ThreadsOfSteps(Reporter):
    """Records torch's number of threads at each row of the log."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def update(self, step, row) -> None:
        self.seen.add(torch.get_num_threads())


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def configure(**settings):
    config = presets.ae_debug()
    return replace(config, train=replace(config.train, **settings))


def test_a_small_model_trains_on_one_thread_and_leaves_torchs_number(tmp_path, four_threads):
    reporter = ThreadsOfSteps()
    run = train(configure(), tmp_path / "r", tiny_data(), reporter=reporter)
    assert reporter.seen == {1}
    assert run.config.train.threads == 1
    assert torch.get_num_threads() == 4


def test_a_given_number_is_used_and_another_one_is_another_run(tmp_path):
    reporter = ThreadsOfSteps()
    train(configure(threads=3, steps=4), tmp_path / "r", tiny_data(), reporter=reporter)
    assert reporter.seen == {3}
    train(configure(steps=8), tmp_path / "r", tiny_data(), reporter=reporter)  # as stored
    assert reporter.seen == {3}
    assert Run(tmp_path / "r").config.train.threads == 3
    with raises_code("other-run"):
        train(configure(threads=2, steps=8), tmp_path / "r", tiny_data())


def test_a_run_of_an_earlier_version_keeps_torchs_number(tmp_path, four_threads):
    train(configure(steps=4), tmp_path / "r", tiny_data())
    path = tmp_path / "r" / "config.json"
    content = json.loads(path.read_text())
    del content["config"]["train"]["threads"]
    path.write_text(json.dumps(content))
    reporter = ThreadsOfSteps()
    train(configure(steps=8), tmp_path / "r", tiny_data(), reporter=reporter)
    assert reporter.seen == {4}


def test_a_large_model_gets_a_thread_for_each_part_of_its_work(four_threads, monkeypatch):
    monkeypatch.setattr(threads, "idle_cores", lambda: 4)

    def number(parts: float) -> int:
        return suitable_threads(int(parts * WORK_PER_THREAD))

    assert [number(parts) for parts in (0, 0.5, 1, 2.5, 3, 100)] == [1, 1, 1, 2, 3, 4]


def test_a_large_model_leaves_busy_cores_to_other_programs(four_threads, monkeypatch):
    def number(idle: int) -> int:
        monkeypatch.setattr(threads, "idle_cores", lambda: idle)
        return suitable_threads(100 * WORK_PER_THREAD)

    assert [number(idle) for idle in (0, 1, 3, 8)] == [1, 1, 3, 4]


def test_busy_processes_use_cores():
    cores = os.cpu_count() or 1
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        assert idle_cores() == 0
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert 0 <= idle_cores() <= cores


@pytest.mark.parametrize(
    ("layer", "shape", "work"),
    [
        (nn.Linear(5, 7), (3, 5), 3 * 5 * 7),
        (nn.Conv2d(2, 6, 3, padding=1), (4, 2, 8, 8), 4 * 8 * 8 * 6 * 2 * 9),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (1, 4, 8, 8), 4 * 4 * 6 * 2 * 9),
        (nn.ConvTranspose2d(2, 6, 4, stride=2, padding=1), (1, 2, 8, 8), 8 * 8 * 2 * 6 * 16),
    ],
)
def test_the_work_of_layers_is_their_multiply_adds(layer, shape, work):
    with counting_work(nn.Sequential(layer, nn.ReLU())) as counted:
        layer(torch.zeros(shape))
        layer(torch.zeros(shape))
    assert counted.count == 2 * work
    layer(torch.zeros(shape))
    assert counted.count == 2 * work


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP is torch's on Linux only")
@pytest.mark.parametrize(
    ("imports", "variables", "spin_count"),
    [
        ("latentarium, torch", {}, "1000"),
        ("latentarium, torch", {"GOMP_SPINCOUNT": "7"}, "7"),
        ("latentarium, torch", {"OMP_WAIT_POLICY": "PASSIVE"}, "0"),
        ("latentarium, torch", {"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000"),
        ("torch, latentarium", {}, "300000"),
    ],
)
def test_threads_that_wait_give_up_their_cores_soon(imports, variables, spin_count):
    """What GNU OpenMP says it uses; what the user has set stays."""
    unset = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", f"import {imports}"],
        env=inherited | variables | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    counts = re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
    assert counts
    assert set(counts) == {spin_count}
