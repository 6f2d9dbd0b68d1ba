"""The measurement of whose parameters moved sees what it must see."""

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
    parameter_deltas,
    play_move,
)


@pytest.mark.parametrize("mover", [0, 1])
def test_a_foreign_change_is_seen_and_measured(mover):
    model = build(presets.gan_debug().model, tiny_data().card)
    player, other = model.players()[mover], model.players()[1 - mover]
    before = copy_parameters(model)
    assert {float(v) for v in parameter_deltas(player, model, before).values()} == {0.0}
    with torch.no_grad():
        list(player.part.parameters())[-1].flatten()[0] += 0.5
        next(iter(other.part.parameters())).flatten()[0] -= 0.25
    found = {name: float(value) for name, value in parameter_deltas(player, model, before).items()}
    assert found == pytest.approx({"own_delta": 0.5, "other_delta": 0.25})


@pytest.mark.parametrize("mover", [0, 1])
def test_only_frees_exactly_the_movers_parameters(mover):
    model = build(presets.cgan_debug().model, tiny_data().card)
    player = model.players()[mover]
    with freeze_others(player, model):
        free = {id(p) for p in model.parameters() if p.requires_grad}
        assert free == {id(p) for p in player.part.parameters()}
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_every_parameter_belongs_to_exactly_one_player(preset):
    model = build(presets.get(preset).model, tiny_data().card)
    owned = [id(p) for player in model.players() for p in player.part.parameters()]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in model.parameters()}


def test_a_bystanders_running_statistics_stand_still():
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
