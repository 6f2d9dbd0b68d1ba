"""What a run contains, and what resuming a finished or stopped run does."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import StoppedError
from latentarium.run import Run
from latentarium.training import train
from latentarium.training.signals import catch_stop_signals
from support.errors import raises_code
from support.stopping import signal_in_step


def test_training_a_finished_run_again_changes_nothing(tmp_path):
    data = tiny_data()
    run = train(presets.cgan_debug(), tmp_path / "r", data)
    before = (run.folder / "weights.safetensors").read_bytes()
    rows = len(run.log())
    train(presets.cgan_debug(), tmp_path / "r", data)
    assert (run.folder / "weights.safetensors").read_bytes() == before
    assert len(run.log()) == rows


def test_the_log_shows_that_only_own_parameters_move(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    rows = run.log()
    assert [row["step"] for row in rows] == [10, 20, 30, 40]
    for row in rows:
        for player in ("discriminator", "generator"):
            assert row[player]["own_delta"] > 0
            assert row[player]["other_delta"] == 0


def test_training_lowers_the_loss(tmp_path):
    config = presets.ae_debug()
    config = replace(
        config,
        optimizer=replace(config.optimizer, warmup_steps=0),
        train=replace(config.train, steps=150),
    )
    rows = train(config, tmp_path / "r", tiny_data()).log()
    assert rows[-1]["autoencoder"]["total"] < 0.9 * rows[0]["autoencoder"]["total"]


def test_without_a_halflife_the_ema_equals_the_model(tmp_path):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, ema_halflife=0))
    run = train(config, tmp_path / "r", tiny_data())
    tensors = load_file(run.folder / "checkpoints" / "000000040.safetensors")
    for key, tensor in tensors.items():
        if key.startswith("model."):
            assert tensor.equal(tensors["ema." + key.removeprefix("model.")])


def test_snapshots_contain_all_players(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    assert run.snapshots() == [0, 1, 40]
    first, last = run.load(0), run.load(40)
    names = {name.split(".")[0] for name, _ in first.named_parameters()}
    assert names == {"generator", "discriminator"}
    pairs = zip(first.parameters(), last.parameters(), strict=True)
    assert any(not a.equal(b) for a, b in pairs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_completes_the_step_saves_and_resumes_bit_identically(number, tmp_path, request):
    data, config = tiny_data(), presets.gan_debug()
    before = signal.signal(number, signal.default_int_handler)  # a background job ignores SIGINT
    request.addfinalizer(lambda: signal.signal(number, before))
    with signal_in_step(17, number), pytest.raises(KeyboardInterrupt) as caught:
        train(config, tmp_path / "r", data)
    assert isinstance(caught.value, StoppedError)
    assert caught.value.signal_number == number
    assert signal.getsignal(number) is signal.default_int_handler
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 17
    whole = train(config, tmp_path / "whole", data).load().state_dict()
    resumed = train(config, tmp_path / "r", data).load().state_dict()
    assert whole.keys() == resumed.keys()
    for key, tensor in whole.items():
        assert torch.equal(tensor, resumed[key]), key


def test_a_second_signal_acts_at_once(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with catch_stop_signals() as request_to_stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert request_to_stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
    config = presets.ae_debug()
    config = replace(config, train=replace(config.train, batch_size=500))
    with raises_code("batch-too-large"):
        train(config, tmp_path / "r", tiny_data())


def test_the_model_card_describes_the_run(tmp_path):
    run = train(presets.cgan_debug(), tmp_path / "r", tiny_data())
    text = (run.folder / "README.md").read_text()
    assert run.data.fingerprint in text
    assert "40 steps" in text
    code = text.split("```python")[1].split("```")[0]
    assert 'la.load("r")' in code
    assert 'label="0"' in code


def test_the_data_path_may_change_when_a_run_is_resumed(tmp_path):
    config = presets.ae_debug()
    run = train(config, tmp_path / "r", tiny_data())
    elsewhere = replace(config, train=replace(config.train, data="./other/path"))
    assert train(elsewhere, run.folder, tiny_data()).folder == run.folder
