"""What a run leaves behind, and what resuming an ended or stopped one does."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import StoppedError, UserError
from latentarium.run import Run
from latentarium.training.signals import stoppable
from latentarium.training.train import Trainer, train


def test_a_run_that_has_ended_is_left_as_it_is(tmp_path):
    data = tiny_data()
    run = train(presets.cgan_debug(), tmp_path / "r", data)
    before = (run.folder / "weights.safetensors").read_bytes()
    rows = len(run.log())
    train(presets.cgan_debug(), tmp_path / "r", data)
    assert (run.folder / "weights.safetensors").read_bytes() == before
    assert len(run.log()) == rows


def test_the_log_says_whose_parameters_moved(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    rows = run.log()
    assert [row["step"] for row in rows] == [10, 20, 30, 40]
    for row in rows:
        for player in ("discriminator", "generator"):
            assert row[player]["own_delta"] > 0
            assert row[player]["other_delta"] == 0


def test_training_learns(tmp_path):
    config = presets.ae_debug()
    config = replace(
        config,
        optimizer=replace(config.optimizer, warmup_steps=0),
        train=replace(config.train, steps=150),
    )
    rows = train(config, tmp_path / "r", tiny_data()).log()
    assert rows[-1]["autoencoder"]["total"] < 0.9 * rows[0]["autoencoder"]["total"]


def test_no_average_equals_the_model(tmp_path):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, ema_halflife=0))
    run = train(config, tmp_path / "r", tiny_data())
    tensors = load_file(run.folder / "checkpoints" / "000000040.safetensors")
    for key, tensor in tensors.items():
        if key.startswith("model."):
            assert tensor.equal(tensors["average." + key.removeprefix("model.")])


def test_snapshots_hold_all_players(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    assert run.snapshots() == [0, 1, 40]
    first, last = run.load(0), run.load(40)
    names = {name.split(".")[0] for name, _ in first.named_parameters()}
    assert names == {"generator", "discriminator"}
    pairs = zip(first.parameters(), last.parameters(), strict=True)
    assert any(not a.equal(b) for a, b in pairs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_in_progress_saves_and_loses_nothing(number, tmp_path, request):
    data, config = tiny_data(), presets.gan_debug()
    before = signal.signal(number, signal.default_int_handler)  # a job ignores SIGINT
    request.addfinalizer(lambda: signal.signal(number, before))
    original = Trainer.step

    def step(self):
        if self.state.step == 16:
            os.kill(os.getpid(), number)  # in the middle of the 17th
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        with pytest.raises(KeyboardInterrupt) as caught:
            train(config, tmp_path / "r", data)
    assert isinstance(caught.value, StoppedError)
    assert caught.value.signal_number == number
    assert signal.getsignal(number) is signal.default_int_handler
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 17
    whole = train(config, tmp_path / "whole", data)
    resumed = train(config, tmp_path / "r", data)
    assert whole.load().state_dict().keys() == resumed.load().state_dict().keys()
    for key, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, resumed.load().state_dict()[key]), key


def test_a_second_signal_does_not_wait(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with stoppable() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_too_few_images_say_so(tmp_path):
    config = presets.ae_debug()
    config = replace(config, train=replace(config.train, batch_size=500))
    with pytest.raises(UserError, match="batch_size is 500"):
        train(config, tmp_path / "r", tiny_data())


def test_the_card_says_what_the_run_is(tmp_path):
    run = train(presets.cgan_debug(), tmp_path / "r", tiny_data())
    words = (run.folder / "README.md").read_text()
    assert "| can be told which class to make | yes |" in words
    assert run.data.fingerprint in words
    code = words.split("```python")[1].split("```")[0]
    assert 'la.load("r")' in code
    assert 'label="0"' in code


def test_the_same_data_by_another_path_is_the_same_run(tmp_path):
    config = presets.ae_debug()
    run = train(config, tmp_path / "r", tiny_data())
    elsewhere = replace(config, train=replace(config.train, data="./other/path"))
    assert train(elsewhere, run.folder, tiny_data()).folder == run.folder
