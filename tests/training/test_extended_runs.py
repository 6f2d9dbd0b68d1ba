"""More steps extend a run: exactly with a constant learning rate, and recorded in any case."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from latentarium import presets
from latentarium.config import Config
from latentarium.run import Run
from latentarium.training import finish, train
from support.command_line import error_code, output_of, run_command
from support.errors import raises_code
from support.stopping import train_until
from support.tiny import tiny_data


def config_of(preset: str, steps: int, decay: str = "constant", **changes: int) -> Config:
    config = presets.get(preset)
    return replace(
        config,
        optimizer=replace(config.optimizer, decay=decay),
        train=replace(config.train, steps=steps, **changes),
    )


@pytest.mark.parametrize("preset", ["vae_debug", "gan_debug"])
@pytest.mark.parametrize("stop", [None, 13])
def test_with_a_constant_rate_an_extended_run_equals_a_longer_one(preset, stop, tmp_path):
    """Whether the run had ended or was stopped, and whether its end was at a row of the log."""
    data = tiny_data()
    whole = train(config_of(preset, 50), tmp_path / "whole", data)
    if stop is None:
        train(config_of(preset, 25), tmp_path / "r", data)
    else:
        train_until(stop, config_of(preset, 25), tmp_path / "r", data)
    run = train(config_of(preset, 50), tmp_path / "r", data)
    for name, tensor in whole.load().state_dict().items():
        assert tensor.equal(run.load().state_dict()[name]), name
    assert run.weights_step() == 50
    at = stop or 25
    (extension,) = Run(run.folder).extensions
    assert (extension.from_steps, extension.to_steps, extension.at_step) == (25, 50, at)
    ours, theirs = (
        {row["step"]: {k: v for k, v in row.items() if k != "seconds"} for row in r.log()}
        for r in (run, whole)
    )
    ours.pop(25, None)  # the former last step is logged, although it is no multiple of 10
    assert ours == theirs
    assert f"extended from 25 at step {at}" in (run.folder / "README.md").read_text()


def test_with_a_decaying_rate_the_extension_follows_the_schedule_of_all_steps(tmp_path):
    data = tiny_data()
    train(config_of("vae_debug", 20, "cosine", log_every=1), tmp_path / "r", data)
    run = train(config_of("vae_debug", 40, "cosine", log_every=1), tmp_path / "r", data)
    whole = train(config_of("vae_debug", 40, "cosine", log_every=1), tmp_path / "whole", data)
    rates = [[row["learning_rate"] for row in r.log()] for r in (run, whole)]
    assert rates[0][20:] == rates[1][20:]


def test_earlier_snapshots_and_weights_still_belong_to_an_extended_run(tmp_path):
    data = tiny_data()
    run = train(config_of("vae_debug", 20), tmp_path / "r", data)
    before = run.load(20).state_dict()
    train_until(31, config_of("vae_debug", 40), tmp_path / "r", data)
    extended = Run(tmp_path / "r")
    assert extended.id == run.id
    assert extended.weights_step() is None  # training has continued
    for name, tensor in extended.load().state_dict().items():  # still the weights of step 20
        assert tensor.equal(run.load().state_dict()[name]), name
    assert all(
        before[name].equal(tensor) for name, tensor in extended.load(20).state_dict().items()
    )
    train(config_of("vae_debug", 40), tmp_path / "r", data)
    assert {20, 40} <= set(extended.snapshots())


def test_an_extended_run_can_be_extended_resumed_and_finished(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    for steps in (10, 20, 30):
        train(config_of("vae_debug", steps), folder, data)
    assert [e.to_steps for e in Run(folder).extensions] == [20, 30]
    train_until(35, config_of("vae_debug", 40), folder, data)
    finish(folder)
    assert Run(folder).weights_step() == 35
    whole = train(config_of("vae_debug", 40), tmp_path / "whole", data)
    assert train(config_of("vae_debug", 40), folder, data).weights_step() == 40
    for name, tensor in whole.load().state_dict().items():
        assert tensor.equal(Run(folder).load().state_dict()[name]), name


def test_old_measurements_are_outdated_after_an_extension(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    run = train(config_of("vae_debug", 10), folder, data)
    measured = run.weights_hash()
    train(config_of("vae_debug", 20), folder, data)
    assert Run(folder).weights_hash() != measured


def test_fewer_steps_are_refused(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    train(config_of("vae_debug", 20), folder, data)
    before = (folder / "config.json").read_bytes()
    with raises_code("fewer-steps"):
        train(config_of("vae_debug", 10), folder, data)
    assert (folder / "config.json").read_bytes() == before
    assert Run(folder).weights_step() == 20


def test_the_commands_extend_a_run(tmp_path, capsys, npz):
    folder = tmp_path / "a run"
    options = ["--data", npz, "--run", folder]
    output_of(capsys, "train", "vae_debug", *options, "--train.steps", 10)
    output_of(capsys, "resume", folder, "--train.steps", 12)
    run_command("train", "vae_debug", *options, "--train.steps", 15)
    hint = f"latentarium sample '{folder}'"  # can be pasted into a shell
    assert hint in "".join(capsys.readouterr())
    assert Run(folder).weights_step() == 15
    assert error_code(capsys, "resume", folder, "--train.steps", 9) == "fewer-steps"
    assert error_code(capsys, "resume", folder, "--train.steps", 0) == "invalid-setting"
    content = json.loads((folder / "config.json").read_text())
    assert content["config"]["train"]["steps"] == 15
    assert len(content["extensions"]) == 2


@pytest.mark.parametrize("steps", [25, 50])
def test_a_trained_run_without_checkpoints_is_not_trained_again_from_the_start(steps, tmp_path):
    run = train(config_of("ae_debug", 25), tmp_path / "r", tiny_data())
    before = run.weights_hash()
    shutil.rmtree(run.folder / "checkpoints")
    with raises_code("no-checkpoint"):
        train(config_of("ae_debug", steps), run.folder, tiny_data())
    assert run.weights_hash() == before
    assert [row["step"] for row in run.log()] == [10, 20, 25]
    copy = train(
        config_of("ae_debug", 25), tmp_path / "copy", tiny_data(), init_from=str(run.folder)
    )
    assert copy.weights_step() == 25  # as the message says


def test_data_that_moved_is_given_with_an_option(tmp_path, capsys, npz, monkeypatch):
    monkeypatch.chdir(npz.parent)
    run_command("train", "ae_debug", "--data", npz.name, "--run", "r", "--train.steps", "12")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = npz.parent / "r"
    for command in (["resume", run, "--train.steps", 14], ["doctor", run], ["evaluate", run]):
        assert error_code(capsys, *command) == "data-missing"
    run_command("resume", run, "--train.steps", "14", "--data", npz)
    assert Run(run).weights_step() == 14
    other = tmp_path / "other.npz"
    content = dict(np.load(npz))
    np.savez(other, images=255 - content["images"], labels=content["labels"])
    assert error_code(capsys, "resume", run, "--train.steps", 16, "--data", other) == "other-data"
