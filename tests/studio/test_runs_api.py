"""Trainings over HTTP: real processes, invalid requests, events."""

import asyncio
import json
import time

import pytest
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.evaluation.game_protocol import VERSION
from latentarium.run import Run
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.routes.events import EventStreams
from latentarium.studio.server import make_app
from latentarium.studio.training.run_events import RunFollower
from support.tiny import tiny_data

REQUEST = {"preset": "vae_debug", "data": "mnist", "name": "mine", "seed": 3}
ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def client(folder):
    with TestClient(make_app(ModelRegistry(), runs=folder), base_url=ADDRESS) as client:
        yield client


def wait_for_state(client, states, name="mine"):
    """Wait until a run has one of the states and return its description."""
    info = {}
    for _ in range(600):
        info = client.get(f"/api/runs/{name}").json()
        if info["state"] in states:
            return info
        time.sleep(0.05)
    raise AssertionError(f"never {states}: {info}")


def wait_for_log(client, folder):
    for _ in range(600):
        if Run.log_path_at(folder / "mine").exists():
            return
        time.sleep(0.05)
    raise AssertionError(client.get("/api/runs").text)


def test_training_is_started_paused_stopped_and_shown(client, folder):
    steps = 400
    started = client.post("/api/runs", json={**REQUEST, "steps": steps}).json()
    assert (started["state"], started["steps"], started["data"]) == ("waiting", steps, "mnist")
    assert client.post("/api/runs", json=REQUEST).headers["x-error-code"] == "name-taken"
    wait_for_log(client, folder)
    assert client.get("/api/runs/mine").json()["state"] == "training"
    assert client.post("/api/runs/mine/pause").status_code == 200
    paused = wait_for_state(client, ["paused"])
    assert 0 < paused["step"] < steps
    assert not paused["has_weights"]
    stopped = client.post("/api/runs/mine/stop").json()
    assert (stopped["state"], stopped["step"]) == ("stopped", paused["step"])
    assert Run(folder / "mine").load().latent_dim == 4
    after_restart = make_app(ModelRegistry(), runs=folder)
    with TestClient(after_restart, base_url=ADDRESS) as later:
        assert later.get("/api/runs/mine").json()["state"] == "stopped"
        assert later.post("/api/runs/mine/show").json() == {"model": 0, "reason": ""}
        assert [model["name"] for model in later.get("/api/models").json()] == ["mine"]
        assert later.get("/api/runs/mine").json()["model"] == 0


def test_training_that_fails_at_start_reports_reason_and_can_be_removed(client):
    request = {**REQUEST, "preset": "cgan_debug", "data": "ring"}
    assert client.post("/api/runs", json=request).status_code == 200
    assert client.get("/api/runs").json()[0]["state"] == "waiting"
    failed = wait_for_state(client, ["failed"])
    assert failed["failure"]
    assert "Traceback" not in failed["failure"]
    assert "{" not in failed["failure"]
    assert client.delete("/api/runs/mine").status_code == 200
    assert client.get("/api/runs").json() == []


@pytest.mark.parametrize(
    "changed",
    [{"steps": 0}, {"steps": 10**9}, {"steps": "nan"}, {"seed": -1}, {"seed": 2**32},
     {"preset": "x" * 65}, {"preset": "nothing"}, {"data": "/etc/passwd"}, {"data": None},
     {"data": "upload:../../x"}, {"data": "hf:some/set"}, {"name": "../up"}, {"name": ""},
     {"name": "a" * 201}, {"name": None}, {"image_size": 7}, {"image_size": 513},
     {"batch_size": 0}],
)  # fmt: skip
def test_invalid_training_request_is_refused(client, folder, changed):
    answer = client.post("/api/runs", json={**REQUEST, **changed})
    assert answer.status_code in (404, 422)
    assert answer.headers["x-error-code"]
    assert answer.text
    assert "Traceback" not in answer.text
    assert not folder.exists()


