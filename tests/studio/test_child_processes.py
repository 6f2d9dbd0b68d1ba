"""Commands that the server starts: how they end, and what still counts as training."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import psutil
import pytest

import latentarium as la
from latentarium import presets
from latentarium.studio import child_processes
from latentarium.studio.child_processes import ChildProcesses
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training import jobs
from latentarium.studio.training.jobs import MAX_TRAININGS, TrainingJobs
from latentarium.studio.training.listing import process_name
from latentarium.studio.training.request import TrainingRequest
from latentarium.studio.training.uploads import Uploads
from support.errors import raises_code
from support.tiny import tiny_data

STARTER = """
import sys, time
from pathlib import Path
import psutil
from latentarium.studio.child_processes import ChildProcesses, run_child

child = "import time; from latentarium.parent import end_with_parent as end; end(); time.sleep(60)"
command = lambda *words: [sys.executable, "-c", child, *words]
folder, kind = Path(sys.argv[1]), sys.argv[2]
if kind == "estimate":
    estimate = run_child(timeout=60, command=command)
    next(estimate)
else:
    ChildProcesses(folder, command).start("a", Path("r"), [], background=kind == "measurement")
print(psutil.Process().children()[0].pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def sleeping(tmp_path):
    """Trainings whose processes sleep for half a second."""
    command = [sys.executable, "-c", "import time; time.sleep(0.5)", "latentarium"]
    uploads = Uploads(tmp_path / "runs" / "uploads")
    trainings = TrainingJobs(
        tmp_path / "runs", ModelRegistry(), uploads, lambda *words: [*command, *words]
    )
    yield trainings
    wait_for_all(trainings.processes)


def wait_for_all(processes: ChildProcesses) -> None:
    """Wait until all commands have ended."""
    while any(map(processes.is_running, processes.names())):
        time.sleep(0.02)


def wait_for_end(pid: int, seconds: float) -> bool:
    """Return whether a process ends in time."""
    with contextlib.suppress(psutil.NoSuchProcess):
        with contextlib.suppress(psutil.TimeoutExpired):
            psutil.Process(pid).wait(seconds)
            return True
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("kind", ["measurement", "estimate", "training"])
def test_all_but_trainings_end_with_the_server(kind, tmp_path):
    words = [sys.executable, "-c", STARTER, str(tmp_path), kind]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        time.sleep(0.5)
        assert psutil.pid_exists(pid)
        server.send_signal(signal.SIGKILL)
    try:
        assert wait_for_end(pid, 0.5 if kind == "training" else 20) == (kind != "training")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["measurement", "training"])
def test_python_warns_only_of_measurements_that_still_run(kind, tmp_path):
    """When the object that started them is deleted."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    processes = ChildProcesses(tmp_path, lambda *_: command)
    processes.start("a", tmp_path / "r", [], background=kind == "measurement")
    record = processes.record("a")
    assert record is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del processes
    os.kill(record.pid, signal.SIGTERM)
    assert [w.category for w in caught] == [ResourceWarning] * (kind == "measurement")


def test_a_stop_is_recorded_before_the_signal(tmp_path, monkeypatch):
    """A process that ends at once must not be taken for one that failed."""
    processes = ChildProcesses(tmp_path, lambda *_: [sys.executable, "-c", "input()"])
    processes.start("a", tmp_path / "r", [], background=True)
    recorded = []
    terminate = child_processes.terminate
    monkeypatch.setattr(
        child_processes,
        "terminate",
        lambda pid: (recorded.append(processes.is_ending("a")), terminate(pid)),
    )
    processes.stop("a")
    wait_for_all(processes)
    assert recorded == [True]


def test_a_run_that_is_done_can_be_deleted_while_its_process_ends(sleeping):
    folder = sleeping.folder / "gan"
    la.train(presets.gan_debug(), folder, tiny_data())
    sleeping.processes.start(process_name(folder), folder, [])
    assert sleeping.info("gan")["state"] == "done"
    sleeping.delete("gan")
    assert not folder.exists()
    assert [run.name for run in sleeping.trash.list()] == ["gan"]


def test_a_process_that_does_not_end_keeps_its_folder(sleeping, monkeypatch):
    monkeypatch.setattr(jobs, "END_TIMEOUT", 0.0)
    folder = sleeping.folder / "gan"
    la.train(presets.gan_debug(), folder, tiny_data())
    sleeping.processes.start(process_name(folder), folder, [])
    with raises_code("still-training"):
        sleeping.delete("gan")
    assert folder.is_dir()


def test_a_paused_process_that_has_not_ended_takes_no_place(sleeping):
    def request(name):
        return TrainingRequest(preset="vae_debug", data="mnist", name=name, steps=None, seed=0)

    for n in range(MAX_TRAININGS):
        sleeping.start(request(f"run{n}"))
    with raises_code("too-many-trainings"):
        sleeping.start(request("fifth"))
    path = next(sleeping.processes.folder.glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ending": True}))
    assert sleeping.processes.is_running(path.stem)
    sleeping.start(request("fifth"))


def test_a_paused_run_whose_process_ends_takes_no_place(sleeping, tmp_path):
    la.train(presets.gan_debug(), tmp_path / "done", tiny_data())
    for n in range(MAX_TRAININGS):
        folder = sleeping.folder / f"run{n}"
        shutil.copytree(tmp_path / "done", folder)
        sleeping.processes.start(process_name(folder), folder, [])
    assert all(map(sleeping.processes.is_running, sleeping.processes.names()))
    sleeping.start(
        TrainingRequest(preset="vae_debug", data="mnist", name="fifth", steps=None, seed=0)
    )
