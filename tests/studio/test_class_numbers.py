"""A class is the same in Python, on the command line and in requests, if its name is a number."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from latentarium import cli, presets
from latentarium.data.dataset import to_uint8
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from support.errors import raises_code
from support.tiny import tiny_arrays

NAMES = ("1", "2", "3")
VAE, CGAN = range(2)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    images, labels = tiny_arrays(400)
    data = la.load_data(images, np.array(NAMES)[labels])
    assert data.card.classes == NAMES
    found = []
    for name in ("vae_debug", "cgan_debug"):
        config = presets.get(name)
        config = replace(config, train=replace(config.train, steps=2, snapshots=0))
        run = la.train(config, tmp_path_factory.mktemp(name) / "r", data)
        latent_map = LatentMap(run.load(), data)
        loaded = LoadedModel(
            name=name, folder=str(run.folder), kind=name, latent_map=latent_map, run=run
        )
        found.append(loaded)
    return ModelRegistry(found)


@pytest.fixture(scope="module")
def client(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.mark.parametrize("position", range(3))
def test_samples(position, registry, client, tmp_path):
    model, name = registry[CGAN].latent_map.model, NAMES[position]
    want = model.sample(4, torch.full((4,), position), seed=1)
    for label in (name, int(name), np.int64(name), [name] * 4, [int(name)] * 4, f"{name}:1"):
        torch.testing.assert_close(model.sample(4, label, seed=1), want)
    z, _ = model.latents(4, seed=1)
    torch.testing.assert_close(model.decode(z, int(name)).clamp(-1, 1), want)
    pixels = to_uint8(want).permute(0, 2, 3, 1).numpy()
    route = f"/api/models/{CGAN}/samples/pixels?n=4&seed=1&label={name}"
    assert client.get(route).content == pixels.tobytes()
    out = tmp_path / "grid.npz"
    cli.main(["sample", registry[CGAN].folder, "-n", "4", "--seed", "1", "--label", name,
              "--out", str(out)])  # fmt: skip
    assert np.array_equal(np.load(out)["images"], to_uint8(want).numpy())


def test_what_is_no_name_is_no_class(registry, client):
    latent_map = registry[CGAN].latent_map
    for wrong in (0, "0", 4):
        with raises_code("unknown-class"):
            latent_map.model.sample(1, wrong)
        with raises_code("unknown-class"):
            registry[VAE].latent_map.class_latents(wrong)
        for model, route in ((CGAN, "samples/pixels?n=1"), (VAE, "gaussian-samples?of=class")):
            answer = client.get(f"/api/models/{model}/{route}&label={wrong}")
            assert answer.status_code == 422


@pytest.mark.parametrize("position", range(3))
def test_gaussians_paths_and_searches(position, registry, client):
    name = NAMES[position]
    latent_map = registry[VAE].latent_map
    gaussian = latent_map.gaussians.gaussians[position]
    want = latent_map.class_latents(int(name), seed=2)
    assert torch.equal(want, latent_map.class_latents(name, seed=2))
    assert (want.mean(0) - gaussian.mean).norm() < 0.3 * gaussian.covariance.trace() ** 0.5
    answer = client.get(f"/api/models/{VAE}/gaussian-samples?of=class&label={name}&seed=2")
    assert answer.content == want.numpy().astype("<f4").tobytes()
    conditional = registry[CGAN].latent_map
    ends = {"a": "0,0", "b": "1,1", "steps": 2}
    path = f"/api/models/{CGAN}/interpolations/linear.gif"
    gifs = [client.get(path, params={**ends, "label": label}).content for label in (name, "2")]
    assert (gifs[0] == gifs[1]) == (name == "2")
    image = conditional.model.sample(1, name, seed=3)
    found = conditional.invert(image, int(name), steps=1)
    assert found.label is not None
    assert found.label.tolist() == [position]
