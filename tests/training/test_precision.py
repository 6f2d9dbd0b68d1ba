"""Mixed precision: layers compute in bfloat16, everything that is kept or measured is float32."""

from dataclasses import replace

import pytest
import torch

import latentarium as la
from conftest import tiny_data
from latentarium import presets
from latentarium.config import Config, from_dict, to_dict
from latentarium.data import batches
from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.training.distributed import World
from latentarium.training import Reporter
from latentarium.training.train import Trainer

CPU = torch.device("cpu")
FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


def config(name, precision, steps=60):
    base = presets.get(name)
    return replace(base, train=replace(base.train, precision=precision, steps=steps))


@pytest.mark.parametrize("name", FAMILIES)
def test_it_follows_full_precision_and_leaves_float32(name):
    rows = {}
    for precision in ("float32", "bfloat16"):
        trainer = Trainer(config(name, precision), tiny_data(), World(0, 1, CPU))
        for _ in range(60):
            trainer.step()
        rows[precision] = trainer.row()
        tensors = [*trainer.state.model.parameters(), *trainer.state.model.buffers()]
        assert {t.dtype for t in tensors if t.is_floating_point()} == {torch.float32}
    full, mixed = rows.values()
    for player in (p.name for p in trainer.players):
        assert mixed[player] != full[player]  # it is another computation
        assert mixed[player]["total"] == pytest.approx(full[player]["total"], rel=0.1, abs=0.05)


@pytest.mark.parametrize("name", ["vae_debug", "cgan_debug"])
def test_layers_do_compute_in_bfloat16_and_losses_do_not(name):
    trainer = Trainer(config(name, "bfloat16"), tiny_data(), World(0, 1, CPU))
    seen = set()
    for module in trainer.state.model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda m, i, output: seen.add(output.dtype))
    batch = trainer.batches.draw(0)
    for player in trainer.players:
        assert player.loss(batch, Noise(0)).total.dtype == torch.float32
    assert seen == {torch.bfloat16}
    seen.clear()
    trainer.state.model.sample(2)
    assert seen == {torch.float32}  # outside of training


def test_it_resumes_bit_for_bit(tmp_path):
    whole = la.train(config("cgan_debug", "bfloat16", 40), tmp_path / "a", tiny_data())
    part = config("cgan_debug", "bfloat16", 40)
    part = replace(part, train=replace(part.train, checkpoint_every=20))

    class Kill(Reporter):
        def update(self, step, row):
            if step >= 30:
                raise KeyboardInterrupt

    part = replace(part, train=replace(part.train, log_every=10))
    with pytest.raises(KeyboardInterrupt):
        la.train(part, tmp_path / "b", tiny_data(), reporter=Kill())
    resumed = la.train(part, tmp_path / "b", tiny_data())
    for one, other in zip(whole.load().parameters(), resumed.load().parameters(), strict=True):
        assert torch.equal(one, other)


def test_half_precision_of_the_other_kind_is_refused():
    values = to_dict(presets.get("vae_debug"))
    values["train"]["precision"] = "float16"
    with pytest.raises(UserError, match="float32"):
        from_dict(Config, values)


def test_what_fills_more_than_half_of_a_gpu_stays_outside(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    gpu = torch.device("cuda")
    assert batches.fits(500, gpu)
    assert not batches.fits(501, gpu)
    assert batches.fits(10**15, CPU)
