"""The server: models over HTTP, the decode socket, and which clients it refuses."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import latentarium as la
from latentarium import presets
from latentarium.latent.gap_layer import coarse_to_fine
from latentarium.studio.registry import ModelRegistry, load_registry, shortest_suffixes
from latentarium.studio.server import make_app
from support.errors import raises_code
from support.frames import layer, reply, request
from support.tiny import tiny_arrays
from support.tiny_studio import gap_grid, open_models

HOST = {"host": "127.0.0.1:8765"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return ModelRegistry(open_models(tmp_path_factory.mktemp, 300, "ae_debug", "cgan_debug"))


@pytest.fixture
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def test_models_are_described(client):
    ae, cgan = client.get("/api/models").json()
    assert (ae["kind"], ae["has_map"], ae["decodes_label"]) == ("autoencoder", True, False)
    assert (cgan["kind"], cgan["has_map"], cgan["decodes_label"]) == (
        "conditional GAN",
        False,
        True,
    )
    assert cgan["classes"] == ["0", "1", "2"]
    assert ae["image_shape"] == [1, 12, 10]


def test_map_has_points_and_classes(client, registry):
    content = client.get("/api/models/0/map").content
    n = int.from_bytes(content[:4], "little")
    points = np.frombuffer(content, "<f4", 2 * n, 4).reshape(n, 2)
    np.testing.assert_array_equal(points, registry[0].latent_map.points())
    data = registry[0].latent_map.data
    assert n == len(data.train) + len(data.validation)
    labels = [*data.train.labels.tolist(), *data.validation.labels.tolist()]
    assert content[4 + 8 * n :] == bytes(labels)
    plane = client.get("/api/models/0/plane").json()
    assert 0 < plane["variance_share"] <= 1
    assert len(plane["ellipses"][0]) == 3


def test_gap_layer_is_a_grid_from_coarse_to_fine_and_invalid_boxes_are_refused(client, registry):
    box = {"left": -1, "right": 2, "low": 0, "high": 1.5}
    answer = client.get("/api/models/0/gaps/distance", params=box)
    expected = gap_grid(registry[0].latent_map, "distance", (-1.0, 2.0, 0.0, 1.5))
    rows, columns = coarse_to_fine(64).T
    np.testing.assert_array_equal(layer(answer.text), expected[rows, columns])
    cells = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert len(cells) == 64**2
    assert set(range(8, 64, 16)) == set(rows[:16].tolist())  # the first rows cover the box
    parts = [json.loads(line) for line in answer.text.splitlines()]
    assert [part["done"] for part in parts] == sorted(part["done"] for part in parts)
    assert parts[-1]["done"] == parts[-1]["of"]
    for changed in ({"right": -2}, {"left": "nan"}, {"high": 1e300}, {"low": "word"}):
        answer = client.get("/api/models/0/gaps/distance", params=box | changed)
        assert answer.status_code == 422
    assert client.get("/api/models/0/gaps/luck", params=box).status_code == 422
    assert client.get("/api/models/1/gaps/distance", params=box).status_code == 422


def test_image_is_sent_as_pixels(client, registry):
    image = registry[0].latent_map.data.train.images[17]
    assert client.get("/api/models/0/images?number=17").content == image.numpy().tobytes()


def test_a_test_image_is_sent_with_its_position_and_class(client, registry):
    latent_map = registry[0].latent_map
    test = latent_map.data.test
    answer = client.get("/api/models/0/images?number=3&of=test")
    assert answer.content == test.images[3].numpy().tobytes()
    place = client.get("/api/models/0/test-images/3").json()
    assert (place["x"], place["y"]) == pytest.approx(latent_map.locate(test.images[3][None]).point)
    assert place["label"] == int(test.labels[3])
    assert client.get("/api/models/0/images?number=3&of=all").status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/api/models/2/map", "/api/models/1/map", "/api/models/0/images?number=9999",
     "/api/models/-1/map", "/api/models/0/images?number=-1",
     "/api/models/0/images?number=9999&of=test",
     "/api/models/0/test-images/9999", "/api/models/0/test-images/-1",
     "/api/models/1/test-images/0", "/api/nothing", "/../pyproject.toml"],
)  # fmt: skip
def test_unknown_resource_is_not_found(path, client):
    assert client.get(path).status_code == 404


def test_every_response_has_security_headers(client, registry, monkeypatch):
    monkeypatch.setattr(registry[0].latent_map.encoded, "plane", None)  # an internal error
    with TestClient(
        client.app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False
    ) as tolerant:
        for path, headers, status in (
            ("/api/models", {}, 200), ("/", {}, 200), ("/nothing", {}, 404),
            ("/", {"origin": "null"}, 403), ("/", {"host": "[::1"}, 400),
            ("/api/models/0/plane", {}, 500),
        ):  # fmt: skip
            answer = tolerant.get(path, headers=headers)
            assert answer.status_code == status
            policy = answer.headers["content-security-policy"]
            for words in ("default-src 'self'", "base-uri 'none'", "form-action 'none'"):
                assert words in policy
            assert "http" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.text


def test_socket_decodes_and_survives_malformed_frames(client):
    with client.websocket_connect("/decode", headers=HOST) as socket:
        socket.send_bytes(request([[0.1, 0.2]], number=5))
        decoded = reply(socket.receive_bytes())
        assert (decoded["id"], decoded["pixels"].shape) == (5, (1, 12, 10, 1))
        for bad in (b"", b"nonsense", request([[np.nan, 0]]), request([[0, 0]], model=1)):
            socket.send_bytes(bad)
            assert not reply(socket.receive_bytes())["ok"]
        socket.send_text("words")
        assert not reply(socket.receive_bytes())["ok"]
        socket.send_bytes(request([[0, 0]], model=1, labels=[[0, 0, 1]], number=9))
        assert reply(socket.receive_bytes())["id"] == 9


def test_internal_error_is_a_reply_and_the_connection_survives(client, registry, monkeypatch):
    def fail(*_):
        raise RuntimeError("inside")

    with client.websocket_connect("/decode", headers=HOST) as socket:
        with monkeypatch.context() as patch:
            patch.setattr("latentarium.studio.server.answer_request", fail)
            socket.send_bytes(request([[0, 0]]))
            assert not reply(socket.receive_bytes())["ok"]
        for far in (1e6, -1e6):  # the largest coordinates
            socket.send_bytes(request([[far, far]]))
            assert reply(socket.receive_bytes())["ok"]


def test_other_hosts_and_origins_are_refused(registry):
    app = make_app(registry)
    with TestClient(app, base_url="http://evil.example:8765") as client:
        assert client.get("/api/models").status_code == 400  # DNS rebinding
        assert client.get("/", headers={"host": "[::1"}).status_code == 400
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/decode"):
            pass
    with TestClient(app, base_url="http://[::1]:8765") as client:
        assert client.get("/api/models").status_code == 200
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


def test_token_is_required_at_reachable_addresses(registry):
    with raises_code("token-required"):
        make_app(registry, host="192.168.0.7")
    app = make_app(registry, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765") as client:
        refused = client.get("/api/models")
        assert (refused.status_code, refused.headers["x-error-code"]) == (401, "token-required")
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
        assert client.get("/api/models").status_code == 401  # no cookie from the API
        with client.websocket_connect("/decode?token=secret", headers=headers) as socket:
            socket.send_bytes(request([[0, 0]]))
            assert reply(socket.receive_bytes())["ok"]


def test_token_moves_from_the_address_to_a_cookie(registry):
    """Addresses are copied and stored; all ports of a host share its cookies."""
    app = make_app(registry, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765", follow_redirects=False) as client:
        assert client.get("/?token=wrong").status_code == 401
        client.cookies.set("latentarium-9999", "of another studio")
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document"}  # fmt: skip
        answer = client.get("http://192.168.0.7:8765//evil.example/?token=secret", headers=link)
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        answer = client.get("/?token=secret", headers=link)
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("latentarium-8765=secret;")
        assert "HttpOnly" in cookie
        assert client.get("/").status_code == 200
        answer = client.get("/api/models?token=outdated")  # the cookie is valid
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        client.cookies.clear()
        assert "set-cookie" not in client.get("/").headers


def test_runs_that_cannot_be_loaded_are_refused(tmp_path, npz):
    with raises_code("not-a-run"):
        load_registry([tmp_path / "nowhere"])
    images, labels = tiny_arrays(300)
    la.train(presets.get("ae_debug"), tmp_path / "r", la.load_data(images, labels))
    with raises_code("other-data"):
        load_registry([tmp_path / "r"], str(npz))


def test_data_code_loads_images_from_their_current_path(tmp_path, npz):
    config = presets.get("ae_debug")
    config = replace(config, train=replace(config.train, data=str(npz)))
    run = la.train(config, tmp_path / "r", la.load_data(str(npz)))
    moved = npz.rename(tmp_path / "moved.npz")
    registry = load_registry([run.folder], str(moved))
    loaded = eval(registry[0].data_code(), {"la": la})
    assert loaded.card.fingerprint == run.data.fingerprint
    assert registry[0].describe(0)["moved"] == str(moved)
    registry.data = None
    with raises_code("file-not-found"):
        registry.add(run.folder)


def test_other_sites_may_link_to_the_page_but_not_embed_it(client):
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


@pytest.mark.parametrize("headers", [{}, {"content-length": "2"}])
def test_body_without_or_with_wrong_length_header_is_limited(headers, registry):
    def body():
        for _ in range(50):
            yield b"[" * 100

    app = make_app(registry, max_body=1000)
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        answer = client.post("/api/models/0/encode", content=body(), headers=headers)
    assert (answer.status_code, answer.headers["x-error-code"]) == (413, "too-large")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
def test_no_method_bypasses_access_control(method, registry):
    app = make_app(registry, host="192.168.0.7", token="secret")
    with TestClient(app, base_url="http://192.168.0.7:8765") as client:
        for path in ("/", "/api/runs", "/api/uploads/a", "/openapi.json", "/nothing"):
            assert client.request(method, path).status_code == 401
            foreign = {"origin": "null"}
            answer = client.request(method, f"{path}?token=secret", headers=foreign)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"pixels":' * 10_000, b"\xff", b'{"a": '])
def test_malformed_json_body_is_refused(content, client):
    headers = {"content-type": "application/json"}
    answer = client.post("/api/models/0/encode", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["x-error-code"] in ("http-error", "invalid-request")


def test_client_that_disconnects_during_an_upload_is_not_an_error(registry, tmp_path):
    """Otherwise each cancelled upload would print a traceback."""
    app = make_app(registry, runs=tmp_path)
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


def test_models_are_named_by_the_shortest_unique_suffix_of_their_path(registry):
    paths = [("work", "tour", "ae"), ("work", "other", "ae"), ("work", "tour", "vae"),
             ("home", "a", "x", "gan"), ("home", "b", "x", "gan"), ("shipped:", "ae")]  # fmt: skip
    assert shortest_suffixes(paths) == [
        "tour/ae",
        "other/ae",
        "vae",
        "a/x/gan",
        "b/x/gan",
        "shipped:ae",
    ]
    assert shortest_suffixes([("r", "ae"), ("r", "ae")]) == ["ae", "ae"]
    folders = ("tour/ae", "tour/../other/ae")
    models = ModelRegistry([replace(registry[0], name="ae", folder=path) for path in folders])
    assert [model["name"] for model in models.describe()] == ["tour/ae", "other/ae"]
