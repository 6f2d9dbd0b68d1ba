"""What the log says of held-out images is right, and costs the training nothing but time."""

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
from latentarium.training import train as loop
from latentarium.training.game import held_out_loss, norms, play_move
from latentarium.training.held_out import HeldOut

BATCH = NetConfig(width=4, depth=1, hidden=8, norm="batch")
CPU = torch.device("cpu")


def with_batch_norm(preset: str):
    config = presets.get(preset)
    model = config.model
    if isinstance(model, GANConfig):
        return replace(config, model=replace(model, generator=BATCH))
    return replace(config, model=replace(model, encoder=BATCH, decoder=BATCH))


@pytest.mark.parametrize("preset", ["ae_debug", "vae_class_debug", "gan_debug", "cgan_debug"])
def test_looking_does_not_change_the_training(preset, tmp_path, monkeypatch):
    config, data = with_batch_norm(preset), tiny_data()
    looked = loop.train(config, tmp_path / "looked", data)
    monkeypatch.setattr(HeldOut, "loss", lambda *a: {})
    monkeypatch.setattr(HeldOut, "diversity", lambda *a: {})
    torch.manual_seed(123)  # the training must not feel it either
    blind = loop.train(config, tmp_path / "blind", data)
    name = "checkpoints/000000040.safetensors"
    left, right = load_file(looked.folder / name), load_file(blind.folder / name)
    assert left.keys() == right.keys()
    for key, tensor in left.items():
        assert torch.equal(tensor, right[key]), key
    players = [player.name for player in build(config.model, data.card).players()]
    for seen, unseen in zip(looked.log(), blind.log(), strict=True):
        for player in players:
            assert seen[player]["held_out"] > 0
            assert "held_out" not in unseen[player]
            assert seen[player]["gradient"] == unseen[player]["gradient"] > 0
        assert seen[players[-1]]["diversity"] > 0


@pytest.mark.parametrize("preset", ["vae_debug", "cgan_debug"])
def test_an_unmoved_loss_is_the_loss_in_evaluation_mode(preset):
    config, data = with_batch_norm(preset), tiny_data()
    model = build(config.model, data.card).train()
    batch = Batches(data.validation, 16, 0).draw(0)
    for player in model.players():
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        found = held_out_loss(player, model, batch, Noise(3)).total
        assert model.training
        assert all(module.training for module in model.modules())
        assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
        assert all(p.grad is None and p.requires_grad for p in model.parameters())
        assert not found.requires_grad
        model.eval()
        assert torch.equal(found, player.loss(batch, Noise(3)).total.detach())
        model.train()
        assert not torch.equal(found, player.loss(batch, Noise(3)).total.detach())


def test_the_gradient_is_that_of_the_move():
    """Plain gradient descent moves by the rate times the gradient."""
    data = tiny_data()
    model = build(presets.gan_debug().model, data.card).train()
    for player in model.players():
        before = [p.detach().clone() for p in player.part.parameters()]
        size = torch.cat([b.flatten() for b in before]).norm()
        descent = torch.optim.SGD(player.part.parameters(), lr=0.5)
        play_move(player, model, descent, Batches(data.train, 16, 0).draw(0), Noise(0))
        after = [p.detach() for p in player.part.parameters()]
        moved = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)])
        found = norms(player)
        assert float(found["gradient"]) == pytest.approx(float(moved.norm()) / 0.5, rel=1e-4)
        assert float(found["weights"]) == pytest.approx(float(size), rel=0.2)


def resized(data: Data, n: int) -> Data:
    part = data.validation
    assert part.labels is not None
    return replace(data, validation=Split(part.images[:n], part.labels[:n]))


@pytest.mark.parametrize(("n", "keys"), [(0, set()), (1, {"held_out"}), (5, {"held_out"})])
def test_small_validation_splits_are_used_as_far_as_they_go(n, keys, tmp_path):
    data = resized(tiny_data(), n)
    rows = loop.train(presets.gan_debug(), tmp_path / "r", data).log()
    for row in rows:
        assert row["discriminator"].keys() & {"held_out"} == keys
        assert ("diversity" in row["generator"]) == (n >= 2)


def test_every_row_sees_the_same_images_under_the_same_noise():
    """So that two rows differ by what was learned between them, and by nothing else."""
    data = tiny_data()
    model = build(presets.vae_debug().model, data.card)
    (player,) = model.players()
    watch, other = (HeldOut(data.validation, 8, seed, CPU) for seed in (0, 1))
    losses = [float(w.loss(player, model)["held_out"]) for w in (watch, watch, other)]
    assert losses[0] == losses[1] != losses[2]


def test_diversity_is_one_where_samples_vary_as_images_do(monkeypatch):
    data = tiny_data()
    model = build(presets.gan_debug().model, data.card)
    watch = HeldOut(data.validation, len(data.validation), 0, CPU)
    real = to_float(data.validation.images)
    monkeypatch.setattr(type(model), "sample", lambda self, n: real)
    assert float(watch.diversity(model)["diversity"]) == pytest.approx(1)
    monkeypatch.setattr(type(model), "sample", lambda self, n: real[:1].repeat(n, 1, 1, 1))
    assert float(watch.diversity(model)["diversity"]) == pytest.approx(0, abs=1e-9)
    plain = HeldOut(Split(torch.zeros(4, 1, 12, 10), None), 4, 0, CPU)
    assert plain.diversity(model) == {}  # nothing to compare with
