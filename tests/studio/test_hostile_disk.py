"""Full disks, deleted and truncated files: a clear error, and no partial files."""

import gc
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.run import Run
from latentarium.studio.redact import redact_paths
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from latentarium.studio.training.run_events import RunFollower
from latentarium.studio.training.timed_commands import TimedCommands
from support.limits import file_size_limit
from support.tiny import tiny_arrays, tiny_data

REQUEST = {"preset": "ae_debug", "data": "mnist", "name": "mine", "steps": 100_000}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "private" / "runs"


@pytest.fixture
def client(runs):
    app = make_app(ModelRegistry(), runs=runs)
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_refused(answer, path: str) -> None:
    """The message names the path relative to the runs, and nothing else of the disk."""
    assert answer.status_code == 422
    assert path in answer.text
    assert answer.json()["error"].endswith(".")
    assert "private" not in answer.text


def test_upload_without_disk_space_leaves_no_files_and_can_be_repeated(client, runs, monkeypatch):
    def check(*_, **__):  # a real process would not be able to print its report
        yield {"done": 0}
        return json.dumps({"notes": ["x" * 999]})

    monkeypatch.setattr(TimedCommands, "run", check)
    content = bytes(50_000)
    client.post("/api/uploads/u")
    with file_size_limit(10_000):
        assert_refused(client.put("/api/uploads/u/a.png", content=content), "uploads/")
    assert files_in(runs) == []
    assert client.put("/api/uploads/u/a.png", content=content).status_code == 200
    with file_size_limit(100):  # too small for the report
        last = client.post("/api/uploads/u/end").text.splitlines()[-1]
    error = json.loads(last)
    assert error["code"] == "cannot-write"
    assert "private" not in error["error"]
    assert files_in(runs) == []
    client.post("/api/uploads/u")
    client.put("/api/uploads/u/a.png", content=content)
    assert client.post("/api/uploads/u/end").status_code == 200


def test_training_without_process_record_is_not_started(client, runs):
    with file_size_limit(50):
        assert_refused(client.post("/api/runs", json=REQUEST), "runs/.studio/train")
    assert files_in(runs) == []
    assert client.get("/api/runs").json() == []
    time.sleep(0.3)
    assert files_in(runs) == []  # its process was killed


def test_non_finite_log_values_become_null(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"step": 1, "seconds": 1.0, "autoencoder": {"total": NaN}}\n'
        '{"step": 2, "seconds": 1e999, "autoencoder": {"total": -Infinity}}\n'
        '{"step": 3, "seconds": 2.0, "autoencoder": {"total": 5.0}}\n'
        '{"step": NaN}\n{"step": 1e999}\n{"step": 4, "sec'
    )
    run = Run.start(tmp_path / "r", presets.get("vae_debug"), tiny_data().card)
    follower = RunFollower(dict, log, lambda: run)
    events = b"".join(follower.poll()).decode()

    def forbid(name):
        raise AssertionError(name)

    contents = [line[6:] for line in events.splitlines() if line.startswith("data: ")]
    parsed = [json.loads(line, parse_constant=forbid) for line in contents]
    rows = next(
        part for part in parsed if isinstance(part, list) and part and "seconds" in part[0]
    )
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert [row["autoencoder"]["total"] for row in rows] == [None, None, 5.0]


def test_data_set_is_shared_and_freed_with_its_last_model(tmp_path):
    images, labels = tiny_arrays(300)
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    config = presets.get("vae_debug")
    config = replace(config, train=replace(config.train, data=str(tmp_path / "d.npz"), steps=2))
    registry = ModelRegistry()
    for name in "ab":
        la.train(config, tmp_path / name)
        registry.add(tmp_path / name)
    assert registry[0].latent_map.data is registry[1].latent_map.data
    del registry._models[:]
    gc.collect()
    assert len(registry._data_sets) == 0


def test_run_with_truncated_weights_is_listed_but_not_shown(client, runs, npz):
    config = presets.get("ae_debug")
    la.train(replace(config, train=replace(config.train, data=str(npz), steps=2)), runs / "torn")
    weights = next((runs / "torn").glob("weights*"))
    weights.write_bytes(weights.read_bytes()[:200])
    answer = client.post("/api/runs/torn/show")
    assert answer.json()["model"] is None
    assert "runs/torn" in answer.json()["reason"]
    assert "private" not in answer.json()["reason"]
    assert [info["name"] for info in client.get("/api/runs").json()] == ["torn"]


def test_redaction_removes_parent_folders_of_runs(tmp_path):
    message = f"{tmp_path}/runs/a is damaged: see {tmp_path}/runs."
    assert redact_paths(message, [tmp_path / "runs"]) == "runs/a is damaged: see runs."