def test_finished_run_is_described_with_its_samples(client, folder):
    la.train(presets.gan_debug(), folder / "gan", tiny_data())
    info = client.get("/api/runs").json()[0]
    assert (info["state"], info["samples"], info["snapshots"]) == ("done", [20, 40], [0, 1, 40])
    assert (info["kind"], info["adversarial"], info["has_encoder"]) == ("GAN", True, False)
    assert info["equilibrium"]["generator"] == pytest.approx(0.6931, abs=1e-4)
    picture = client.get("/api/runs/gan/samples/20")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == Run(folder / "gan").samples()[20].read_bytes()
    for path in ("samples/21", "samples/-1", "samples/99999999999999999999"):
        assert client.get(f"/api/runs/gan/{path}").status_code == 404
    assert client.get("/api/runs/gan/duality-gap").json()["snapshots"] == {}
    gap = {"total": 9.0, "interval": [8.0, 9.5], "gains": [], "seconds": 1.0}
    old = {"protocol": {"seed": 0}, "wanted": [40], "snapshots": {"40": gap}}
    for version, shown in ((None, False), (VERSION, True)):
        Run(folder / "gan").save_duality_gap(
            old | {"protocol": {"seed": 0} | ({"version": version} if version else {})}
        )
        answer = client.get("/api/runs/gan/duality-gap").json()
        assert answer["outdated"] == (not shown)
        assert list(answer["snapshots"]) == (["40"] if shown else [])
    shown = client.post("/api/runs/gan/show").json()  # its images were given as arrays
    assert shown["model"] is None
    assert shown["reason"]


def test_unknown_run_is_not_found(client):
    for path in ("/api/runs/none", "/api/runs/none/events", "/api/runs/..%2f..%2fetc/duality-gap"):
        assert client.get(path).status_code == 404
    for action in ("duality-gap", "show"):
        assert client.post(f"/api/runs/none/{action}").status_code == 404


def test_choices_describe_every_preset(client):
    choices = client.get("/api/choices").json()
    assert [preset["name"] for preset in choices["presets"]] == list(presets.all_presets())
    assert all(preset["description"] and preset["kind"] for preset in choices["presets"])
    assert "mnist" in choices["data"]
    own = [preset["name"] for preset in choices["presets"] if preset["data"] == ""]
    assert own == [name for name in presets.all_presets() if name.endswith("_images")]


def test_event_stream_sends_changes_and_keeps_the_connection_open(folder):
    run = Run.start(folder / "r", presets.vae_debug(), tiny_data().card)
    current = {"state": "training"}

    def state():
        if not current:
            raise la.UserError("It is gone.")
        return dict(current)

    async def watch():
        streams = EventStreams(lambda: False, poll_interval=0.01, keepalive=0.05)
        stream = streams.follow(RunFollower(state, run.log_path, lambda: run))
        first = [await anext(stream), await anext(stream)]
        assert [part.split(b"\n")[0] for part in first] == [b"event: state", b"event: doctor"]
        assert await anext(stream) == b": still here\n\n"
        run.append_log({"step": 10, "seconds": 1.0, "autoencoder": {"total": 2.0}})
        while (event := await anext(stream)).startswith(b":"):
            pass
        head, data = event.decode().split("\ndata: ")
        assert head == "id: 1\nevent: rows"
        assert json.loads(data)[0]["step"] == 10
        current.clear()
        rest = [part async for part in stream]
        assert rest[-1].startswith(b"event: gone")
        assert b"It is gone." in rest[-1]

    asyncio.run(watch())


def test_event_stream_ends_with_the_server(folder):
    run = Run.start(folder / "r", presets.vae_debug(), tiny_data().card)

    async def watch():
        streams = EventStreams(lambda: True)
        follower = RunFollower(dict, run.log_path, lambda: run)
        return [part async for part in streams.follow(follower)]

    assert asyncio.run(watch()) == []
