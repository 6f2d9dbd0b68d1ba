"""Samples of the server: equal to those of `sample` and of the command line, and assessed."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from latentarium import cli, presets
from latentarium.data.dataset import to_float, to_uint8
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.latent.class_samples import class_gaussian, sample_gaussian
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.nearest_training import CopyCheck
from latentarium.models.inference import encode
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.samples.assess import describe_prior
from latentarium.studio.server import make_app
from support.frames import reply, request
from support.latent_scores import score_latents_only
from support.tiny import tiny_arrays
from support.tiny_studio import with_classifier

AE, VAE, GAN, CGAN = range(4)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(400)
    source = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(source, images=images[:, 0], labels=labels)
    data = la.load_data(str(source))
    found = []
    for name in ("ae_debug", "vae_debug", "gan_debug", "cgan_debug"):
        config = presets.get(name)
        config = replace(config, train=replace(config.train, data=str(source)))
        run = la.train(config, tmp_path_factory.mktemp(name) / "r", data)
        latent_map = LatentMap(run.load(), data)
        found.append(
            LoadedModel(
                name=name, folder=str(run.folder), kind=name, latent_map=latent_map, run=run
            )
        )
    return with_classifier(ModelRegistry(found))[0]


@pytest.fixture(scope="module")
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


def drawn(client, model, what, **wish):
    answer = client.get(f"/api/models/{model}/samples/{what}", params=wish)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("model", "wish", "label"),
    [(AE, {}, None), (GAN, {"truncation": 0.4}, None), (CGAN, {"label": "2"}, "2"),
     (CGAN, {"label": "0:0.75,2:0.25"}, "0:0.75,2:0.25"), (CGAN, {}, None),
     (CGAN, {"method": "each-class"}, [i % 3 for i in range(16)]),
     (VAE, {"method": "each-class"}, None)],
)  # fmt: skip
def test_pixels_equal_those_of_sample(client, registry, model, wish, label):
    found = drawn(client, model, "pixels", n=16, seed=5, **wish).content
    settings = {"seed": 5, "truncation": wish.get("truncation", 1.0)}
    made = registry[model].latent_map.model.sample(16, label, **settings)
    assert found == to_uint8(made).permute(0, 2, 3, 1).numpy().tobytes()
    z = np.frombuffer(drawn(client, model, "latents", n=16, seed=5, **wish).content, "<f4")
    assert len(z) == 16 * registry[model].latent_map.model.latent_dim


def test_blend_weights_are_normalized(registry):
    model = registry[CGAN].latent_map.model
    blend = model.sample(4, "0:3,2:1", seed=1)
    weights = torch.tensor([[0.75, 0, 0.25]]).expand(4, -1)
    torch.testing.assert_close(blend, model.sample(4, weights, seed=1))
    assert not torch.equal(blend, model.sample(4, "0", seed=1))


@pytest.mark.parametrize("kind", ["grid.png", "images.npz"])
@pytest.mark.parametrize(
    ("model", "wish", "words"),
    [(CGAN, {"label": "0:0.6,1:0.4"}, ["--label", "0:0.6,1:0.4"]),
     (VAE, {"label": "1", "method": "gaussian"}, ["--gaussian", "1"]), (GAN, {}, [])],
)  # fmt: skip
def test_files_equal_those_of_the_command_line(
    client, registry, tmp_path, kind, model, wish, words
):
    content = drawn(client, model, kind, n=9, seed=3, truncation=0.8, **wish).content
    out = tmp_path / kind
    cli.main(["sample", registry[model].folder, "-n", "9", "--seed", "3", "--truncation", "0.8",
              *words, "--out", str(out)])  # fmt: skip
    if kind == "grid.png":
        assert content == out.read_bytes()
    else:  # a zip holds the time it was made at
        with np.load(io.BytesIO(content)) as ours, np.load(out) as theirs:
            np.testing.assert_array_equal(ours["images"], theirs["images"])


def test_class_gaussian_is_fitted_to_the_latents_of_the_class(client, registry):
    latent_map = registry[VAE].latent_map
    made = sample_gaussian(
        latent_map.model, class_gaussian(latent_map.model, latent_map.data, "2"), 32, 0
    )
    found = drawn(client, VAE, "pixels", n=32, method="gaussian", label="2").content
    assert found == to_uint8(made).permute(0, 2, 3, 1).numpy().tobytes()
    gaussian = class_gaussian(latent_map.model, latent_map.data, 2)
    own = encode(latent_map.model, latent_map.data.train)[latent_map.data.train.labels == 2]
    torch.testing.assert_close(gaussian.mean, own.double().mean(0))
    said = drawn(client, VAE, "assessment", n=32, method="gaussian", label="2").json()
    assert said["requested"] == [2] * 32


def test_label_and_gaussian_exclude_each_other(registry, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["sample", registry[VAE].folder, "--label", "1", "--gaussian", "1",
                  "--out", str(tmp_path / "a.png")])  # fmt: skip
    assert capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["sample", registry[CGAN].folder, "--gaussian", "1",
                  "--out", str(tmp_path / "a.png")])  # fmt: skip
    assert capsys.readouterr().err


def latents_and_weights(latent_map, n, seed):
    z, labels = latent_map.model.latents(n, seed=seed)
    return z, torch.nn.functional.one_hot(labels, 3).float()


def test_assessment_has_the_classes_and_scores_of_each_sample(client, registry):
    said = drawn(client, CGAN, "assessment", n=16, seed=2).json()
    latent_map = registry[CGAN].latent_map
    confidence, predicted = latent_map.classifier.probabilities(
        latent_map.model.sample(16, seed=2)
    ).max(1)
    assert said["predicted"] == predicted.tolist()
    np.testing.assert_allclose(said["confidence"], confidence, atol=1e-4)
    asked = latent_map.model.latents(16, seed=2)[1]
    assert said["requested"] == asked.tolist()  # drawn at random
    assert 0 <= said["held_out_off_data"] <= 0.05
    assert 0 <= said["held_out_confident"] <= 1
    scores = latent_map.decode_scored(*latents_and_weights(latent_map, 16, 2)).scores
    np.testing.assert_allclose(np.array(said["scores"], float), scores, rtol=1e-3, atol=1e-4)
    assert said["scores"][0][SCORE_COLUMNS.index("distance")] is None  # no encoder
    blended = drawn(client, CGAN, "assessment", n=4, label="0:0.5,1:0.5").json()
    assert blended["requested"] is None  # a blend is not one class
    ae = drawn(client, AE, "assessment", n=16).json()
    assert len(ae["scores"]) == 16
    assert ae["requested"] is None


def test_copies_have_distance_zero_and_test_images_that_of_held_out_images(registry):
    data = registry[AE].latent_map.data
    check = CopyCheck(data)
    train = to_float(data.train.images)
    copies = check(train[[7, 300]])
    assert copies.number.tolist() == [7, 300]
    assert copies.distance.tolist() == [0, 0]
    assert copies.nearer.tolist() == [0, 0]
    new = to_float(data.test.images)
    found = check(new)
    distances = torch.cdist(new.flatten(1).double(), train.flatten(1).double())
    torch.testing.assert_close(found.distance, distances.min(1).values)
    assert 0.2 < float(found.nearer.mean()) < 0.8
    assert (check(torch.ones(1, 1, 12, 10)).nearer == 1).all()


def test_copies_route_returns_numbers_of_images_on_the_map(client, registry):
    said = drawn(client, GAN, "copies", n=4).json()
    latent_map = registry[GAN].latent_map
    made = latent_map.model.sample(4)
    for i in range(4):
        near = to_float(latent_map.image(said["number"][i]))
        assert float((near - made[i]).norm()) == pytest.approx(said["distance"][i], abs=1e-3)


@pytest.mark.parametrize(
    ("model", "wish"),
    [(GAN, {"label": "1"}), (GAN, {"label": "1", "method": "gaussian"}), (CGAN, {"label": "9"}),
     (CGAN, {"label": "0:x"}), (CGAN, {"label": "0:-1,1:2"}), (CGAN, {"label": "0:nan"}),
     (VAE, {"method": "gaussian"}), (GAN, {"n": 0}), (GAN, {"n": 999}),
     (GAN, {"truncation": "nan"}), (GAN, {"seed": -1}), (GAN, {"seed": 2**70}),
     (GAN, {"method": "luck"})],
)  # fmt: skip
@pytest.mark.parametrize("what", ["pixels", "assessment", "grid.png"])
def test_invalid_sample_requests_are_refused(client, model, wish, what):
    answer = client.get(f"/api/models/{model}/samples/{what}", params=wish)
    assert answer.status_code == 422
    assert answer.text


def test_decode_socket_reconstructs_images_and_decodes_seeds(client, registry):
    host = {"host": "127.0.0.1:8765"}
    latent_map = registry[VAE].latent_map
    with client.websocket_connect("/decode", headers=host) as socket:
        socket.send_bytes(request([[3], [350]], model=VAE, kind=2))
        found = reply(socket.receive_bytes())
        both = torch.stack([latent_map.image(3), latent_map.image(350)])
        again = to_uint8(latent_map.model.reconstruct(to_float(both)).detach()).permute(0, 2, 3, 1)
        assert np.abs(found["pixels"].astype(int) - again.numpy()).max() <= 1
        for bad in (request([[4000]], model=VAE, kind=2), request([[-1]], model=VAE, kind=2),
                    request([[0]], model=GAN, kind=2)):  # fmt: skip
            socket.send_bytes(bad)
            assert not reply(socket.receive_bytes())["ok"]
        socket.send_bytes(request([[0.5, 2.25]], model=VAE, kind=3))
        seeds = reply(socket.receive_bytes())["pixels"]
        expected = to_uint8(latent_map.decode_at(0.5, 2.25, seeds=True))
        np.testing.assert_array_equal(seeds[0, :, :, 0], expected[0, 0].numpy())
    # models with latents of one size see one vector there
    place = torch.tensor([[0.5, 2.25]], dtype=torch.float64)
    same = registry[AE].latent_map.model.latent_dim == latent_map.model.latent_dim
    assert same == torch.equal(
        registry[AE].latent_map.encoded.lattice(place), latent_map.encoded.lattice(place)
    )


def test_prior_assessment_has_shares_classes_and_distance(client, registry):
    for model in (AE, GAN, CGAN):
        latent_map = registry[model].latent_map
        found = client.get(f"/api/models/{model}/samples/prior?seed=3").json()
        label = [i % 3 for i in range(400)] if model == CGAN else None
        images = to_uint8(latent_map.model.sample(400, label, seed=3))
        most = latent_map.classifier.probabilities(images).max(1)
        assert found["confident"]["share"] == pytest.approx(
            float((most.values >= 0.9).double().mean())
        )
        assert (
            found["confident"]["low"] <= found["confident"]["share"] <= found["confident"]["high"]
        )
        assert found["classes"] == len(most.indices.unique())
        assert (found["distance"] is None) == (model != AE)
        assert found["off_data"]["low"] <= found["off_data"]["share"] <= found["off_data"]["high"]
        assert (
            found["held_out"]["off_data"]["share"] <= 0.05
        )  # few held-out images are off the data
    real = registry[GAN].latent_map.classifier.probabilities(
        registry[GAN].latent_map.data.validation.images
    )
    expected = found["held_out"]["confident"]["share"]
    assert expected == pytest.approx(float((real.amax(1) >= 0.9).double().mean()))
    assert client.get("/api/models/0/samples/prior?seed=-1").status_code == 422


def test_latents_far_from_the_prior_are_detected(registry, monkeypatch):
    """If latents are draws from N(0, I), samples are on the data; if moved away, none is."""
    shares, distances = [], []
    for moved in (0.0, 9.0):
        latent_map = score_latents_only(registry[AE].latent_map, monkeypatch)
        noise = torch.Generator().manual_seed(5)
        size = latent_map.model.latent_dim
        latent_map.encoded.latents = torch.randn(3000, size, generator=noise) + moved
        latent_map.encoded.held_out_latents = torch.randn(1000, size, generator=noise) + moved
        found = describe_prior(latent_map, 0)
        shares.append(found["off_data"])
        distances.append(found["distance"])
    assert shares[0]["low"] <= 0.02
    assert shares[1]["low"] > 0.9
    assert distances[0]["low"] <= distances[0]["reference_high"]
    assert distances[1]["value"] == pytest.approx(9, rel=0.1)  # of 64 directions
