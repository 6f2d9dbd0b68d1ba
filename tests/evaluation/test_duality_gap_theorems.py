"""What docs/game.md says of its worked example, held to what the estimator finds.

L1 = a/2 x^2 + b x y,   L2 = c/2 y^2 - b x y
gains a/2 (x + b y / a)^2 and c/2 (y - b x / c)^2
"""

import pytest
import torch

from latentarium.config import OptimizerConfig
from support.toy_games import Toy, measure

GAMES = [(2.0, 1.0, 1.0), (1.0, 3.0, 0.5), (0.5, -1.0, 2.0)]
PLACES = [(1.0, -1.0), (0.5, 0.5), (-1.5, 0.2)]
FINE = OptimizerConfig(learning_rate=0.02, beta1=0.0, beta2=0.9)


def game(x, y, a, b, c):
    return Toy(x, y, lambda x, y: a / 2 * x**2 + b * x * y, lambda x, y: c / 2 * y**2 - b * x * y)


def zero_sum(x, y, a, b, c):
    def value(x, y):
        return a / 2 * x**2 + b * x * y - c / 2 * y**2

    return Toy(x, y, value, lambda x, y: -value(x, y))


def gains(x, y, a, b, c):
    return a / 2 * (x + b * y / a) ** 2, c / 2 * (y - b * x / c) ** 2


def gap(x, y, a, b, c):
    return (a / 2 + b**2 / (2 * c)) * x**2 + (c / 2 + b**2 / (2 * a)) * y**2


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("abc", GAMES)
def test_each_gain_is_the_closed_form_and_never_above_it(abc, place):
    found = measure(game(*place, *abc), FINE, steps=600)
    true = gains(*place, *abc)
    for gain, expected in zip(found.gains, true, strict=True):
        assert gain.gain <= expected + 1e-5
        assert gain.gain == pytest.approx(expected, abs=0.01)
    assert sum(true) == pytest.approx(gap(*place, *abc))
    assert found.total == pytest.approx(gap(*place, *abc), abs=0.02)


@pytest.mark.parametrize("abc", GAMES)
def test_in_a_zero_sum_game_the_sum_of_gains_is_max_minus_min(abc):
    a, b, c = abc
    x, y = 0.7, -0.4
    grid = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    largest = (a / 2 * x**2 + b * x * grid - c / 2 * grid**2).max()
    smallest = (a / 2 * grid**2 + b * grid * y - c / 2 * y**2).min()
    assert gap(x, y, *abc) == pytest.approx(float(largest - smallest), abs=1e-6)
    found = measure(zero_sum(x, y, *abc), FINE, steps=600)
    assert found.total == pytest.approx(float(largest - smallest), abs=0.02)
    by_hand = gains(x, y, *abc)  # a term of the other's alone changes no gain
    assert [g.gain for g in found.gains] == pytest.approx(by_hand, abs=0.02)


def test_at_the_equilibrium_both_losses_and_the_gap_are_zero_but_not_on_the_axes():
    bilinear = (0.0, 1.0, 0.0)
    at_rest = measure(game(0.0, 0.0, *bilinear))
    assert at_rest.total == 0
    away = measure(game(3.0, 0.0, *bilinear))  # both losses are 0 here too
    first, second = away.gains
    assert first.before == second.before == 0
    assert first.gain == 0
    assert second.gain > 10  # and without limit, with more steps


def test_more_response_steps_gain_more_up_to_the_closed_form():
    abc, place = (1.0, 3.0, 0.5), (1.0, -1.0)
    found = [measure(game(*place, *abc), FINE, steps=k).total for k in (0, 10, 40, 160, 640)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[1] < 0.5 * gap(*place, *abc)
    assert found[-1] == pytest.approx(gap(*place, *abc), abs=0.02)


def test_on_a_spiral_into_the_equilibrium_losses_rise_and_fall_while_the_gap_only_falls():
    a = c = 0.1
    b, step = 1.0, 0.05
    x, y = 1.0, 0.0
    places = []
    for _ in range(400):
        places.append((x, y))
        x, y = x - step * (a * x + b * y), y - step * (c * y - b * x)
    losses = torch.tensor([a / 2 * x**2 + b * x * y for x, y in places]).diff()
    assert int((losses.sign().diff() != 0).sum()) >= 6
    gaps = torch.tensor([gap(x, y, a, b, c) for x, y in places])
    assert bool((gaps.diff() < 0).all())
    fast = OptimizerConfig(learning_rate=0.1, beta1=0.0, beta2=0.9)
    measured = []
    for x, y in places[:201:100]:
        measured.append(measure(game(x, y, a, b, c), fast, steps=500).total)
    assert measured == sorted(measured, reverse=True)
