"""Settings of presets on the page: complete, checked, and the same as on the command line."""

import dataclasses
import json

import pytest
from starlette.testclient import TestClient

from latentarium import presets
from latentarium.cli import train as train_command
from latentarium.config import change_settings, flat, list_settings, to_dict
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from latentarium.studio.training.settings import (
    SEPARATE,
    describe_settings,
    setting_options,
    setting_problems,
)
from support.errors import raises_code


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = make_app(ModelRegistry(), runs=tmp_path_factory.mktemp("none") / "runs")
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.mark.parametrize("name", presets.all_presets())
def test_every_setting_of_a_preset_is_listed_with_its_value_and_meaning(name):
    config = presets.get(name)
    names = flat(to_dict(config)).keys() - SEPARATE
    for choice in ("model.prior", "model.objective"):
        if f"{choice}.kind" in names:
            names = names - {f"{choice}.kind"} | {choice}
    described = describe_settings(name)
    assert {field["name"] for field in described} == names
    groups = [field["group"] for field in described]
    assert groups == sorted(groups, key=groups.index)  # the settings of a group are together
    for field in described:
        assert field["meaning"].endswith((".", "?")), field["name"]
        assert not field["choices"] or field["value"] in field["choices"]


def other_value(field):
    """Return an allowed value of a setting that differs from the preset's."""
    if field.kind == "boolean":
        return not field.value
    if field.kind == "choice":
        return next((choice for choice in field.choices if choice != field.value), field.value)
    if field.kind == "text":
        return "cpu"
    return field.value + 1 if field.kind == "integer" else field.value / 2 + 0.01


@pytest.mark.parametrize(
    "name", ["ae_mnist", "vae_images", "vae_flow_mnist", "cgan_mnist", "gan_ring"]
)
def test_options_give_the_configuration_that_was_checked(name, monkeypatch, tmp_path):
    config = presets.get(name)
    parsed = []
    monkeypatch.setattr(train_command, "_fitting_data", lambda *_: None)
    monkeypatch.setattr(train_command, "_train", lambda made, *_, **__: parsed.append(made))
    changed = 0
    for field in list_settings(config):
        values = {field.name: other_value(field)}
        if field.name in SEPARATE or setting_problems(name, values):
            continue  # the second: combinations that the configuration refuses
        options = setting_options(name, values)
        base = ["--data", "mnist", "--run", str(tmp_path / "r")]
        train_command.train_preset(name, [*base, *options])
        expected = change_settings(config, values)
        train = dataclasses.replace(expected.train, data="mnist")
        assert parsed[-1] == dataclasses.replace(expected, train=train), options
        changed += 1
    assert changed > 25


@pytest.mark.parametrize(
    ("settings", "place", "words"),
    [({"model.beta": "-1"}, "model.beta", "at least 0"),
     ({"model.latent_dim": "2.5"}, "model.latent_dim", "an integer"),
     ({"model.latent_dim": ""}, "model.latent_dim", "an integer"),
     ({"model.likelihood": "poisson"}, "model.likelihood", "bernoulli"),
     ({"model.prior": "poisson"}, "model.prior", "standard_normal"),
     ({"model.binarize": "yes"}, "model.binarize", "True or False"),
     ({"model.encoder.width": True}, "model.encoder.width", "integer"),
     ({"optimizer.learning_rate": "nan"}, "optimizer.learning_rate", "finite"),
     ({"model.bta": 1}, "model.bta", "model.beta"),
     ({"train.data": "/etc/passwd"}, "train.data", "page"),
     ({"train.labels": "/etc/passwd"}, "train.labels", "page"),
     ({"model.binarize": True, "model.likelihood": "gaussian"}, "", "binarize"),
     ({"model.encoder.kind": "conv", "model.encoder.fourier": "1"}, "", "fourier")],
)  # fmt: skip
def test_refused_value_is_named_with_the_allowed_ones(client, tmp_path, settings, place, words):
    body = {"preset": "vae_mnist", "settings": settings}
    answer = client.post("/api/check-settings", json=body).json()
    assert answer["options"] == []
    assert answer["problems"].keys() == {place}
    assert words in answer["problems"][place]["text"]
    request = {"preset": "vae_mnist", "data": "mnist", "name": "n", "settings": settings}
    started = client.post("/api/runs", json=request)
    assert started.status_code == 422
    assert started.headers["x-error-code"]
    assert client.get("/api/runs").json() == []


def test_numbers_are_taken_as_the_command_line_takes_them(client):
    settings = {"model.latent_dim": "2", "optimizer.learning_rate": "1e-4", "model.binarize": True}
    body = {"preset": "vae_mnist", "settings": settings}
    answer = client.post("/api/check-settings", json=body).json()
    assert answer["problems"] == {}
    assert answer["options"] == [
        "--model.latent-dim", "2", "--optimizer.learning-rate", "0.0001", "--model.binarize"
    ]  # fmt: skip
    assert client.get("/api/presets/nothing/settings").headers["x-error-code"] == "unknown-preset"


def test_another_prior_has_its_own_settings(client, monkeypatch, tmp_path):
    listed = client.get("/api/presets/vae_mnist/settings?component=model.prior=flow").json()
    own = {field["name"]: field for field in listed if field["group"] == "model.prior"}
    assert {"model.prior.transforms", "model.prior.coupling"} <= own.keys()
    assert own["model.prior.transforms"]["value"] == 4
    assert "model.prior.kind" not in own
    for prior in ("standard_normal", "luck"):
        plain = client.get(f"/api/presets/vae_mnist/settings?component=model.prior={prior}").json()
        assert not any(field["group"] == "model.prior" for field in plain)
    values = {"model.prior": "flow", "model.prior.transforms": "2", "model.prior.coupling": True}
    body = {"preset": "vae_mnist", "settings": values}
    answer = client.post("/api/check-settings", json=body).json()
    assert answer["problems"] == {}
    option, text = answer["options"]
    assert option == "--model.prior"
    assert json.loads(text) == {"kind": "flow", "transforms": 2, "coupling": True}
    parsed = []
    monkeypatch.setattr(train_command, "_fitting_data", lambda *_: None)
    monkeypatch.setattr(train_command, "_train", lambda made, *_, **__: parsed.append(made))
    train_command.train_preset(
        "vae_mnist", ["--data", "mnist", "--run", str(tmp_path), option, text]
    )
    assert parsed[0].model == change_settings(presets.get("vae_mnist"), values).model
    body["settings"]["model.prior.transforms"] = "0"
    answer = client.post("/api/check-settings", json=body).json()
    assert answer["problems"].keys() == {"model.prior.transforms"}
    body["settings"] = {"model.prior": "mixture", "model.prior.transforms": "2"}
    answer = client.post("/api/check-settings", json=body).json()
    assert answer["problems"].keys() == {"model.prior.transforms"}


def test_settings_of_the_data_are_refused():
    with raises_code("unknown-setting"):
        setting_options("vae_mnist", {"train.keys": "a=b"})
