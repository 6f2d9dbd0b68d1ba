"""Mixed precision: trunks compute in bfloat16; parameters, losses and measurements are float32."""

import re
from dataclasses import replace

import pytest
import torch

from latentarium import presets
from latentarium.config import Config, MixturePriorConfig, from_dict, to_dict
from latentarium.data import batches
from latentarium.distributions.mixtures import LearnedMixture
from latentarium.machine import bfloat16_speedup
from latentarium.nn.conv import ConvEncoder
from latentarium.rng import Noise
from latentarium.training import precision, rehearsal, train
from latentarium.training.distributed import Distributed
from latentarium.training.logging import player_losses
from latentarium.training.loop import prepare
from latentarium.training.precision import (
    MIN_WORK,
    at_precision,
    gains_from_bfloat16,
    precision_of_more_moves,
)
from latentarium.training.rehearsal import fit_to_machine
from support.errors import raises_code
from support.stopping import InterruptAt
from support.tiny import tiny_data

CPU = torch.device("cpu")
FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


def config(name, chosen, steps=60, **settings):
    base = presets.get(name)
    return replace(base, train=replace(base.train, precision=chosen, steps=steps, **settings))


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_follows_float32_and_stores_float32(name, tmp_path):
    rows = {}
    for chosen in ("float32", "bfloat16"):
        settings = config(name, chosen, log_every=60)
        run = train(settings, tmp_path / chosen, tiny_data())
        (rows[chosen],) = run.log()
        checkpoint = run.latest_checkpoint()
        assert checkpoint is not None
        tensors = checkpoint.tensors.values()
        assert {t.dtype for t in tensors if t.is_floating_point()} == {torch.float32}
    full, mixed = rows.values()
    for player in player_losses(full):
        assert mixed[player] != full[player]  # so bfloat16 was used
        assert mixed[player]["total"] == pytest.approx(full[player]["total"], rel=0.1, abs=0.05)


@pytest.mark.parametrize("name", ["vae_debug", "cgan_debug"])
def test_trunks_compute_in_bfloat16_and_the_rest_in_float32(name):
    state, images = prepare(config(name, "bfloat16"), tiny_data(), Distributed(CPU))
    players = at_precision(state.players, "bfloat16")
    dtypes: dict[str, set[torch.dtype]] = {"trunk": set(), "other": set()}

    def record(place):
        return lambda module, inputs, output: dtypes[place].add(output.dtype)

    for name, module in state.model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            inside = re.search("trunk|coder", name)
            module.register_forward_hook(record("trunk" if inside else "other"))
    batch = images.draw(0)
    for player in players:
        assert player.loss(batch, Noise(0)).total.dtype == torch.float32
    assert dtypes == {"trunk": {torch.bfloat16}, "other": {torch.float32}}
    dtypes["trunk"].clear()
    state.model.sample(2)
    assert dtypes["trunk"] == {torch.float32}  # outside of training


def test_densities_are_float32():
    """The products of a mixture's log density cancel; in bfloat16 they would be off by nats."""
    base = config("vae_debug", "bfloat16")
    settings = replace(base, model=replace(base.model, prior=MixturePriorConfig(components=3)))
    state, images = prepare(settings, tiny_data(), Distributed(CPU))
    prior = state.model.prior
    assert isinstance(prior, LearnedMixture)
    with torch.no_grad():
        prior.log_variance.fill_(-8.0)
        prior.mean.fill_(3.0)
    batch = images.draw(0)
    full, mixed = (
        at_precision(state.players, name)[0].loss(batch, Noise(0)).terms["rate"]
        for name in ("float32", "bfloat16")
    )
    assert full > 1000
    assert mixed == pytest.approx(float(full), rel=1e-3)


def test_resuming_in_bfloat16_is_bit_identical(tmp_path):
    settings = config("cgan_debug", "bfloat16", 40, checkpoint_every=20, log_every=10)
    whole = train(settings, tmp_path / "a", tiny_data())
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "b", tiny_data(), reporter=InterruptAt(30))
    resumed = train(settings, tmp_path / "b", tiny_data())
    for one, other in zip(whole.load().parameters(), resumed.load().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def fast_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 2.0)


def fit(settings, processes=1):
    state, images = prepare(settings, tiny_data(), Distributed(CPU))
    chosen = fit_to_machine(settings, state, images, processes).train
    return chosen.threads, chosen.precision


