"""A disk that is full, files that are gone or torn: a sentence, and nothing half-written."""

import gc
import json
import resource
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.studio.redact import brief
from latentarium.studio.registry import Gallery
from latentarium.studio.server import make_app
from latentarium.studio.training.eta import Waits
from latentarium.studio.training.follow import Follower

WISH = {"preset": "ae_debug", "data": "mnist", "name": "mine", "steps": 100_000}


@contextmanager
def room_for(count):
    """No file may grow beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "private" / "runs"


@pytest.fixture
def client(runs):
    with TestClient(make_app(Gallery(), runs=runs), base_url="http://127.0.0.1:8765") as client:
        yield client


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def refused(answer, word: str) -> None:
    assert answer.status_code == 422
    assert word in answer.text
    assert answer.text.endswith(".")
    assert "private" not in answer.text  # strangers learn nothing of the rest of the disk


def test_an_upload_that_finds_no_room_leaves_nothing_and_may_come_again(client, runs, monkeypatch):
    def look(*_, **__):
        yield {"done": 0}
        return json.dumps({"notes": ["x" * 999]})

    monkeypatch.setattr(Waits, "told", look)
    content = bytes(50_000)
    client.post("/api/uploads/u")
    with room_for(10_000):
        refused(client.put("/api/uploads/u/a.png", content=content), "uploads/")
    assert left(runs) == []
    assert client.put("/api/uploads/u/a.png", content=content).status_code == 200
    with room_for(100):  # for what was sent, and not for what is said of it
        said = client.post("/api/uploads/u/end").text.splitlines()[-1]
    trouble = json.loads(said)["trouble"]
    assert "Can't write" in trouble
    assert "private" not in trouble
    assert left(runs) == []
    client.post("/api/uploads/u")
    client.put("/api/uploads/u/a.png", content=content)
    assert client.post("/api/uploads/u/end").status_code == 200


def test_a_training_of_which_nothing_can_be_noted_is_not_begun(client, runs):
    with room_for(50):
        refused(client.post("/api/runs", json=WISH), "runs/.studio/train")
    assert left(runs) == []
    assert client.get("/api/runs").json() == []
    time.sleep(0.3)
    assert left(runs) == []  # its process is gone too


def test_what_is_not_finite_in_a_log_reaches_no_page(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"step": 1, "seconds": 1.0, "autoencoder": {"total": NaN}}\n'
        '{"step": 2, "seconds": 1e999, "autoencoder": {"total": -Infinity}}\n'
        '{"step": 3, "seconds": 2.0, "autoencoder": {"total": 5.0}}\n'
        '{"step": NaN}\n{"step": 1e999}\n{"step": 4, "sec'
    )
    follower = Follower(dict, log, lambda: presets.get("vae_debug"))
    events = b"".join(follower.poll()).decode()

    def forbid(name):
        raise AssertionError(name)

    said = [line[6:] for line in events.splitlines() if line.startswith("data: ")]
    found = [json.loads(line, parse_constant=forbid) for line in said]
    rows = next(one for one in found if isinstance(one, list) and one and "seconds" in one[0])
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert [row["autoencoder"]["total"] for row in rows] == [None, None, 5.0]


def test_images_are_kept_as_long_as_a_model_needs_them(tmp_path):
    images, labels = tiny_arrays(300)
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    config = presets.get("vae_debug")
    config = replace(config, train=replace(config.train, data=str(tmp_path / "d.npz"), steps=2))
    gallery = Gallery()
    for name in "ab":
        la.train(config, tmp_path / name)
        gallery.add(tmp_path / name)
    assert gallery[0].latent_map.data is gallery[1].latent_map.data
    del gallery._exhibits[:]
    gc.collect()
    assert len(gallery._loaded) == 0


def test_a_run_with_torn_weights_is_not_shown_and_harms_nobody(client, runs, npz):
    config = presets.get("ae_debug")
    la.train(replace(config, train=replace(config.train, data=str(npz), steps=2)), runs / "torn")
    weights = next((runs / "torn").glob("weights*"))
    weights.write_bytes(weights.read_bytes()[:200])
    answer = client.post("/api/runs/torn/show")
    assert answer.json()["model"] is None
    assert "runs/torn" in answer.json()["why"]
    assert "private" not in answer.json()["why"]
    assert [one["name"] for one in client.get("/api/runs").json()] == ["torn"]


def test_sentences_name_files_by_where_they_lie_among_the_runs(tmp_path):
    said = brief(f"{tmp_path}/runs/a is torn: see {tmp_path}/runs.", Gallery(), tmp_path / "runs")
    assert said == "runs/a is torn: see runs."
