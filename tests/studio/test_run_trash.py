"""Deleted runs, display names and notes: nothing is lost, and paths don't change."""

import json

import pytest
from starlette.testclient import TestClient

from latentarium import presets
from latentarium.run import Run
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from support.tiny import tiny_data


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def client(folder):
    with TestClient(
        make_app(ModelRegistry(), runs=folder), base_url="http://127.0.0.1:8765"
    ) as client:
        yield client


def started(folder, seed=0):
    run = Run.start(folder, presets.vae_debug(), tiny_data().card)
    run.append_log({"step": 10 + seed, "seconds": 1.0, "autoencoder": {"total": 1.0}})
    return run


def names(client, route="runs"):
    return [entry["name"] for entry in client.get(f"/api/{route}").json()]


def test_deleted_run_is_restored_with_all_of_its_files(client, folder):
    run = started(folder / "數字 7")
    before = {p.name: p.read_bytes() for p in run.folder.iterdir() if p.is_file()}
    assert client.delete("/api/runs/數字 7").status_code == 200
    assert names(client) == []
    assert not run.folder.exists()
    (deleted,) = client.get("/api/trash").json()
    assert deleted["name"] == "數字 7"
    restored = client.post(f"/api/trash/{deleted['id']}/restore").json()
    assert (restored["id"], restored["step"]) == ("數字 7", 10)
    after = {p.name: p.read_bytes() for p in run.folder.iterdir() if p.is_file()}
    assert after == before
    assert client.get("/api/trash").json() == []
    assert list((folder / ".trash").iterdir()) == []


def test_runs_deleted_under_one_name_are_kept_apart(client, folder):
    for seed in range(3):
        started(folder / "a", seed)
        client.delete("/api/runs/a")
    assert names(client, "trash") == ["a", "a", "a"]
    second = client.get("/api/trash").json()[1]["id"]
    assert client.post(f"/api/trash/{second}/restore").json()["step"] == 11
    third = client.get("/api/trash").json()[1]["id"]
    refused = client.post(f"/api/trash/{third}/restore")
    assert refused.headers["x-error-code"] == "name-taken"
    assert Run(folder / "a").log()[0]["step"] == 11  # not overwritten
    assert names(client, "trash") == ["a", "a"]


@pytest.mark.parametrize("wrong", ["0-9", "9-1", "..", "0-..", "%2e%2e", "0-1%2f..", ""])
def test_unknown_entries_of_the_trash_are_not_found(client, folder, wrong):
    started(folder / "a")
    assert client.post(f"/api/trash/{wrong}/restore").status_code in (404, 405)
    assert names(client) == ["a"]


def test_display_name_and_note_are_kept_in_the_folder(client, folder):
    run = started(folder / "a")
    notes = {"title": " β = 4 ", "note": "Second try,\nwider."}
    info = client.put("/api/runs/a/notes", json=notes).json()
    assert (info["id"], info["name"], info["title"]) == ("a", "a", "β = 4")
    assert info["note"] == "Second try,\nwider."
    assert info["folder"] == str(run.folder)  # the path does not change
    with TestClient(
        make_app(ModelRegistry(), runs=folder), base_url="http://127.0.0.1:8765"
    ) as later:
        assert later.get("/api/runs/a").json()["title"] == "β = 4"
    Run.start(run.folder, presets.vae_debug(), tiny_data().card)  # the folder stays a run
    too_long = {"title": "x" * 101, "note": ""}
    assert client.put("/api/runs/a/notes", json=too_long).status_code == 422
    invisible = {"title": "a\u202eb", "note": ""}
    assert client.put("/api/runs/a/notes", json=invisible).status_code == 422
    assert client.put("/api/runs/none/notes", json=notes).status_code == 404


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"title": 3}', '{"title": "\\ud800"}', '{"other": 1}']
)
def test_damaged_notes_are_ignored(client, folder, content):
    run = started(folder / "a")
    (run.folder / "notes.json").write_text(content)
    answer = client.get("/api/runs/a")
    assert answer.status_code == 200
    assert json.loads(answer.text)["note"] == ""
    assert client.get("/api/runs").status_code == 200


def test_losses_of_a_run_are_thinned_and_keep_the_last_step(client, folder):
    run = started(folder / "a")
    for step in range(20, 20_000, 10):
        row = {"step": step, "seconds": 1.0, "autoencoder": {"total": step / 2, "held_out": None}}
        run.append_log(row)
    losses = client.get("/api/runs/a/losses").json()
    assert losses.keys() == {"autoencoder"}
    points = losses["autoencoder"]
    assert 300 < len(points) <= 1000
    assert points[0] == [10, 1.0]
    assert points[-1] == [19_990, 9995.0]
    assert all(value == step / 2 for step, value in points[1:])
