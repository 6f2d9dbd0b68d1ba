"""Images that users supply: locating and inverting them."""

import asyncio
import base64
import json

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import to_float, to_uint8
from latentarium.data.subsets import scattered
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.latent.inversion import invert
from latentarium.latent.inversion_baseline import BATCH_SIZE
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.query.baseline import shared_baseline
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.routes import query as given
from latentarium.studio.server import make_app
from support.tiny import tiny_arrays

AE, VAE, CGAN, UNLABELLED = range(4)


NUM_BASELINE = 6
"""Images of an inversion baseline in these tests."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(300)
    data = la.load_data(images, labels)
    bare = la.load_data(images)
    found = []
    for name, own in (("ae_debug", data), ("vae_debug", data), ("cgan_debug", data),
                      ("ae_debug", bare)):  # fmt: skip
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", own)
        latent_map = LatentMap(run.load(), own)
        shared_baseline(latent_map, NUM_BASELINE)
        found.append(LoadedModel(name=name, folder="r", kind="", latent_map=latent_map))
    return ModelRegistry(found)


@pytest.fixture(scope="module")
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def text(image) -> str:
    """Encode an image as the page does."""
    return base64.b64encode(image.permute(1, 2, 0).numpy().tobytes()).decode()


def pixels(encoded: str, shape=(12, 10, 1)) -> torch.Tensor:
    content = np.frombuffer(base64.b64decode(encoded), np.uint8)
    return torch.from_numpy(content.reshape(shape).copy())


def noise() -> torch.Tensor:
    """Return random black and white pixels, farther from the data than any image."""
    bits = torch.randint(0, 2, (1, 12, 10), generator=torch.Generator().manual_seed(0))
    return (255 * bits).to(torch.uint8)


def test_training_image_is_located_at_its_point_of_the_map(client, registry):
    latent_map = registry[AE].latent_map
    image = latent_map.image(7)
    found = client.post("/api/models/0/encode", json={"pixels": text(image)}).json()
    np.testing.assert_allclose([found["x"], found["y"]], latent_map.points()[7], atol=1e-4)
    assert found["neighbours"][0]["number"] == 7
    assert found["neighbours"][0]["distance"] == pytest.approx(0, abs=1e-3)
    assert found["neighbours"][0]["label"] == int(latent_map.encoded.train.labels[7])
    distances = [one["distance"] for one in found["neighbours"]]
    assert len(distances) == 8
    assert distances == sorted(distances)
    assert found["ellipses"] == []  # the posterior is a point
    again = latent_map.model.reconstruct(to_float(image[None]))
    assert torch.equal(pixels(found["reconstruction"])[..., 0], to_uint8(again)[0, 0])
    error = (to_float(pixels(found["reconstruction"])[..., 0]) - to_float(image[0])).square()
    assert found["error"] == pytest.approx(float(error.mean()), rel=1e-4)
    assert np.sum(found["classes"]) == pytest.approx(1)
    assert int(np.argmax(found["classes"])) == int(latent_map.encoded.train.labels[7])


def test_posterior_ellipse_is_the_projected_covariance(client, registry):
    latent_map = registry[VAE].latent_map
    image = latent_map.data.validation.images[0]
    found = client.post("/api/models/1/encode", json={"pixels": text(image)}).json()
    one, two = found["ellipses"]
    assert two["major"] == pytest.approx(2 * one["major"])
    with torch.no_grad():
        variance = latent_map.model.encode(to_float(image[None])).log_variance.exp()[0].double()
    shadow = latent_map.plane.axes @ variance.diag() @ latent_map.plane.axes.T
    assert one["major"] ** 2 == pytest.approx(float(torch.linalg.eigvalsh(shadow)[1]), rel=1e-4)
    assert (one["x"], one["y"]) == pytest.approx((found["x"], found["y"]))


def test_location_and_inversion_use_the_requested_plane(client, registry):
    latent_map = registry[VAE].latent_map
    plane = latent_map.named_plane("c0_c1_i5")
    content = {"pixels": text(latent_map.image(5))}
    found = client.post("/api/models/1/encode?plane=c0_c1_i5", json=content).json()
    z = torch.tensor([found["z"]])
    np.testing.assert_allclose([found["x"], found["y"]], plane.project(z)[0], atol=1e-5)
    assert found["off_plane"] == pytest.approx(float(plane.distance(z)), abs=1e-5)
    answer = client.post("/api/models/1/invert?plane=c0_c1_i5", json=content)
    said = [json.loads(line) for line in answer.text.splitlines()]
    place = [line for line in said if "step" in line][-1]["point"]
    z = torch.tensor([said[-1]["z"]])
    np.testing.assert_allclose(place, plane.project(z)[0], atol=1e-5)
    for path in ("encode", "invert"):
        assert client.post(f"/api/models/1/{path}?plane=up", json=content).status_code == 422


def test_noise_has_level_zero(client):
    said = {"pixels": text(noise())}
    found = client.post("/api/models/0/encode", json=said).json()
    assert found["scores"][SCORE_COLUMNS.index("error_rarity")] == 1
    assert found["scores"][SCORE_COLUMNS.index("level")] == 0
    assert client.post("/api/models/2/encode", json=said).status_code == 422


def test_unlabelled_data_has_no_class_probabilities(client, registry):
    image = registry[UNLABELLED].latent_map.image(0)
    found = client.post("/api/models/3/encode", json={"pixels": text(image)}).json()
    assert found["classes"] == []
    assert found["neighbours"][0]["label"] is None


def lines(client, index, **body):
    answer = client.post(f"/api/models/{index}/invert", json=body)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_inversion_stream_ends_with_the_result_of_invert(client, registry):
    latent_map = registry[CGAN].latent_map
    image = to_uint8(latent_map.model.sample(1, label=1, seed=3))
    said = lines(client, CGAN, pixels=text(image[0]), seed=2)
    steps = [line for line in said if "step" in line]
    assert len(steps) >= 2
    assert steps[-1]["error"] < steps[0]["error"]
    same = invert(latent_map.model, image, seed=2)
    assert said[-1]["z"] == pytest.approx(same.z[0].tolist(), abs=1e-6)
    assert steps[-1]["error"] == pytest.approx(float(same.error))
    assert steps[-1]["label"] == 1
    assert torch.equal(pixels(steps[-1]["image"])[..., 0], to_uint8(same.image)[0, 0])
    assert steps[-1]["point"] is None
    assert 0 <= steps[-1]["norm_percentile"] <= 1
    assert said[-1]["num_measured"] == NUM_BASELINE
    assert said[-1]["share_not_better"] > 0.9  # its own sample
    lost = lines(client, CGAN, pixels=text(noise()), label=0)
    assert lost[-1]["share_not_better"] == 0
    assert [line for line in lost if "step" in line][-1]["label"] == 0
    assert not any("baseline_share" in line for line in lost)  # the baseline is measured once


def test_baseline_is_the_inversion_error_of_held_out_images(registry):
    latent_map = registry[AE].latent_map
    baseline = shared_baseline(latent_map)
    shares = list(baseline.measure())
    assert shares == sorted(shares)
    assert shared_baseline(latent_map) is baseline
    assert list(baseline.measure()) == []
    searched = scattered(latent_map.data.validation, NUM_BASELINE).images
    errors = torch.cat([
        invert(latent_map.model, part).error for part in searched.split(BATCH_SIZE)
    ]).sort().values  # fmt: skip
    for rank, error in enumerate(errors):
        assert baseline.share_not_better(error[None]) == pytest.approx(1 - rank / len(errors))
    assert baseline.share_not_better(errors[-1:] + 0.01) == 0


def test_inversion_steps_have_points_on_the_map(client, registry):
    latent_map = registry[AE].latent_map
    said = lines(client, AE, pixels=text(latent_map.image(5)))
    place = [line for line in said if "step" in line][-1]["point"]
    z = torch.tensor([said[-1]["z"]])
    np.testing.assert_allclose(place, latent_map.plane.project(z)[0], atol=1e-5)
    assert said[-1]["num_measured"] > 0
    assert [line for line in said if "step" in line][-1][
        "norm_percentile"
    ] is None  # the posterior is a point


def test_number_of_concurrent_inversions_is_limited(client, registry, monkeypatch):
    app = make_app(registry)
    content = {"pixels": text(registry[CGAN].latent_map.image(0))}
    held = []

    def endless(*given):
        held.append(given)
        with TestClient(app, base_url="http://127.0.0.1:8765") as other:
            answer = other.post("/api/models/2/invert", json=content)
        yield {"inner": answer.status_code, "nested": answer.text}

    monkeypatch.setattr(given, "invert_query", endless)
    with TestClient(app, base_url="http://127.0.0.1:8765") as first:
        said = json.loads(first.post("/api/models/2/invert", json=content).text)
        assert (said["inner"], json.loads(said["nested"])["inner"]) == (200, 422)
        held.clear()
        # both are free again
        assert json.loads(first.post("/api/models/2/invert", json=content).text)["inner"] == 200


IMAGE = base64.b64encode(bytes(120)).decode()


@pytest.mark.parametrize(
    "content",
    [
        {"pixels": "AAAA"}, {"pixels": "not base64!"}, {"pixels": "é" * 160}, {},
        {"pixels": IMAGE, "label": 77}, {"pixels": IMAGE, "label": -1},
        {"pixels": IMAGE, "label": 0.5}, {"pixels": IMAGE, "seed": 1 << 40},
    ],
)  # fmt: skip
def test_invalid_requests_are_refused(client, content):
    answer = client.post("/api/models/2/invert", json=content)
    assert answer.status_code == 422
    assert answer.text
    if "label" not in content and "seed" not in content:
        assert client.post("/api/models/0/encode", json=content).status_code == 422


def test_client_that_reads_nothing_releases_its_inversion(registry, monkeypatch):
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


# ------------------------------------------------------------------------------------- preparation


def test_a_picture_is_prepared_as_in_python(client, registry):
    picture = np.random.default_rng(0).integers(0, 256, (30, 20, 1), dtype=np.uint8)
    body = {"pixels": base64.b64encode(picture.tobytes()).decode(),
            "height": 30, "width": 20, "channels": 1}  # fmt: skip
    for steps in ({}, {"fit": False}, {"invert": True, "centre": True}):
        found = client.post("/api/models/0/prepare", json={**body, **steps}).json()
        expected = registry[AE].latent_map.prepare_image(picture, **steps)
        assert torch.equal(pixels(found["pixels"]).permute(2, 0, 1)[None], expected.image)
        assert found["invert"] == expected.inverted == steps.get("invert", False)
        assert found["fit"] == expected.fitted == steps.get("fit", True)
        assert found["centre"] is found["clean"] is False  # these data have no such place
    assert client.post("/api/models/3/prepare", json=body).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [{"height": 29}, {"height": 0}, {"width": 5000}, {"channels": 2}, {"pixels": "!"},
     {"invert": 3}, {"pixels": ""}],
)  # fmt: skip
def test_invalid_pictures_are_refused(changed, client):
    body = {"pixels": base64.b64encode(bytes(600)).decode(), "height": 30, "width": 20,
            "channels": 1}  # fmt: skip
    assert client.post("/api/models/0/prepare", json=body).status_code == 200
    assert client.post("/api/models/0/prepare", json={**body, **changed}).status_code == 422
