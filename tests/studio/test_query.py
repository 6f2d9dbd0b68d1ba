"""Images that the page sends: where they land, and the search for them."""

import asyncio
import base64
import json

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.data.dataset import to_float, to_uint8
from latentarium.evaluation.subject import scattered
from latentarium.latent import inversion_baseline as usual
from latentarium.latent.anchors import plane_of
from latentarium.latent.inversion import invert
from latentarium.latent.inversion_baseline import usual_of
from latentarium.latent.latent_map import Atlas
from latentarium.studio.protocol import SCORE_COLUMNS
from latentarium.studio.registry import LoadedModel, ModelRegistry
from latentarium.studio.routes import query as given
from latentarium.studio.server import make_app

AE, VAE, CGAN, UNLABELLED = range(4)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Few images are searched for the comparison."""
    monkeypatch.setattr(usual, "SEARCHED", 6)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(300)
    data = la.load_data(images, labels)
    bare = la.load_data(images)
    found = []
    for name, own in (("ae_debug", data), ("vae_debug", data), ("cgan_debug", data),
                      ("ae_debug", bare)):  # fmt: skip
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", own)
        found.append(LoadedModel(name=name, folder="r", kind="", atlas=Atlas(run.load(), own)))
    return ModelRegistry(found)


@pytest.fixture(scope="module")
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def text(image) -> str:
    return base64.b64encode(image.permute(1, 2, 0).numpy().tobytes()).decode()


def pixels(said: str, shape=(12, 10, 1)) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(said), np.uint8).reshape(shape).copy())


def noise() -> torch.Tensor:
    """Black and white pixels at random: farther from everything than any image."""
    bits = torch.randint(0, 2, (1, 12, 10), generator=torch.Generator().manual_seed(0))
    return (255 * bits).to(torch.uint8)


def test_a_training_image_lands_where_the_map_has_it(client, registry):
    atlas = registry[AE].atlas
    image = atlas.image(7)
    found = client.post("/api/models/0/encode", json={"pixels": text(image)}).json()
    np.testing.assert_allclose([found["x"], found["y"]], atlas.points()[7], atol=1e-4)
    assert found["neighbours"][0]["number"] == 7
    assert found["neighbours"][0]["distance"] == pytest.approx(0, abs=1e-3)
    assert found["neighbours"][0]["label"] == int(atlas.train.labels[7])
    distances = [one["distance"] for one in found["neighbours"]]
    assert len(distances) == 8
    assert distances == sorted(distances)
    assert found["ellipses"] == []  # a point
    again = atlas.model.reconstruct(to_float(image[None]))
    assert torch.equal(pixels(found["reconstruction"])[..., 0], to_uint8(again)[0, 0])
    error = (to_float(pixels(found["reconstruction"])[..., 0]) - to_float(image[0])).square()
    assert found["error"] == pytest.approx(float(error.mean()), rel=1e-4)
    assert np.sum(found["classes"]) == pytest.approx(1)
    assert int(np.argmax(found["classes"])) == int(atlas.train.labels[7])


def test_a_posterior_is_an_ellipse_on_the_map(client, registry):
    atlas = registry[VAE].atlas
    image = atlas.data.validation.images[0]
    found = client.post("/api/models/1/encode", json={"pixels": text(image)}).json()
    one, two = found["ellipses"]
    assert two["major"] == pytest.approx(2 * one["major"])
    with torch.no_grad():
        variance = atlas.model.encode(to_float(image[None])).log_variance.exp()[0].double()
    shadow = atlas.plane.axes @ variance.diag() @ atlas.plane.axes.T
    assert one["major"] ** 2 == pytest.approx(float(torch.linalg.eigvalsh(shadow)[1]), rel=1e-4)
    assert (one["x"], one["y"]) == pytest.approx((found["x"], found["y"]))


def test_on_another_plane_it_lands_and_is_sought_there(client, registry):
    atlas = registry[VAE].atlas
    plane = plane_of(atlas, "c0_c1_i5")
    content = {"pixels": text(atlas.image(5))}
    found = client.post("/api/models/1/encode?plane=c0_c1_i5", json=content).json()
    z = torch.tensor([found["z"]])
    np.testing.assert_allclose([found["x"], found["y"]], plane.project(z)[0], atol=1e-5)
    assert found["off_plane"] == pytest.approx(float(plane.distance(z)), abs=1e-5)
    answer = client.post("/api/models/1/invert?plane=c0_c1_i5", json=content)
    said = [json.loads(line) for line in answer.text.splitlines()]
    place = [line for line in said if "step" in line][-1]["place"]
    z = torch.tensor([said[-1]["z"]])
    np.testing.assert_allclose(place, plane.project(z)[0], atol=1e-5)
    for path in ("encode", "invert"):
        assert client.post(f"/api/models/1/{path}?plane=up", json=content).status_code == 422


def test_noise_is_said_to_be_unusual(client):
    said = {"pixels": text(noise())}
    found = client.post("/api/models/0/encode", json=said).json()
    assert found["trust"][SCORE_COLUMNS.index("error_rarity")] == 1
    assert found["trust"][SCORE_COLUMNS.index("level")] == 0
    assert client.post("/api/models/2/encode", json=said).status_code == 422


def test_without_labels_no_class_is_named(client, registry):
    image = registry[UNLABELLED].atlas.image(0)
    found = client.post("/api/models/3/encode", json={"pixels": text(image)}).json()
    assert found["classes"] == []
    assert found["neighbours"][0]["label"] is None


def lines(client, index, **said):
    answer = client.post(f"/api/models/{index}/invert", json=said)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_search_walks_compares_and_ends_as_invert_does(client, registry):
    atlas = registry[CGAN].atlas
    image = to_uint8(atlas.model.sample(1, label=1, seed=3))
    said = lines(client, CGAN, pixels=text(image[0]), seed=2)
    steps = [line for line in said if "step" in line]
    assert len(steps) >= 2
    assert steps[-1]["error"] < steps[0]["error"]
    same = invert(atlas.model, image, seed=2)
    assert said[-1]["z"] == pytest.approx(same.z[0].tolist(), abs=1e-6)
    assert steps[-1]["error"] == pytest.approx(float(same.error))
    assert steps[-1]["label"] == 1
    assert torch.equal(pixels(steps[-1]["image"])[..., 0], to_uint8(same.image)[0, 0])
    assert steps[-1]["place"] is None
    assert 0 <= steps[-1]["length"] <= 1
    assert said[-1]["searched"] == usual.SEARCHED
    assert said[-1]["as_well_as"] > 0.9  # its own sample
    lost = lines(client, CGAN, pixels=text(noise()), label=0)
    assert lost[-1]["as_well_as"] == 0
    assert [line for line in lost if "step" in line][-1]["label"] == 0
    assert not any("compared" in line for line in lost)  # held-out images are searched once


def test_what_is_usual_is_what_held_out_images_reach(registry):
    atlas = registry[AE].atlas
    known = usual_of(atlas)
    shares = list(known.search())
    assert shares == sorted(shares)
    assert usual_of(atlas) is known
    assert list(known.search()) == []
    searched = scattered(atlas.data.validation, usual.SEARCHED).images
    errors = torch.cat([
        invert(atlas.model, part).error for part in searched.split(usual.AT_ONCE)
    ]).sort().values  # fmt: skip
    for rank, error in enumerate(errors):
        assert known.as_well_as(error[None]) == pytest.approx(1 - rank / len(errors))
    assert known.as_well_as(errors[-1:] + 0.01) == 0


def test_a_search_on_a_map_has_its_way_there(client, registry):
    atlas = registry[AE].atlas
    said = lines(client, AE, pixels=text(atlas.image(5)))
    place = [line for line in said if "step" in line][-1]["place"]
    z = torch.tensor([said[-1]["z"]])
    np.testing.assert_allclose(place, atlas.plane.project(z)[0], atol=1e-5)
    assert said[-1]["searched"] > 0
    assert [line for line in said if "step" in line][-1]["length"] is None  # a point's prior


def test_two_searches_at_once_and_no_more(client, registry, monkeypatch):
    app = make_app(registry)
    content = {"pixels": text(registry[CGAN].atlas.image(0))}
    held = []

    def endless(*given):
        held.append(given)
        with TestClient(app, base_url="http://127.0.0.1:8765") as other:
            answer = other.post("/api/models/2/invert", json=content)
        yield {"inner": answer.status_code, "says": answer.text}

    monkeypatch.setattr(given, "search", endless)
    with TestClient(app, base_url="http://127.0.0.1:8765") as first:
        said = json.loads(first.post("/api/models/2/invert", json=content).text)
        inner = json.loads(said["says"])
        assert (said["inner"], inner["inner"]) == (200, 422)
        assert "searches are running" in inner["says"]
        held.clear()
        # both places are free again
        assert json.loads(first.post("/api/models/2/invert", json=content).text)["inner"] == 200


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"pixels": "AAAA"}, "1 x 12 x 10 bytes"),
        ({"pixels": "not base64!"}, "not base64"),
        ({"pixels": "é" * 160}, "not base64"),
        ({}, "pixels"),
        ({"pixels": base64.b64encode(bytes(120)).decode(), "label": 77}, "no class 77"),
        ({"pixels": base64.b64encode(bytes(120)).decode(), "label": -1}, "label"),
        ({"pixels": base64.b64encode(bytes(120)).decode(), "seed": 1 << 40}, "seed"),
        ({"pixels": base64.b64encode(bytes(120)).decode(), "label": 0.5}, "label"),
    ],
)
def test_what_is_no_image_is_a_sentence(client, content, says):
    answer = client.post("/api/models/2/invert", json=content)
    assert answer.status_code == 422
    assert says in answer.text
    if "label" not in content and "seed" not in content:
        assert client.post("/api/models/0/encode", json=content).status_code == 422


def test_who_asks_for_a_search_and_reads_nothing_makes_room(registry, monkeypatch):
    app = make_app(registry, send_timeout=0.1)
    body = json.dumps({"pixels": text(noise()), "label": 0}).encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": f"/api/models/{CGAN}/invert", "raw_path": b"", "root_path": "",
        "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
        "headers": [(b"host", b"127.0.0.1:8765"), (b"content-type", b"application/json")],
    }  # fmt: skip

    async def ask(reads: bool) -> list[dict]:
        said, came = [], [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if not came:
                await asyncio.sleep(60)
            return came.pop()

        async def send(message):
            said.append(message)
            if not reads and message.get("body"):
                await asyncio.sleep(60)

        await app(dict(scope), receive, send)
        return said

    async def many():
        for _ in range(2 * given.MAX_SEARCHES):
            assert (await ask(reads=False))[0]["status"] == 200
            await asyncio.sleep(0.05)
        assert b"z" in b"".join(one.get("body", b"") for one in await ask(reads=True))

    asyncio.run(asyncio.wait_for(many(), 20))
