"""The duality gap of games whose best responses are known in closed form."""

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.evaluation.duality_gap import estimate_duality_gap
from latentarium.models.build import build
from support.errors import raises_code
from support.toy_games import TwoNumbers, measure


def quadratic(a: float, b: float) -> TwoNumbers:
    """L1 = (a - b)^2, L2 = (b - 1)^2 + a b / 2."""
    return TwoNumbers(a, b, lambda a, b: (a - b) ** 2, lambda a, b: (b - 1) ** 2 + 0.5 * a * b)


def test_the_gap_is_zero_at_the_equilibrium_of_a_quadratic_game():
    # a = b and 2 (b - 1) + a / 2 = 0 give a = b = 0.8
    assert measure(quadratic(0.8, 0.8)).total == pytest.approx(0, abs=5e-3)


def test_gains_away_from_the_equilibrium_match_the_closed_form():
    a, b = 1.5, -0.5
    best_b = 1 - a / 4
    expected = {
        "first": (a - b) ** 2,
        "second": ((b - 1) ** 2 + a * b / 2) - ((best_b - 1) ** 2 + a * best_b / 2),
    }
    model = quadratic(a, b)
    gap = measure(model)
    for gain in gap.gains:
        assert gain.gain <= expected[gain.player] + 1e-6  # a lower bound
        assert gain.gain == pytest.approx(expected[gain.player], abs=0.02)
    assert gap.total == pytest.approx(sum(expected.values()), abs=0.04)
    assert model.a.value.item() == a, "the measurement must not change the model"


def test_the_gap_of_a_bilinear_game_in_a_box_is_the_sum_of_absolute_values():
    """min over a, max over b of a b with |a|, |b| <= 1 has the gap |a| + |b|."""

    def make(a: float, b: float) -> TwoNumbers:
        return TwoNumbers(
            a,
            b,
            lambda a, b: torch.tanh(a) * torch.tanh(b).detach(),
            lambda a, b: -torch.tanh(a).detach() * torch.tanh(b),
        )

    fast = OptimizerConfig(learning_rate=0.2, beta1=0.0, beta2=0.9)
    assert measure(make(0.0, 0.0), fast).total == 0
    expected = torch.tanh(torch.tensor([0.6, 0.4])).sum()
    assert measure(make(0.6, -0.4), fast).total == pytest.approx(float(expected), abs=0.03)


def test_a_single_player_has_an_optimality_gap_and_repeats_are_identical():
    model = build(presets.ae_debug().model, tiny_data().card)
    gap = measure(model, OptimizerConfig(learning_rate=0.003), steps=60)
    assert [gain.player for gain in gap.gains] == ["autoencoder"]
    assert gap.total == gap.gains[0].gain > 0
    assert measure(model, OptimizerConfig(learning_rate=0.003), steps=60) == gap


def test_a_single_batch_is_refused():
    data = tiny_data()
    with raises_code("too-few-batches"):
        estimate_duality_gap(
            quadratic(0.0, 0.0), data.train, data.validation, optimizer=OptimizerConfig(),
            num_batches=1,
        )  # fmt: skip
