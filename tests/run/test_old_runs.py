"""Runs of earlier versions load, resume bit for bit, and are read with the present names."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from latentarium import presets
from latentarium.config import ImportanceWeightedConfig
from latentarium.presets.variants import shrink
from latentarium.run import Run
from latentarium.training import finish, train
from support.errors import raises_code
from support.old_runs import downgrade
from support.stopping import train_until
from support.tiny import tiny_data

FAMILIES = ["ae_debug", "vae_class_debug", "gan_debug", "cgan_debug"]
DUALITY_GAP = {"protocol": {"seed": 0}, "wanted": [0, 40], "snapshots": {"40": {"total": 0.5}}}


@pytest.mark.parametrize("preset", FAMILIES)
def test_an_old_run_is_read_like_a_new_one(preset, tmp_path):
    new = train(presets.get(preset), tmp_path / "new", tiny_data())
    new.save_duality_gap(DUALITY_GAP)
    shutil.copytree(new.folder, tmp_path / "old")
    downgrade(tmp_path / "old")
    old = Run(tmp_path / "old")
    assert (old.config, old.data, old.imports) == (new.config, new.data, ())
    assert old.log() == new.log()
    assert old.duality_gap() == DUALITY_GAP
    assert old.snapshots() == new.snapshots()
    assert old.weights_step() == 40
    for snapshot in (None, 0, 40):
        tensors = old.load(snapshot).state_dict()
        for name, tensor in new.load(snapshot).state_dict().items():
            assert torch.equal(tensor, tensors[name]), name


@pytest.mark.parametrize("preset", FAMILIES)
def test_an_old_run_resumes_bit_for_bit(preset, tmp_path):
    config, data = presets.get(preset), tiny_data()
    whole = train(config, tmp_path / "whole", data)
    train_until(17, config, tmp_path / "old", data)
    downgrade(tmp_path / "old")
    assert "average." in "".join(load_file(tmp_path / "old/checkpoints/000000017.safetensors"))
    resumed = train(config, tmp_path / "old", data)
    name = "checkpoints/000000040.safetensors"
    left, right = load_file(whole.folder / name), load_file(resumed.folder / name)
    assert left.keys() == right.keys()
    for key, tensor in left.items():
        assert torch.equal(tensor, right[key]), key
    assert resumed.weights_step() == 40
    assert all("own_delta" in row[list(row)[3]] for row in resumed.log())


def test_a_run_of_the_former_preset_gan_images_resumes_as_cgan_images(tmp_path):
    config, data = shrink(presets.cgan_images(), "cgan_images"), tiny_data()
    whole = train(config, tmp_path / "whole", data)
    train_until(17, replace(config, name="gan_images"), tmp_path / "old", data)
    resumed = train(config, tmp_path / "old", data)
    for name, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, resumed.load().state_dict()[name]), name
    assert Run(tmp_path / "old").config.name == "cgan_images"
    with raises_code("other-run"):
        train(shrink(presets.gan_images(), "gan_images"), tmp_path / "old", data)


@pytest.mark.parametrize(
    ("samples", "objective"), [(1, "elbo"), (4, ImportanceWeightedConfig(samples=4))]
)
def test_importance_samples_became_an_objective(samples, objective, tmp_path):
    config, data = presets.vae_debug(), tiny_data()
    run = train(replace(config, train=replace(config.train, steps=2)), tmp_path / "r", data)
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    del content["config"]["model"]["objective"]
    content["config"]["model"]["importance_samples"] = samples
    path.write_text(json.dumps(content))
    model = Run(run.folder).config.model
    assert model == replace(config.model, objective=objective)


def test_training_a_finished_old_run_again_keeps_its_weights_file(tmp_path):
    """Reports refer to the weights by the hash of their file."""
    config, data = presets.vae_debug(), tiny_data()
    run = train(config, tmp_path / "r", data)
    downgrade(run.folder)
    before = run.weights_hash()
    train(config, run.folder, data)
    assert run.weights_hash() == before


def test_the_weights_step_of_an_old_run_is_that_of_its_newest_checkpoint(tmp_path):
    run = train_until(17, presets.vae_debug(), tmp_path / "r", tiny_data())
    assert run.weights_step() is None
    finish(run.folder)
    downgrade(run.folder)
    assert run.weights_step() == 17
    shutil.rmtree(run.folder / "checkpoints")  # as in a run that was published
    assert run.weights_step() == 40


def test_the_id_of_an_old_run_is_a_hash_of_its_configuration(tmp_path):
    data = tiny_data()
    first = Run.start(tmp_path / "first", presets.vae_debug(), data.card)
    other = Run.start(tmp_path / "other", presets.gan_debug(), data.card)
    assert first.id != Run.start(tmp_path / "same", presets.vae_debug(), data.card).id
    for run in (first, other):
        run.append_log({"step": 1})
        downgrade(run.folder)
    copied = shutil.copytree(first.folder, tmp_path / "copied")
    assert Run(first.folder).id == Run(copied).id != Run(other.folder).id
