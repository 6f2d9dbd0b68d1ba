"""Measurements on held-out images are correct and do not change the training."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.config import GANConfig, NetConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import Data, Split, to_float
from latentarium.models.build import build
from latentarium.rng import Noise
from latentarium.training import loop
from latentarium.training.game import held_out_loss
from latentarium.training.held_out import HeldOutBatch

BATCH = NetConfig(width=4, depth=1, hidden=8, norm="batch")
CPU = torch.device("cpu")


def with_batch_norm(preset: str):
    config = presets.get(preset)
    model = config.model
    if isinstance(model, GANConfig):
        return replace(config, model=replace(model, generator=BATCH))
    return replace(config, model=replace(model, encoder=BATCH, decoder=BATCH))


@pytest.mark.parametrize("preset", ["ae_debug", "vae_class_debug", "gan_debug", "cgan_debug"])
def test_held_out_measurements_do_not_change_the_training(preset, tmp_path, monkeypatch):
    config, data = with_batch_norm(preset), tiny_data()
    measured = loop.train(config, tmp_path / "measured", data)
    monkeypatch.setattr(HeldOutBatch, "loss", lambda *a: {})
    monkeypatch.setattr(HeldOutBatch, "diversity", lambda *a: {})
    torch.manual_seed(123)  # must have no effect either
    unmeasured = loop.train(config, tmp_path / "unmeasured", data)
    name = "checkpoints/000000040.safetensors"
    left, right = load_file(measured.folder / name), load_file(unmeasured.folder / name)
    assert left.keys() == right.keys()
    for key, tensor in left.items():
        assert torch.equal(tensor, right[key]), key
    players = [player.name for player in build(config.model, data.card).players()]
    for row, other in zip(measured.log(), unmeasured.log(), strict=True):
        for player in players:
            assert row[player]["held_out"] > 0
            assert "held_out" not in other[player]
            assert row[player]["gradient"] == other[player]["gradient"] > 0
        assert row[players[-1]]["diversity"] > 0


@pytest.mark.parametrize("preset", ["vae_debug", "cgan_debug"])
def test_the_held_out_loss_is_the_loss_in_evaluation_mode(preset):
    config, data = with_batch_norm(preset), tiny_data()
    model = build(config.model, data.card).train()
    batch = Batches(data.validation, 16, 0).draw(0)
    for player in model.players():
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        held_out = held_out_loss(player, model, batch, Noise(3)).total
        assert model.training
        assert all(module.training for module in model.modules())
        assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in model.parameters())
        assert not held_out.requires_grad
        model.eval()
        assert torch.equal(held_out, player.loss(batch, Noise(3)).total.detach())
        model.train()
        assert not torch.equal(held_out, player.loss(batch, Noise(3)).total.detach())


def with_validation_size(data: Data, n: int) -> Data:
    part = data.validation
    assert part.labels is not None
    return replace(data, validation=Split(part.images[:n], part.labels[:n]))


@pytest.mark.parametrize(("n", "keys"), [(0, set()), (1, {"held_out"}), (5, {"held_out"})])
def test_a_small_validation_split_leaves_out_what_it_is_too_small_for(n, keys, tmp_path):
    data = with_validation_size(tiny_data(), n)
    rows = loop.train(presets.gan_debug(), tmp_path / "r", data).log()
    for row in rows:
        assert row["discriminator"].keys() & {"held_out"} == keys
        assert ("diversity" in row["generator"]) == (n >= 2)


def test_all_rows_use_the_same_images_and_the_same_noise():
    """Two rows then differ only by what was learned in between."""
    data = tiny_data()
    model = build(presets.vae_debug().model, data.card)
    (player,) = model.players()
    batch, other = (HeldOutBatch(data.validation, 8, seed, CPU) for seed in (0, 1))
    losses = [float(b.loss(player, model)["held_out"]) for b in (batch, batch, other)]
    assert losses[0] == losses[1] != losses[2]


def test_diversity_is_one_if_samples_vary_as_much_as_images(monkeypatch):
    data = tiny_data()
    model = build(presets.gan_debug().model, data.card)
    batch = HeldOutBatch(data.validation, len(data.validation), 0, CPU)
    real = to_float(data.validation.images)
    monkeypatch.setattr(type(model), "sample", lambda self, n: real)
    assert float(batch.diversity(model)["diversity"]) == pytest.approx(1)
    monkeypatch.setattr(type(model), "sample", lambda self, n: real[:1].repeat(n, 1, 1, 1))
    assert float(batch.diversity(model)["diversity"]) == pytest.approx(0, abs=1e-9)
    constant = HeldOutBatch(Split(torch.zeros(4, 1, 12, 10), None), 4, 0, CPU)
    assert constant.diversity(model) == {}  # the images have no variance
