"""Mixed precision: layers compute in bfloat16; parameters, losses and measurements are float32."""

from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import Config, from_dict, to_dict
from latentarium.data import batches
from latentarium.rng import Noise
from latentarium.training import train
from latentarium.training.distributed import Distributed
from latentarium.training.logging import player_losses
from latentarium.training.loop import prepare
from support.errors import raises_code
from support.stopping import InterruptAt

CPU = torch.device("cpu")
FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


def config(name, precision, steps=60, **settings):
    base = presets.get(name)
    return replace(base, train=replace(base.train, precision=precision, steps=steps, **settings))


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_follows_float32_and_stores_float32(name, tmp_path):
    rows = {}
    for precision in ("float32", "bfloat16"):
        settings = config(name, precision, log_every=60)
        run = train(settings, tmp_path / precision, tiny_data())
        (rows[precision],) = run.log()
        checkpoint = run.latest_checkpoint()
        assert checkpoint is not None
        tensors = checkpoint.tensors.values()
        assert {t.dtype for t in tensors if t.is_floating_point()} == {torch.float32}
    full, mixed = rows.values()
    for player in player_losses(full):
        assert mixed[player] != full[player]  # so bfloat16 was used
        assert mixed[player]["total"] == pytest.approx(full[player]["total"], rel=0.1, abs=0.05)


@pytest.mark.parametrize("name", ["vae_debug", "cgan_debug"])
def test_layers_compute_in_bfloat16_and_losses_in_float32(name):
    state, players, images = prepare(config(name, "bfloat16"), tiny_data(), Distributed(CPU))
    dtypes = set()
    for module in state.model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda m, i, output: dtypes.add(output.dtype))
    batch = images.draw(0)
    for player in players:
        assert player.loss(batch, Noise(0)).total.dtype == torch.float32
    assert dtypes == {torch.bfloat16}
    dtypes.clear()
    state.model.sample(2)
    assert dtypes == {torch.float32}  # outside of training


def test_resuming_in_bfloat16_is_bit_identical(tmp_path):
    settings = config("cgan_debug", "bfloat16", 40, checkpoint_every=20, log_every=10)
    whole = train(settings, tmp_path / "a", tiny_data())
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "b", tiny_data(), reporter=InterruptAt(30))
    resumed = train(settings, tmp_path / "b", tiny_data())
    for one, other in zip(whole.load().parameters(), resumed.load().parameters(), strict=True):
        assert torch.equal(one, other)


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
