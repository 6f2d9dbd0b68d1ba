"""A training that is ended early: what it had learned is for use, and it can go on."""

import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import StoppedError, UserError
from latentarium.run import Run
from latentarium.training.train import Trainer, finish, train


def ended_at(step, folder, data):
    original = Trainer.step

    def stopping(self):
        if self.state.step == step - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", stopping)
        with pytest.raises(StoppedError):
            train(presets.vae_debug(), folder, data)


def test_the_newest_checkpoint_becomes_the_weights_and_training_can_go_on(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    ended_at(17, folder, data)
    run = Run(folder)
    assert run.weights_step() is None
    finish(folder)
    assert run.weights_step() == 17
    saved = load_file(folder / "checkpoints" / "000000017.safetensors")
    for name, tensor in run.load().state_dict().items():
        assert torch.equal(tensor, saved[f"average.{name}"]), name
    assert "17 steps (ended early, of 40)" in (folder / "README.md").read_text()
    whole = train(presets.vae_debug(), tmp_path / "whole", data)
    train(presets.vae_debug(), folder, data)
    assert run.weights_step() == 40
    for name, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, run.load().state_dict()[name]), name


def test_weights_that_training_has_passed_are_not_its_end(tmp_path):
    data, folder = tiny_data(), tmp_path / "r"
    ended_at(7, folder, data)
    finish(folder)
    os.utime(folder / "weights.safetensors", (1, 1))  # long before what came after
    assert Run(folder).weights_step() is None


def test_nothing_learned_is_a_sentence(tmp_path):
    data = tiny_data()
    run = Run.start(tmp_path / "r", presets.vae_debug(), data.card)
    with pytest.raises(UserError, match="no checkpoint yet"):
        finish(run.folder)
    with run.lock():
        assert run.is_locked()
        assert run.lock_owner() == os.getpid()
        with pytest.raises(UserError, match="Another process"):
            finish(run.folder)
    assert not run.is_locked()
    assert run.lock_owner() is None
