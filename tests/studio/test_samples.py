"""Images that the server draws: the same as `sample` makes, and what is said of them."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from conftest import tiny_arrays
from latentarium import cli, presets
from latentarium.data.dataset import to_float, to_uint8
from latentarium.latent.class_samples import class_gaussian, sample_gaussian
from latentarium.latent.copies import CopyCheck
from latentarium.latent.latent_map import Atlas
from latentarium.latent.prior_check import as_generator
from latentarium.models.inference import encode
from latentarium.studio.protocol import SCORE_COLUMNS
from latentarium.studio.registry import LoadedModel, ModelRegistry
from latentarium.studio.server import make_app
from support.drawing import judged
from support.frames import reply, request

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
        atlas = Atlas(run.load(), data)
        found.append(LoadedModel(name=name, folder=str(run.folder), kind=name, atlas=atlas, run=run))
    return judged(ModelRegistry(found))[0]


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
     (CGAN, {"way": "turn"}, [i % 3 for i in range(16)]), (VAE, {"way": "turn"}, None)],
)  # fmt: skip
def test_pixels_are_those_that_sample_makes(client, registry, model, wish, label):
    found = drawn(client, model, "pixels", n=16, seed=5, **wish).content
    settings = {"seed": 5, "truncation": wish.get("truncation", 1.0)}
    made = registry[model].atlas.model.sample(16, label, **settings)
    assert found == to_uint8(made).permute(0, 2, 3, 1).numpy().tobytes()
    z = np.frombuffer(drawn(client, model, "latents", n=16, seed=5, **wish).content, "<f4")
    assert len(z) == 16 * registry[model].atlas.model.latent_dim


def test_a_blend_lies_between_its_classes_and_weights_need_not_sum_to_one(registry):
    model = registry[CGAN].atlas.model
    blend = model.sample(4, "0:3,2:1", seed=1)
    weights = torch.tensor([[0.75, 0, 0.25]]).expand(4, -1)
    torch.testing.assert_close(blend, model.sample(4, weights, seed=1))
    assert not torch.equal(blend, model.sample(4, "0", seed=1))


@pytest.mark.parametrize("kind", ["grid.png", "images.npz"])
@pytest.mark.parametrize(
    ("model", "wish", "words"),
    [(CGAN, {"label": "0:0.6,1:0.4"}, ["--label", "0:0.6,1:0.4"]),
     (VAE, {"label": "1", "way": "gaussian"}, ["--gaussian", "1"]), (GAN, {}, [])],
)  # fmt: skip
def test_files_are_those_of_the_command_line_bit_for_bit(
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


def test_the_gaussian_of_a_class_makes_that_class(client, registry):
    atlas = registry[VAE].atlas
    made = sample_gaussian(atlas.model, class_gaussian(atlas.model, atlas.data, "2"), 32, 0)
    found = drawn(client, VAE, "pixels", n=32, way="gaussian", label="2").content
    assert found == to_uint8(made).permute(0, 2, 3, 1).numpy().tobytes()
    gaussian = class_gaussian(atlas.model, atlas.data, 2)
    own = encode(atlas.model, atlas.data.train)[atlas.data.train.labels == 2]
    torch.testing.assert_close(gaussian.mean, own.double().mean(0))
    said = drawn(client, VAE, "opinion", n=32, way="gaussian", label="2").json()
    assert said["asked"] == [2] * 32


def test_a_label_and_a_gaussian_are_not_asked_for_together(registry, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["sample", registry[VAE].folder, "--label", "1", "--gaussian", "1",
                  "--out", str(tmp_path / "a.png")])  # fmt: skip
    assert "not both" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["sample", registry[CGAN].folder, "--gaussian", "1",
                  "--out", str(tmp_path / "a.png")])  # fmt: skip
    assert "ask by label" in capsys.readouterr().err


def atlas_latents(atlas, n, seed):
    z, labels = atlas.model.latents(n, seed=seed)
    return z, torch.nn.functional.one_hot(labels, 3).float()


def test_an_opinion_says_what_the_judge_says(client, registry):
    said = drawn(client, CGAN, "opinion", n=16, seed=2).json()
    atlas = registry[CGAN].atlas
    sure, judged = atlas.judge.probabilities(atlas.model.sample(16, seed=2)).max(1)
    assert said["judged"] == judged.tolist()
    np.testing.assert_allclose(said["sure"], sure, atol=1e-4)
    asked = atlas.model.latents(16, seed=2)[1]
    assert said["asked"] == asked.tolist()  # what chance chose
    assert 0 <= said["usually_off"] <= 0.05
    assert 0 <= said["usually_sure"] <= 1
    trust = atlas.decoded(*atlas_latents(atlas, 16, 2)).trust
    np.testing.assert_allclose(np.array(said["trust"], float), trust, rtol=1e-3, atol=1e-4)
    assert said["trust"][0][SCORE_COLUMNS.index("distance")] is None  # nothing encodes
    blended = drawn(client, CGAN, "opinion", n=4, label="0:0.5,1:0.5").json()
    assert blended["asked"] is None  # no one class was asked for
    ae = drawn(client, AE, "opinion", n=16).json()
    assert len(ae["trust"]) == 16
    assert ae["asked"] is None


def test_a_copy_is_found_and_what_is_new_is_as_far_as_new_images(registry):
    data = registry[AE].atlas.data
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


def test_copies_name_images_of_the_map(client, registry):
    said = drawn(client, GAN, "copies", n=4).json()
    atlas = registry[GAN].atlas
    made = atlas.model.sample(4)
    for i in range(4):
        near = to_float(atlas.image(said["number"][i]))
        assert float((near - made[i]).norm()) == pytest.approx(said["distance"][i], abs=1e-3)


@pytest.mark.parametrize(
    ("model", "wish", "words"),
    [(GAN, {"label": "1"}, "can't be told"), (GAN, {"label": "1", "way": "gaussian"}, "Gaussian"),
     (CGAN, {"label": "9"}, "no class 9"), (CGAN, {"label": "0:x"}, "no part of a blend"),
     (CGAN, {"label": "0:-1,1:2"}, "0 or more"), (CGAN, {"label": "0:nan"}, "0 or more"),
     (VAE, {"way": "gaussian"}, "no class"), (GAN, {"n": 0}, "n:"), (GAN, {"n": 999}, "n:"),
     (GAN, {"truncation": "nan"}, "truncation"), (GAN, {"seed": -1}, "seed"),
     (GAN, {"seed": 2**70}, "seed"), (GAN, {"way": "luck"}, "way")],
)  # fmt: skip
@pytest.mark.parametrize("what", ["pixels", "opinion", "grid.png"])
def test_what_cannot_be_drawn_is_a_sentence(client, model, wish, words, what):
    answer = client.get(f"/api/models/{model}/samples/{what}", params=wish)
    assert answer.status_code == 422
    assert words in answer.text


def test_the_socket_reconstructs_images_and_decodes_seeds(client, registry):
    host = {"host": "127.0.0.1:8765"}
    atlas = registry[VAE].atlas
    with client.websocket_connect("/decode", headers=host) as socket:
        socket.send_bytes(request([[3], [350]], model=VAE, kind=2))
        found = reply(socket.receive_bytes())
        both = torch.stack([atlas.image(3), atlas.image(350)])
        again = to_uint8(atlas.model.reconstruct(to_float(both)).detach()).permute(0, 2, 3, 1)
        assert np.abs(found["pixels"].astype(int) - again.numpy()).max() <= 1
        for bad in (request([[4000]], model=VAE, kind=2), request([[-1]], model=VAE, kind=2),
                    request([[0]], model=GAN, kind=2)):  # fmt: skip
            socket.send_bytes(bad)
            assert "can't encode" in reply(socket.receive_bytes())["sentence"]
        socket.send_bytes(request([[0.5, 2.25]], model=VAE, kind=3))
        seeds = reply(socket.receive_bytes())["pixels"]
        expected = to_uint8(atlas.decode_at(0.5, 2.25, seeds=True))
        np.testing.assert_array_equal(seeds[0, :, :, 0], expected[0, 0].numpy())
    # models with latents of one size see one vector there
    place = torch.tensor([[0.5, 2.25]], dtype=torch.float64)
    same = registry[AE].atlas.model.latent_dim == atlas.model.latent_dim
    assert same == torch.equal(registry[AE].atlas.lattice(place), atlas.lattice(place))


def test_many_draws_say_whether_a_model_generates(client, registry):
    for model in (AE, GAN, CGAN):
        atlas = registry[model].atlas
        found = client.get(f"/api/models/{model}/samples/prior?seed=3").json()
        label = [i % 3 for i in range(400)] if model == CGAN else None
        images = to_uint8(atlas.model.sample(400, label, seed=3))
        most = atlas.judge.probabilities(images).max(1)
        assert found["sure"]["share"] == pytest.approx(float((most.values >= 0.9).double().mean()))
        assert found["sure"]["low"] <= found["sure"]["share"] <= found["sure"]["high"]
        assert found["classes"] == len(most.indices.unique())
        assert (found["distance"] is None) == (model != AE)
        assert found["off"]["low"] <= found["off"]["share"] <= found["off"]["high"]
        assert found["usual"]["off"]["share"] <= 0.05  # of held-out images, few
    real = registry[GAN].atlas.judge.probabilities(registry[GAN].atlas.data.validation.images)
    usual = found["usual"]["sure"]["share"]
    assert usual == pytest.approx(float((real.amax(1) >= 0.9).double().mean()))
    assert client.get("/api/models/0/samples/prior?seed=-1").status_code == 422


def test_codes_far_from_the_prior_are_said_to_be(registry):
    """Codes that are draws of N(0, I) themselves leave no gaps; moved away, they leave all."""
    shares, distances = [], []
    for moved in (0.0, 9.0):
        atlas = Atlas(registry[AE].atlas.model, registry[AE].atlas.data)
        noise = torch.Generator().manual_seed(5)
        size = atlas.model.latent_dim
        atlas.__dict__["codes"] = torch.randn(3000, size, generator=noise) + moved
        atlas.__dict__["held_out_codes"] = torch.randn(1000, size, generator=noise) + moved
        found = as_generator(atlas, 0)
        shares.append(found["off"])
        distances.append(found["distance"])
    assert shares[0]["low"] <= 0.02
    assert shares[1]["low"] > 0.9
    assert distances[0]["low"] <= distances[0]["floor_high"]
    assert distances[1]["value"] == pytest.approx(9, rel=0.1)  # of 64 directions
