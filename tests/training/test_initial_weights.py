"""A training can start from the weights of another run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import Data
from latentarium.run import Run
from latentarium.training import train
from support.command_line import error_code, output_of
from support.errors import raises_code
from support.stopping import InterruptAt, train_until
from support.tiny import tiny_arrays, tiny_data


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Run:
    return train(presets.cgan_debug(), tmp_path_factory.mktemp("runs") / "source", tiny_data())


def other_config(preset: str = "cgan_debug", seed: int = 5):
    config = presets.get(preset)
    return replace(config, train=replace(config.train, seed=seed))


def test_the_first_snapshot_has_the_weights_of_the_other_run(source, tmp_path):
    run = train(other_config(), tmp_path / "r", tiny_data(), init_from=source.folder)
    start = run.load(0).state_dict()
    for name, tensor in source.load().state_dict().items():
        assert tensor.equal(start[name]), name
    assert any(not t.equal(start[name]) for name, t in run.load().state_dict().items())
    stored = json.loads((run.folder / "config.json").read_text())["initial_weights"]
    assert stored["run"] == source.id
    assert stored["weights"] == source.weights_hash()
    assert stored["step"] == 40
    assert stored["skipped"] == []
    assert "source" in (run.folder / "README.md").read_text()


def test_a_stopped_fine_tuning_resumes_bit_identically_without_the_other_run(source, tmp_path):
    data, config = tiny_data(), other_config()
    whole = train(config, tmp_path / "whole", data, init_from=source.folder)
    with pytest.raises(KeyboardInterrupt):  # before the first checkpoint of its own
        train(config, tmp_path / "r", data, init_from=source.folder, reporter=InterruptAt(10))
    assert Run(tmp_path / "r").checkpoints() == [0]
    train_until(17, config, tmp_path / "r", data)
    run = train(config, tmp_path / "r", data)
    for name, tensor in whole.load().state_dict().items():
        assert tensor.equal(run.load().state_dict()[name]), name


def test_a_run_that_lost_its_first_checkpoint_needs_the_other_run_again(source, tmp_path):
    data, config = tiny_data(), other_config()
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "r", data, init_from=source.folder, reporter=InterruptAt(10))
    for path in (tmp_path / "r" / "checkpoints").iterdir():
        path.unlink()
    with raises_code("initial-weights-missing"):
        train(config, tmp_path / "r", data)
    train(config, tmp_path / "r", data, init_from=source.folder)


def test_other_initial_weights_are_another_run(source, tmp_path):
    data, config = tiny_data(), other_config()
    train(config, tmp_path / "random", data)
    train(config, tmp_path / "tuned", data, init_from=source.folder)
    with raises_code("other-run"):
        train(config, tmp_path / "random", data, init_from=source.folder)
    with raises_code("other-run"):
        train(config, tmp_path / "tuned", data, init_from=tmp_path / "random")
    train(config, tmp_path / "tuned", data, init_from=source.folder)


def test_weights_of_the_same_settings_from_other_starts_are_not_exchanged(source, tmp_path):
    """The hash in the weights file includes the start."""
    data, config = tiny_data(), other_config()
    random = train(config, tmp_path / "random", data)
    tuned = train(config, tmp_path / "tuned", data, init_from=source.folder)
    name = "weights.safetensors"
    (tuned.folder / name).write_bytes((random.folder / name).read_bytes())
    with raises_code("damaged-weights"):
        tuned.load()


def four_classes() -> Data:
    images, labels = tiny_arrays(classes=4)
    return la.load_data(images, labels)


def test_weights_of_other_shapes_are_refused_and_named(source, tmp_path):
    with raises_code("initial-weights-mismatch") as caught:
        train(other_config(), tmp_path / "r", four_classes(), init_from=source.folder)
    assert "discriminator.embed.weight" in str(caught.value)
    assert not (tmp_path / "r").exists()
    with raises_code("initial-weights-mismatch"):
        train(other_config("vae_debug"), tmp_path / "r", tiny_data(), init_from=source.folder)


def test_what_fits_is_loaded_on_request(source, tmp_path):
    run = train(
        other_config(), tmp_path / "r", four_classes(), init_from=source.folder, init_partial=True
    )
    assert run.initial_weights is not None
    assert "discriminator.embed.weight" in run.initial_weights.skipped
    start, given = run.load(0).state_dict(), source.load().state_dict()
    for name, tensor in start.items():
        fits = name not in run.initial_weights.skipped
        assert (tensor.shape == given[name].shape and torch.equal(tensor, given[name])) == fits
    with raises_code("initial-weights-mismatch"):  # no tensor fits
        train(
            other_config("vae_debug"), tmp_path / "v", tiny_data(),
            init_from=source.folder, init_partial=True,
        )  # fmt: skip
    with raises_code("invalid-setting"):
        train(other_config(), tmp_path / "v", tiny_data(), init_partial=True)


def test_a_shipped_model_can_be_tuned(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    config = presets.get("vae_small")
    config = replace(config, train=replace(config.train, steps=2, batch_size=8))
    run = train(config, tmp_path / "r", la.load_data(images), init_from="shipped:vae")
    assert run.initial_weights is not None
    assert run.initial_weights.name == "shipped:vae"


def test_the_command_starts_from_another_run(source, tmp_path, capsys, npz):
    options = ["train", "cgan_debug", "--data", npz, "--run", tmp_path / "r"]
    assert error_code(capsys, *options, "--init-from", tmp_path) == "not-a-run"
    assert error_code(capsys, *options, "--init-partial") == "invalid-setting"
    output_of(capsys, *options, "--init-from", source.folder)
    stored = Run(tmp_path / "r").initial_weights
    assert stored is not None
    assert stored.run == source.id
