"""The server: what it gives, and whom it refuses."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.errors import UserError
from latentarium.latent.gap_layer import coarse_to_fine
from latentarium.studio import security as guard
from latentarium.studio.registry import Gallery, gallery_of, shortest_ends
from latentarium.studio.server import make_app
from support.frames import layer, reply, request
from support.tiny_studio import gap_grid, open_models

HOST = {"host": "127.0.0.1:8765"}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return Gallery(open_models(tmp_path_factory.mktemp, 300, "ae_debug", "cgan_debug"))


@pytest.fixture
def client(gallery):
    with TestClient(make_app(gallery), base_url="http://127.0.0.1:8765") as client:
        yield client


def test_models_say_what_the_page_must_know(client):
    ae, cgan = client.get("/api/models").json()
    assert (ae["kind"], ae["has_map"], ae["asks_class"]) == ("autoencoder", True, False)
    assert (cgan["kind"], cgan["has_map"], cgan["asks_class"]) == ("conditional GAN", False, True)
    assert cgan["classes"] == ["0", "1", "2"]
    assert ae["image_shape"] == [1, 12, 10]


def test_the_map_is_points_and_classes(client, gallery):
    content = client.get("/api/models/0/map").content
    n = int.from_bytes(content[:4], "little")
    points = np.frombuffer(content, "<f4", 2 * n, 4).reshape(n, 2)
    np.testing.assert_array_equal(points, gallery[0].latent_map.points())
    data = gallery[0].latent_map.data
    assert n == len(data.train) + len(data.validation)
    labels = [*data.train.labels.tolist(), *data.validation.labels.tolist()]
    assert content[4 + 8 * n :] == bytes(labels)
    plane = client.get("/api/models/0/plane").json()
    assert 0 < plane["variance_share"] <= 1
    assert len(plane["ellipses"][0]) == 3


def test_a_gap_layer_is_a_grid_and_what_is_no_box_is_a_sentence(client, gallery):
    box = {"left": -1, "right": 2, "low": 0, "high": 1.5}
    answer = client.get("/api/models/0/gaps/distance", params=box)
    expected = gap_grid(gallery[0].latent_map, "distance", (-1.0, 2.0, 0.0, 1.5))
    rows, columns = coarse_to_fine(64).T
    np.testing.assert_array_equal(layer(answer.text), expected[rows, columns])
    cells = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert len(cells) == 64**2
    assert set(range(8, 64, 16)) == set(rows[:16].tolist())  # at first, all over the box
    shares = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["done"] for one in shares] == sorted(one["done"] for one in shares)
    assert shares[-1]["done"] == shares[-1]["of"]
    for changed in ({"right": -2}, {"left": "nan"}, {"high": 1e300}, {"low": "word"}):
        answer = client.get("/api/models/0/gaps/distance", params=box | changed)
        assert answer.status_code == 422
    assert client.get("/api/models/0/gaps/luck", params=box).status_code == 422
    assert client.get("/api/models/1/gaps/distance", params=box).status_code == 422


def test_a_training_image_is_its_pixels(client, gallery):
    image = gallery[0].latent_map.data.train.images[17]
    assert client.get("/api/models/0/images?number=17").content == image.numpy().tobytes()


@pytest.mark.parametrize(
    "path",
    ["/api/models/2/map", "/api/models/1/map", "/api/models/0/images?number=9999",
     "/api/models/-1/map", "/api/models/0/images?number=-1", "/api/nothing", "/../pyproject.toml"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(path, client):
    assert client.get(path).status_code == 404


def test_every_answer_forbids_what_the_page_does_not_need(client, gallery, monkeypatch):
    monkeypatch.setattr(gallery[0].latent_map.encoded, "plane", None)  # a fault
    with TestClient(
        client.app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False
    ) as patient:
        for path, headers, status in (
            ("/api/models", {}, 200), ("/", {}, 200), ("/nothing", {}, 404),
            ("/", {"origin": "null"}, 403), ("/", {"host": "[::1"}, 403),
            ("/api/models/0/plane", {}, 500),
        ):  # fmt: skip
            answer = patient.get(path, headers=headers)
            assert answer.status_code == status
            policy = answer.headers["content-security-policy"]
            for words in ("default-src 'self'", "base-uri 'none'", "form-action 'none'"):
                assert words in policy
            assert "http" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.text


def test_a_decode_and_after_a_bad_frame_another(client):
    with client.websocket_connect("/decode", headers=HOST) as socket:
        socket.send_bytes(request([[0.1, 0.2]], number=5))
        found = reply(socket.receive_bytes())
        assert (found["id"], found["pixels"].shape) == (5, (1, 12, 10, 1))
        for bad in (b"", b"nonsense", request([[np.nan, 0]]), request([[0, 0]], model=1)):
            socket.send_bytes(bad)
            assert not reply(socket.receive_bytes())["ok"]
        socket.send_text("words")
        assert not reply(socket.receive_bytes())["ok"]
        socket.send_bytes(request([[0, 0]], model=1, labels=[[0, 0, 1]], number=9))
        assert reply(socket.receive_bytes())["id"] == 9


def test_a_failure_inside_is_an_answer_and_the_connection_lives(client, gallery, monkeypatch):
    def fail(*_):
        raise RuntimeError("inside")

    with client.websocket_connect("/decode", headers=HOST) as socket:
        with monkeypatch.context() as patch:
            patch.setattr("latentarium.studio.server.answer_request", fail)
            socket.send_bytes(request([[0, 0]]))
            assert "can't be decoded" in reply(socket.receive_bytes())["sentence"]
        for far in (1e6, -1e6):  # the farthest that is allowed
            socket.send_bytes(request([[far, far]]))
            assert reply(socket.receive_bytes())["ok"]


def test_another_sites_page_is_refused(gallery):
    app = make_app(gallery)
    with TestClient(app, base_url="http://evil.example:8765") as stranger:
        assert stranger.get("/api/models").status_code == 403  # a name bound to this address
        assert stranger.get("/", headers={"host": "[::1"}).status_code == 403
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        for origin in ("http://evil.example", "http://127.0.0.1:9999", "null", "http://["):
            headers = {**HOST, "origin": origin}
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect("/decode", headers=headers),
            ):
                pass
        own = {**HOST, "origin": "http://127.0.0.1:8765"}
        with client.websocket_connect("/decode", headers=own) as socket:
            socket.send_bytes(request([[0, 0]]))
            assert reply(socket.receive_bytes())["ok"]


def test_where_others_reach_it_a_token_is_needed(gallery):
    with pytest.raises(UserError, match="token"):
        make_app(gallery, host="192.168.0.7")
    app = make_app(gallery, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765") as client:
        assert client.get("/api/models").status_code == 401
        assert client.get("/api/models?token=wrong").status_code == 401
        assert client.get("/api/models?token=%C3%BC").status_code == 401
        headers = {"host": "192.168.0.7:8765"}
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/decode", headers=headers),
        ):
            pass
        known = client.get("/api/models?token=secret")
        assert known.status_code == 200
        assert known.headers["cache-control"] == "private"
        assert client.get("/api/models").status_code == 401  # a program says it each time
        with client.websocket_connect("/decode?token=secret", headers=headers) as socket:
            socket.send_bytes(request([[0, 0]]))
            assert reply(socket.receive_bytes())["ok"]


def test_the_token_stays_in_no_address(gallery):
    """An address is copied, and kept by the browser; ports of a host share its cookies."""
    app = make_app(gallery, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765", follow_redirects=False) as client:
        assert client.get("/?token=wrong").status_code == 401
        client.cookies.set("latentarium-9999", "of another studio")
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document"}  # fmt: skip
        answer = client.get("http://192.168.0.7:8765//evil.example/?token=secret", headers=link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/evil.example/")
        answer = client.get("/?token=secret", headers=link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        said = answer.headers["set-cookie"]
        assert said.startswith("latentarium-8765=secret;")
        assert "HttpOnly" in said
        assert client.get("/").status_code == 200
        answer = client.get("/api/models?token=of-yesterday")  # the cookie is good
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        client.cookies.clear()
        assert "set-cookie" not in client.get("/").headers


def test_runs_that_cannot_be_shown_are_a_sentence(tmp_path, npz):
    with pytest.raises(UserError):
        gallery_of([tmp_path / "nowhere"])
    images, labels = tiny_arrays(300)
    la.train(presets.get("ae_debug"), tmp_path / "r", la.load_data(images, labels))
    with pytest.raises(UserError, match="other images"):
        gallery_of([tmp_path / "r"], str(npz))


def test_code_loads_the_images_from_where_they_are_now(tmp_path, npz):
    config = presets.get("ae_debug")
    config = replace(config, train=replace(config.train, data=str(npz)))
    run = la.train(config, tmp_path / "r", la.load_data(str(npz)))
    moved = npz.rename(tmp_path / "moved.npz")
    gallery = gallery_of([run.folder], str(moved))
    loaded = eval(gallery[0].data_code(), {"la": la})
    assert loaded.card.fingerprint == run.data.fingerprint
    assert gallery[0].describe(0)["moved"] == str(moved)
    gallery.data = None
    with pytest.raises(UserError):
        gallery.add(run.folder)


def test_what_another_sites_page_embeds_is_refused_and_a_link_may_lead_here(client):
    for site in ("cross-site", "same-site"):
        image = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
        assert client.get("/api/models/0/map", headers=image).status_code == 403
        link = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
        for path, dest, status in (
            ("/", "document", 200), ("/", "iframe", 403), ("/api/models", "document", 403),
            ("/api/models", "iframe", 403),
        ):  # fmt: skip
            headers = link | {"sec-fetch-dest": dest}
            assert client.get(path, headers=headers).status_code == status
    own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert client.get("/api/models", headers=own).status_code == 200
    assert client.get("/").headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("said", [{}, {"content-length": "2"}])
def test_a_body_that_does_not_say_how_long_it_is_is_bounded_too(said, client, monkeypatch):
    monkeypatch.setattr(guard, "LARGEST_BODY", 1000)
    read = []

    def body():
        for _ in range(50):
            read.append(1)
            yield b"[" * 100

    answer = client.post("/api/models/0/encode", content=body(), headers=said)
    assert answer.status_code == 413
    assert "send less" in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
def test_no_method_passes_the_guard(method, gallery):
    app = make_app(gallery, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765") as client:
        for path in ("/", "/api/runs", "/api/uploads/a", "/openapi.json", "/nothing"):
            assert client.request(method, path).status_code == 401
            strange = {"origin": "null"}
            answer = client.request(method, f"{path}?token=secret", headers=strange)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"pixels":' * 10_000, b"\xff", b'{"a": '])
def test_a_body_that_is_no_json_is_a_sentence(content, client):
    headers = {"content-type": "application/json"}
    answer = client.post("/api/models/0/encode", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.text.endswith("eload the page.")


def test_who_goes_away_in_the_middle_is_no_fault(gallery, tmp_path):
    """Else each upload that is cancelled fills the terminal."""
    app = make_app(gallery, runs=tmp_path)
    messages = [{"type": "http.request", "body": b"1", "more_body": True},
                {"type": "http.disconnect"}]  # fmt: skip
    scope = {
        "type": "http", "method": "PUT", "path": "/api/uploads/a/a.png", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8765")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 8765), "root_path": "",
    }  # fmt: skip
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        client.post("/api/uploads/a")
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent == []
    assert list((tmp_path / "uploads" / ".part-a").iterdir()) == []


def test_models_of_one_name_are_told_apart_by_the_shortest_end_of_their_path(gallery):
    paths = [("work", "tour", "ae"), ("work", "other", "ae"), ("work", "tour", "vae"),
             ("home", "a", "x", "gan"), ("home", "b", "x", "gan"), ("shipped:", "ae")]  # fmt: skip
    assert shortest_ends(paths) == [
        "tour/ae",
        "other/ae",
        "vae",
        "a/x/gan",
        "b/x/gan",
        "shipped:ae",
    ]
    assert shortest_ends([("r", "ae"), ("r", "ae")]) == ["ae", "ae"]
    shown = Gallery([
        replace(gallery[0], name="ae", folder=folder) for folder in ("tour/ae", "tour/../other/ae")
    ])  # fmt: skip
    assert [one["name"] for one in shown.describe()] == ["tour/ae", "other/ae"]
