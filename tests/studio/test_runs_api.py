"""Trainings over HTTP: real processes, and what is refused."""

import asyncio
import json
import time

import pytest
from starlette.testclient import TestClient

import latentarium as la
from conftest import tiny_data
from latentarium import presets
from latentarium.run import Run
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.events import following
from latentarium.studio.server import make_app
from latentarium.studio.training.follow import Follower

WISH = {"preset": "vae_debug", "data": "mnist", "name": "mine", "seed": 3}
ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def client(folder):
    with TestClient(make_app(Gallery(), runs=folder), base_url=ADDRESS) as client:
        yield client


def until(client, states, name="mine"):
    """Waits for a state, and says what the run then is."""
    info = {}
    for _ in range(600):
        info = client.get(f"/api/runs/{name}").json()
        if info["state"] in states:
            return info
        time.sleep(0.05)
    raise AssertionError(f"never {states}: {info}")


def until_logged(client, folder):
    for _ in range(600):
        if (folder / "mine" / "log.jsonl").exists():
            return
        time.sleep(0.05)
    raise AssertionError(client.get("/api/runs").text)


def test_a_training_is_begun_paused_stopped_and_shown(client, folder):
    steps = 400
    begun = client.post("/api/runs", json={**WISH, "steps": steps}).json()
    assert (begun["state"], begun["steps"], begun["data"]) == ("waiting", steps, "mnist")
    assert client.post("/api/runs", json=WISH).status_code == 422  # the name is taken
    until_logged(client, folder)
    assert client.get("/api/runs/mine").json()["state"] == "training"
    assert client.post("/api/runs/mine/pause").status_code == 200
    paused = until(client, ["paused"])
    assert 0 < paused["step"] < steps
    assert not paused["has_weights"]
    stopped = client.post("/api/runs/mine/stop").json()
    assert (stopped["state"], stopped["step"]) == ("stopped", paused["step"])
    assert Run(folder / "mine").load().latent_dim == 4
    # a server that is started anew knows as much
    with TestClient(make_app(Gallery(), runs=folder), base_url=ADDRESS) as later:
        assert later.get("/api/runs/mine").json()["state"] == "stopped"
        assert later.post("/api/runs/mine/show").json() == {"model": 0, "why": ""}
        assert [m["name"] for m in later.get("/api/models").json()] == ["mine"]
        assert later.get("/api/runs/mine").json()["model"] == 0


def test_a_training_that_can_not_begin_says_why_and_can_be_forgotten(client):
    asked = {**WISH, "preset": "cgan_debug", "data": "ring"}
    assert client.post("/api/runs", json=asked).status_code == 200
    assert client.get("/api/runs").json()[0]["state"] == "waiting"
    failed = until(client, ["failed"])
    assert failed["failure"]
    assert "Traceback" not in failed["failure"]
    assert client.delete("/api/runs/mine").status_code == 200
    assert client.get("/api/runs").json() == []


@pytest.mark.parametrize(
    "changed",
    [{"steps": 0}, {"steps": 10**9}, {"steps": "nan"}, {"seed": -1}, {"seed": 2**32},
     {"preset": "x" * 65}, {"preset": "nothing"}, {"data": "/etc/passwd"}, {"data": None},
     {"data": "upload:../../x"}, {"data": "hf:some/set"}, {"name": "../up"}, {"name": ""},
     {"name": "a" * 99}, {"name": None}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_sentence(client, folder, changed):
    answer = client.post("/api/runs", json={**WISH, **changed})
    assert answer.status_code in (404, 422)
    assert answer.text
    assert "Traceback" not in answer.text
    assert not folder.exists()


def test_samples_gap_and_what_is_not_there(client, folder):
    la.train(presets.gan_debug(), folder / "gan", tiny_data())
    info = client.get("/api/runs").json()[0]
    assert (info["state"], info["samples"], info["moments"]) == ("done", [20, 40], [0, 1, 40])
    assert info["equilibrium"]["generator"] == pytest.approx(0.6931, abs=1e-4)
    picture = client.get("/api/runs/gan/samples/20")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == (folder / "gan" / "samples" / "000000020.png").read_bytes()
    for path in ("samples/21", "samples/-1", "samples/99999999999999999999"):
        assert client.get(f"/api/runs/gan/{path}").status_code == 404
    assert client.get("/api/runs/gan/gap").json()["moments"] == {}
    shown = client.post("/api/runs/gan/show").json()  # trained on images that have no name
    assert shown["model"] is None
    assert "other images" in shown["why"]
    for path in ("/api/runs/none", "/api/runs/none/events", "/api/runs/..%2f..%2fetc/gap"):
        assert client.get(path).status_code == 404
    for act in ("gap", "show"):
        assert client.post(f"/api/runs/none/{act}").status_code == 404


def test_choices_name_every_preset_with_its_words(client):
    found = client.get("/api/choices").json()
    assert [one["name"] for one in found["presets"]] == list(presets.PRESETS)
    assert all(one["words"] for one in found["presets"])
    assert "mnist" in found["data"]


def test_events_come_as_the_run_goes_on_and_keep_the_connection(folder, monkeypatch):
    monkeypatch.setattr("latentarium.studio.routes.events.EVERY", 0.01)
    monkeypatch.setattr("latentarium.studio.routes.events.SILENCE", 0.05)
    run = Run.start(folder / "r", presets.vae_debug(), tiny_data().card)
    look = {"state": "training"}

    def state():
        if not look:
            raise la.UserError("It is gone.")
        return dict(look)

    async def watch():
        stream = following(Follower(state, run.log_path, lambda: run.config), lambda: False)
        first = [await anext(stream), await anext(stream)]
        assert [part.split(b"\n")[0] for part in first] == [b"event: state", b"event: doctor"]
        assert await anext(stream) == b": still here\n\n"
        run.append_log({"step": 10, "seconds": 1.0, "autoencoder": {"total": 2.0}})
        while (found := await anext(stream)).startswith(b":"):
            pass
        head, data = found.decode().split("\ndata: ")
        assert head == "id: 1\nevent: rows"
        assert json.loads(data)[0]["step"] == 10
        look.clear()
        rest = [part async for part in stream]
        assert b"It is gone." in rest[-1]

    asyncio.run(watch())
