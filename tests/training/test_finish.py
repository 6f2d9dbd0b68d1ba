"""Ending a training early saves the weights of its newest checkpoint, and it can still resume."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from latentarium import presets
from latentarium.run import Run
from latentarium.training import finish, train
from support.errors import raises_code
from support.stopping import train_until
from support.tiny import tiny_data


def test_finish_saves_the_newest_checkpoint_and_training_can_resume(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    run = train_until(17, presets.vae_debug(), folder, data)
    assert run.weights_step() is None
    finish(folder)
    assert run.weights_step() == 17
    saved = load_file(folder / "checkpoints" / "000000017.safetensors")
    for name, tensor in run.load().state_dict().items():
        assert torch.equal(tensor, saved[f"ema.{name}"]), name
    assert "17 steps (ended early, of 40)" in (folder / "README.md").read_text()
    whole = train(presets.vae_debug(), tmp_path / "whole", data)
    train(presets.vae_debug(), folder, data)
    assert run.weights_step() == 40
    for name, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, run.load().state_dict()[name]), name


@pytest.mark.parametrize("mtime", [1, 2**31])
def test_weights_older_than_the_newest_checkpoint_are_not_final(tmp_path, mtime):
    """The step counts, whatever the times of the files are."""
    data, folder = tiny_data(), tmp_path / "r"
    train_until(7, presets.vae_debug(), folder, data)
    finish(folder)
    assert Run(folder).weights_step() == 7
    train_until(17, presets.vae_debug(), folder, data)
    os.utime(folder / "weights.safetensors", (mtime, mtime))
    assert Run(folder).weights_step() is None


def test_file_times_do_not_matter(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    run = train_until(7, presets.vae_debug(), folder, data)
    finish(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    os.utime(folder / "weights.safetensors", (0, 0))
    assert run.is_current()
    assert Run(folder).weights_step() == 7


def test_another_run_in_the_same_folder_is_noticed(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    run = Run.start(folder, presets.vae_debug(), data.card)
    assert run.is_current()
    assert Run.start(folder, presets.vae_debug(), data.card).id == run.id
    config: Path = folder / "config.json"
    config.unlink()
    assert not run.is_current()
    Run.start(folder, presets.vae_debug(), data.card)
    assert not run.is_current()


def test_a_finished_run_whose_checkpoints_were_removed_stays_as_it_is(tmp_path):
    run = train(presets.vae_debug(), tmp_path / "r", tiny_data())
    before = run.weights_hash()
    shutil.rmtree(run.folder / "checkpoints")
    assert finish(run.folder).weights_hash() == before


def test_finish_needs_a_checkpoint_and_the_lock(tmp_path):
    data = tiny_data()
    run = Run.start(tmp_path / "r", presets.vae_debug(), data.card)
    with raises_code("no-checkpoint"):
        finish(run.folder)
    with run.lock():
        assert run.is_locked()
        assert run.lock_owner() == os.getpid()
        with raises_code("run-locked"):
            finish(run.folder)
    assert not run.is_locked()
    assert run.lock_owner() is None
