"""The studio shows a run with a fitted prior as a model of its own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import latentarium as la
from latentarium import presets
from latentarium.run import Run
from latentarium.studio.registry import load_registry
from latentarium.studio.samples.draw import SampleRequest, draw
from latentarium.studio.server import make_app
from support.tiny import tiny_arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    pixels, labels = tiny_arrays()
    np.savez(place / "tiny.npz", images=pixels[:, 0], labels=labels)
    data = la.load_data(place / "tiny.npz")
    config = presets.ae_debug()
    train = {**vars(config.train), "data": str(place / "tiny.npz")}
    config = type(config)(
        name=config.name, model=config.model, optimizer=config.optimizer,
        train=type(config.train)(**train),
    )  # fmt: skip
    run = la.train(config, place / "ae", data)
    la.fit_prior(run, "gaussian")
    la.fit_prior(run, "class-gaussian")
    return place / "ae"


@pytest.fixture(scope="module")
def registry(folder):
    names = (f"{folder}@trained", f"{folder}@class-gaussian", folder)
    return load_registry([Path(name) for name in names])


def test_each_prior_is_a_model_with_its_own_samples(registry, folder):
    trained, classes, default = registry
    samples = [draw(loaded.latent_map, SampleRequest(n=4)).images for loaded in registry]
    for loaded, prior, images in zip(
        registry, ["trained", "class-gaussian", None], samples, strict=True
    ):
        assert torch.equal(images, la.load(folder, prior=prior).sample(4, seed=0))
        assert torch.equal(images, eval(loaded.model_code()).sample(4, seed=0))
    assert not torch.equal(samples[0], samples[1])
    assert [loaded.latent_map.model.fitted_prior for loaded in registry] == [
        None, "class-gaussian", "gaussian",
    ]  # fmt: skip
    assert (trained.latent_map.model.takes_label, classes.latent_map.model.takes_label) == (
        False, True,
    )  # fmt: skip
    assert registry.index_of(folder) == 2
    assert default.run is not None
    assert default.run.folder == Run(folder).folder


def test_the_models_have_names_of_their_own_and_name_their_prior(registry, tmp_path):
    app = make_app(registry, runs=tmp_path / "runs")
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        models = client.get("/api/models").json()
    shown = models["models"] if isinstance(models, dict) else models
    assert len({model["name"] for model in shown}) == 3
    assert [model["fitted_prior"] for model in shown] == [None, "class-gaussian", "gaussian"]
    assert len({model["run"] for model in shown}) == 1


def test_a_prior_is_fitted_and_opened_from_the_page(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "ae")
    shutil.rmtree(run / "priors")
    registry = load_registry([run])
    app = make_app(registry, runs=tmp_path / "runs")
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        (model,) = client.get("/api/models").json()
        assert model["can_fit_prior"]
        assert model["fitted_priors"] == []
        assert client.post("/api/models/0/priors/gaussian/show").status_code == 422
        answer = client.post("/api/models/0/priors/class-gaussian/fit")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert lines[-1] == {"result": {"model": 1}}
        first, second = client.get("/api/models").json()
        assert first["fitted_priors"] == second["fitted_priors"] == ["class-gaussian"]
        assert second["fitted_prior"] == "class-gaussian"
        assert second["takes_label"]
        assert client.post("/api/models/1/priors/class-gaussian/show").json() == {"model": 1}
        trained = client.post("/api/models/1/priors/trained/show").json()["model"]
        assert client.get("/api/models").json()[trained]["fitted_prior"] is None
        assert client.post("/api/models/0/priors/luck/fit").status_code == 422


def test_no_prior_is_fitted_to_a_model_of_the_package_or_without_encoder(tmp_path):
    registry = load_registry([])
    app = make_app(registry, runs=tmp_path / "runs")
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        for index in (0, 2):
            assert not client.get("/api/models").json()[index]["can_fit_prior"]
            answer = client.post(f"/api/models/{index}/priors/gaussian/fit")
            assert answer.status_code == 422
