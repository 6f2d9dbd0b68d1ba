"""config.json names what a run needs, and the checks against it."""

import json
from dataclasses import replace

import numpy as np
import pytest

import latentarium.run.manifest as manifest
from conftest import tiny_arrays, tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run, folder
from latentarium.training import train
from support.errors import raises_code


@pytest.fixture
def imported(monkeypatch) -> None:
    """As after `latentarium --import models/my_models.py`."""
    files = ("/somewhere/models/my_models.py",)
    monkeypatch.setattr(manifest, "component_files", lambda model: files)


def test_a_run_records_the_names_of_imported_files(imported, tmp_path):
    run = Run.start(tmp_path / "r", presets.vae_debug(), tiny_data().card)
    assert run.imports == ("my_models.py",)
    assert "somewhere" not in (run.folder / "config.json").read_text()


def unknown_component(*_: object) -> None:
    raise UserError("No prior named 'mine' is registered.", code="unknown-component")


def test_an_unknown_component_names_the_file_to_import(imported, tmp_path, monkeypatch):
    run = train(presets.vae_debug(), tmp_path / "r", tiny_data())
    monkeypatch.setattr(folder, "build", unknown_component)
    with raises_code("unknown-component") as caught:
        run.load()
    assert "--import my_models.py" in str(caught.value)
    monkeypatch.setattr(manifest, "from_dict", unknown_component)
    with raises_code("unknown-component") as caught:
        Run(run.folder)
    assert "--import my_models.py" in str(caught.value)


def test_an_unknown_component_without_imports_is_reported_as_it_is(tmp_path, monkeypatch):
    run = train(presets.vae_debug(), tmp_path / "r", tiny_data())
    monkeypatch.setattr(folder, "build", unknown_component)
    with raises_code("unknown-component") as caught:
        run.load()
    assert str(caught.value) == "No prior named 'mine' is registered."


def test_weights_of_another_configuration_are_refused(tmp_path):
    config, data = presets.vae_debug(), tiny_data()
    run = train(config, tmp_path / "r", data)
    other_seed = replace(config, train=replace(config.train, seed=1))
    other = train(other_seed, tmp_path / "other", data)
    name = "weights.safetensors"
    (other.folder / name).write_bytes((run.folder / name).read_bytes())
    with raises_code("damaged-weights"):
        other.load()


@pytest.mark.parametrize("key", ["device", "data"])
def test_the_weights_fit_after_a_change_of_device_or_data_path(key, tmp_path):
    run = train(presets.vae_debug(), tmp_path / "r", tiny_data())
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    content["config"]["train"][key] = "elsewhere"
    path.write_text(json.dumps(content))
    assert Run(run.folder).load().sample(1).shape == (1, 1, 12, 10)


def save_npz(path, seed: int = 0, shape=(1, 12, 10)) -> str:
    images, labels = tiny_arrays(seed=seed, shape=shape)
    np.savez(path, images=images[:, 0], labels=labels)
    return str(path)


def test_a_run_loads_its_data_or_other_data_of_the_same_kind(tmp_path):
    source = save_npz(tmp_path / "data.npz")
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, data=source))
    run = train(config, tmp_path / "r")
    assert run.load_data().card == run.data
    other = save_npz(tmp_path / "other.npz", seed=1)
    assert run.load_data(other).card.fingerprint != run.data.fingerprint
    with raises_code("data-mismatch"):
        run.load_data(save_npz(tmp_path / "wide.npz", shape=(1, 12, 11)))
    save_npz(tmp_path / "data.npz", seed=1)
    with raises_code("other-data"):
        run.load_data()
    with raises_code("other-data"):
        run.require_data(run.load_data(other).card)
