"""Exploitability where it is known in closed form."""

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.models.build import build
from support.toy_games import Toy, measure


def quadratic(a: float, b: float) -> Toy:
    """L1 = (a - b)^2, L2 = (b - 1)^2 + a b: each best response is known."""
    return Toy(a, b, lambda a, b: (a - b) ** 2, lambda a, b: (b - 1) ** 2 + 0.5 * a * b)


def test_nobody_gains_at_the_equilibrium_of_a_quadratic_game():
    # a = b and 2 (b - 1) + a / 2 = 0 give a = b = 0.8
    found = measure(quadratic(0.8, 0.8))
    assert found.total == pytest.approx(0, abs=5e-3)


def test_elsewhere_the_gains_are_the_closed_form():
    a, b = 1.5, -0.5
    best_b = 1 - a / 4
    gains = {
        "first": (a - b) ** 2,
        "second": ((b - 1) ** 2 + a * b / 2) - ((best_b - 1) ** 2 + a * best_b / 2),
    }
    model = quadratic(a, b)
    found = measure(model)
    for gain in found.gains:
        assert gain.gain <= gains[gain.player] + 1e-6  # a lower bound
        assert gain.gain == pytest.approx(gains[gain.player], abs=0.02)
    assert found.total == pytest.approx(sum(gains.values()), abs=0.04)
    assert model.a.value.item() == a, "the measurement must not move the game"


def test_a_bilinear_game_in_a_box():
    """min over a, max over b of a b with |a|, |b| <= 1: the gap is |a| + |b|."""

    def make(a: float, b: float) -> Toy:
        return Toy(a, b, lambda a, b: torch.tanh(a) * torch.tanh(b).detach(),
                   lambda a, b: -torch.tanh(a).detach() * torch.tanh(b))  # fmt: skip

    fast = OptimizerConfig(learning_rate=0.2, beta1=0.0, beta2=0.9)
    assert measure(make(0.0, 0.0), fast).total == 0
    found = measure(make(0.6, -0.4), fast)
    inside = torch.tanh(torch.tensor([0.6, 0.4])).sum()
    assert found.total == pytest.approx(float(inside), abs=0.03)


def test_one_player_has_an_optimality_gap():
    model = build(presets.ae_debug().model, tiny_data().card)
    found = measure(model, OptimizerConfig(learning_rate=0.003), steps=60)
    assert [gain.player for gain in found.gains] == ["autoencoder"]
    assert found.total == found.gains[0].gain > 0
    again = measure(model, OptimizerConfig(learning_rate=0.003), steps=60)
    assert again == found