def choose(settings, processes=1):
    return fit(settings, processes)[1]


def test_bfloat16_is_chosen_for_large_models_on_fast_processors(monkeypatch, fast_bfloat16):
    assert gains_from_bfloat16(MIN_WORK, CPU)
    assert not gains_from_bfloat16(MIN_WORK - 1, CPU)
    assert not gains_from_bfloat16(MIN_WORK, torch.device("cuda"))
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 1.0)
    assert not gains_from_bfloat16(MIN_WORK, CPU)


def test_further_moves_have_the_precision_of_the_training_where_it_is_faster(
    monkeypatch, fast_bfloat16
):
    assert precision_of_more_moves("bfloat16") == "bfloat16"
    assert precision_of_more_moves("float32") == "float32"
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 0.3)
    assert precision_of_more_moves("bfloat16") == "float32"


def test_several_processes_and_small_models_train_in_float32(monkeypatch, fast_bfloat16):
    assert choose(config("vae_debug", "auto")) == "float32"
    monkeypatch.setattr(precision, "MIN_WORK", 1)
    assert choose(config("vae_debug", "auto")) == "bfloat16"
    assert choose(config("vae_debug", "auto"), processes=2) == "float32"
    for name in ("float32", "bfloat16"):
        assert choose(config("vae_debug", name), processes=2) == name


@pytest.mark.parametrize(
    ("suitable", "given", "chosen"),
    [
        (1, {}, (1, "bfloat16")),
        (2, {}, (1, "bfloat16")),
        (3, {}, (3, "float32")),
        (3, {"threads": 1}, (1, "bfloat16")),
        (1, {"threads": 2}, (2, "float32")),
        (2, {"precision": "float32"}, (2, "float32")),
        (3, {"precision": "bfloat16"}, (1, "bfloat16")),
        (3, {"precision": "bfloat16", "threads": 2}, (2, "bfloat16")),
    ],
)
def test_several_threads_or_bfloat16_are_chosen_but_not_both(
    suitable, given, chosen, monkeypatch, fast_bfloat16
):
    monkeypatch.setattr(precision, "MIN_WORK", 1)
    monkeypatch.setattr(rehearsal, "suitable_threads", lambda work: suitable)
    settings = config("vae_debug", "auto")
    assert fit(replace(settings, train=replace(settings.train, **given))) == chosen


def test_a_model_that_fails_in_bfloat16_trains_in_float32(monkeypatch, fast_bfloat16):
    monkeypatch.setattr(precision, "MIN_WORK", 1)

    forward = ConvEncoder.forward

    def fail_in_bfloat16(self, x, extra=None):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("not implemented for 'BFloat16'")
        return forward(self, x, extra)

    monkeypatch.setattr(ConvEncoder, "forward", fail_in_bfloat16)
    assert choose(config("vae_debug", "auto")) == "float32"


def test_the_chosen_precision_is_stored_and_used_again(monkeypatch, fast_bfloat16, tmp_path):
    monkeypatch.setattr(precision, "MIN_WORK", 1)
    settings = config("vae_debug", "auto", 20, checkpoint_every=10)
    whole = train(settings, tmp_path / "a", tiny_data())
    assert whole.config.train.precision == "bfloat16"
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "b", tiny_data(), reporter=InterruptAt(10))
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 1.0)  # on another machine
    resumed = train(settings, tmp_path / "b", tiny_data())
    assert resumed.config.train.precision == "bfloat16"
    for one, other in zip(whole.load().parameters(), resumed.load().parameters(), strict=True):
        assert torch.equal(one, other)
    with raises_code("other-run"):
        train(config("vae_debug", "float32", 20), tmp_path / "b", tiny_data())


def test_the_speedup_of_this_processor_is_measured():
    assert 0.01 < bfloat16_speedup() < 100
    assert torch.get_num_threads() == 1  # as before


def test_float16_is_refused():
    values = to_dict(presets.get("vae_debug"))
    values["train"]["precision"] = "float16"
    with raises_code("invalid-setting"):
        from_dict(Config, values)


def test_images_stay_on_the_cpu_if_they_need_more_than_half_of_the_gpu_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    gpu = torch.device("cuda")
    assert batches.fits(500, gpu)
    assert not batches.fits(501, gpu)
    assert batches.fits(10**15, CPU)
