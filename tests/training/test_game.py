"""A move changes the parameters and statistics of the moving player only."""

from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import GANConfig
from latentarium.data.batches import Batches
from latentarium.models.build import build
from latentarium.rng import Noise
from latentarium.training.game import (
    copy_parameters,
    freeze_others,
    norms,
    parameter_deltas,
    play_move,
)


@pytest.mark.parametrize("mover", [0, 1])
def test_parameter_deltas_are_the_largest_changes(mover):
    model = build(presets.gan_debug().model, tiny_data().card)
    player, other = model.players()[mover], model.players()[1 - mover]
    before = copy_parameters(model)
    assert {float(v) for v in parameter_deltas(player, model, before).values()} == {0.0}
    with torch.no_grad():
        list(player.part.parameters())[-1].flatten()[0] += 0.5
        next(iter(other.part.parameters())).flatten()[0] -= 0.25
    deltas = parameter_deltas(player, model, before)
    assert {name: float(value) for name, value in deltas.items()} == pytest.approx(
        {"own_delta": 0.5, "other_delta": 0.25}
    )


@pytest.mark.parametrize("mover", [0, 1])
def test_freezing_leaves_exactly_the_movers_parameters_trainable(mover):
    model = build(presets.cgan_debug().model, tiny_data().card)
    player = model.players()[mover]
    with freeze_others(player, model):
        trainable = {id(p) for p in model.parameters() if p.requires_grad}
        assert trainable == {id(p) for p in player.part.parameters()}
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("preset", presets.all_presets())
def test_every_parameter_belongs_to_exactly_one_player(preset):
    model = build(presets.get(preset).model, tiny_data().card)
    owned = [id(p) for player in model.players() for p in player.part.parameters()]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in model.parameters()}


def test_a_move_does_not_change_the_running_statistics_of_other_players():
    """With batch normalization in the generator, the discriminator's move runs the generator."""
    config = presets.gan_debug().model
    assert isinstance(config, GANConfig)
    config = replace(config, generator=replace(config.generator, norm="batch"))
    data = tiny_data()
    model = build(config, data.card).train()
    for player in model.players():
        before = {name: b.clone() for name, b in model.named_buffers()}
        adam = torch.optim.Adam(player.part.parameters(), lr=0.01)
        play_move(player, model, adam, Batches(data.train, 16, 0).draw(0), Noise(0))
        changed = {name for name, b in model.named_buffers() if not b.equal(before[name])}
        assert bool(changed) == (player.name == "generator"), (player.name, changed)


def test_the_gradient_norm_is_that_of_the_move():
    """Plain gradient descent moves by the learning rate times the gradient."""
    data = tiny_data()
    model = build(presets.gan_debug().model, data.card).train()
    for player in model.players():
        before = [p.detach().clone() for p in player.part.parameters()]
        weight_norm = torch.cat([b.flatten() for b in before]).norm()
        descent = torch.optim.SGD(player.part.parameters(), lr=0.5)
        play_move(player, model, descent, Batches(data.train, 16, 0).draw(0), Noise(0))
        after = [p.detach() for p in player.part.parameters()]
        change = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)])
        measured = norms(player)
        assert float(measured["gradient"]) == pytest.approx(float(change.norm()) / 0.5, rel=1e-4)
        assert float(measured["weights"]) == pytest.approx(float(weight_norm), rel=0.2)
