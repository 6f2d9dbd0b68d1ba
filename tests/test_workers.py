"""Computations that run in several processes give the results of one process."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import psutil
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.errors import NonFiniteError, StoppedError, UserError
from latentarium.evaluation.duality_gap import estimate_duality_gap
from latentarium.evaluation.gan_train import gan_train
from latentarium.models.build import build
from latentarium.registry import registered
from latentarium.workers import max_workers, run_together
from support.errors import raises_code
from support.tiny import tiny_data


@pytest.fixture
def two_workers(monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", "2")


def process_and(value):
    return os.getpid(), value


def test_results_are_in_the_order_of_the_tasks_and_from_other_processes(two_workers):
    results = run_together([partial(process_and, n) for n in range(5)])
    assert [value for _, value in results] == [0, 1, 2, 3, 4]
    assert os.getpid() not in {process for process, _ in results}


def test_short_tasks_and_those_of_a_worker_stay_in_their_process(two_workers):
    tasks = [partial(process_and, n) for n in range(2)]
    assert {process for process, _ in run_together(tasks, long=False)} == {os.getpid()}
    inside = run_together([lambda: (os.getpid(), run_together(tasks))] * 2)
    for process, results in inside:
        assert {inner for inner, _ in results} == {process}


def test_an_exception_of_a_task_is_raised(two_workers):
    def fail():
        raise ArithmeticError("of a task")

    with pytest.raises(ArithmeticError, match="of a task"):
        run_together([fail, os.getpid])


def test_tasks_of_a_killed_process_are_repeated_in_this_process(two_workers):
    parent = os.getpid()

    def die():
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return "here"

    assert run_together([die, die]) == ["here", "here"]


def test_the_number_of_threads_is_restored(two_workers):
    before = torch.get_num_threads()
    run_together([torch.get_num_threads] * 2, long=False)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "error",
    [
        UserError("A message", code="some-code"),
        NonFiniteError("The loss is not finite", "lower it"),
        StoppedError(signal.SIGTERM),
    ],
)
def test_errors_can_be_copied_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_what_cannot_be_copied_runs_in_this_process(two_workers):
    lock = threading.Lock()
    assert run_together([lambda: (os.getpid(), lock.locked())] * 2) == [(os.getpid(), False)] * 2


def test_custom_components_are_imported_by_workers(two_workers, tmp_path):
    path = tmp_path / "own_component.py"
    path.write_text(
        "import latentarium as la\n"
        "@la.register('section', 'own-section-of-workers')\n"
        "class Own(la.Section):\n"
        "    def measure(self, context):\n"
        "        return {}\n"
    )
    module = la.import_file(path)

    def names():
        return module.Own.__name__, "own-section-of-workers" in registered("section")

    assert run_together([names, names]) == [("Own", True)] * 2


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_an_invalid_number_of_workers_is_refused(text, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_WORKERS", text)
    with raises_code("invalid-workers"):
        max_workers()


def test_duality_gap_and_gan_train_are_the_same_bit_for_bit(two_workers, monkeypatch):
    monkeypatch.setattr("latentarium.evaluation.duality_gap.LONG_SEARCH", 0)
    monkeypatch.setattr("latentarium.evaluation.gan_train.LONG_TRAINING", 0)
    data = tiny_data()
    config = presets.get("cgan_debug")
    torch.manual_seed(0)
    model = build(config.model, data.card).eval()

    def measure():
        gap = estimate_duality_gap(
            model, data.train, data.validation, optimizer=config.optimizer, response_steps=8,
            batch_size=4, num_batches=2,
        )  # fmt: skip
        return gap, gan_train(lambda y: model.sample(len(y), y, seed=1), data, n=60, steps=4)

    together = measure()
    monkeypatch.setenv("LATENTARIUM_WORKERS", "1")
    assert measure() == together


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"  # without a guard of its main module
    script.write_text(
        "import time\n"
        "from latentarium.workers import run_together\n"
        f"folder = {str(tmp_path)!r}\n"
        "def wait():\n"
        "    import os, pathlib, time\n"
        "    pathlib.Path(folder, f'{os.getpid()}.pid').touch()\n"
        "    time.sleep(600)\n"
        "run_together([wait, wait])\n"
    )
    environment = os.environ | {"LATENTARIUM_WORKERS": "2"}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workers = [psutil.Process(int(path.stem)) for path in tmp_path.glob("*.pid")]
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    for process in alive:
        process.kill()
    assert not alive
