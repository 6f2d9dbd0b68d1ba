"""The worked example of docs/duality-gap.md, compared with the estimator.

L1 = a/2 x^2 + b x y,   L2 = c/2 y^2 - b x y
gains a/2 (x + b y / a)^2 and c/2 (y - b x / c)^2
"""

import pytest
import torch

from latentarium.config import OptimizerConfig
from support.toy_games import TwoNumbers, measure

GAMES = [(2.0, 1.0, 1.0), (1.0, 3.0, 0.5), (0.5, -1.0, 2.0)]
POINTS = [(1.0, -1.0), (0.5, 0.5), (-1.5, 0.2)]
FINE = OptimizerConfig(learning_rate=0.02, beta1=0.0, beta2=0.9)


def game(x, y, a, b, c):
    return TwoNumbers(
        x, y, lambda x, y: a / 2 * x**2 + b * x * y, lambda x, y: c / 2 * y**2 - b * x * y
    )


def zero_sum(x, y, a, b, c):
    def value(x, y):
        return a / 2 * x**2 + b * x * y - c / 2 * y**2

    return TwoNumbers(x, y, value, lambda x, y: -value(x, y))


def gains(x, y, a, b, c):
    return a / 2 * (x + b * y / a) ** 2, c / 2 * (y - b * x / c) ** 2


def gap(x, y, a, b, c):
    return (a / 2 + b**2 / (2 * c)) * x**2 + (c / 2 + b**2 / (2 * a)) * y**2


@pytest.mark.parametrize(("abc", "point"), list(zip(GAMES, POINTS, strict=True)))
def test_each_gain_matches_the_closed_form_and_is_never_above_it(abc, point):
    estimate = measure(game(*point, *abc), FINE, steps=600)
    true = gains(*point, *abc)
    for gain, expected in zip(estimate.gains, true, strict=True):
        assert gain.gain <= expected + 1e-5
        assert gain.gain == pytest.approx(expected, abs=0.01)
    assert sum(true) == pytest.approx(gap(*point, *abc))
    assert estimate.total == pytest.approx(gap(*point, *abc), abs=0.02)


@pytest.mark.parametrize("abc", GAMES)
def test_the_gap_of_a_zero_sum_game_is_max_minus_min(abc):
    a, b, c = abc
    x, y = 0.7, -0.4
    grid = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    largest = (a / 2 * x**2 + b * x * grid - c / 2 * grid**2).max()
    smallest = (a / 2 * grid**2 + b * grid * y - c / 2 * y**2).min()
    assert gap(x, y, *abc) == pytest.approx(float(largest - smallest), abs=1e-6)
    estimate = measure(zero_sum(x, y, *abc), FINE, steps=600)
    assert estimate.total == pytest.approx(float(largest - smallest), abs=0.02)
    # a term of the other player's parameters alone changes no gain
    assert [g.gain for g in estimate.gains] == pytest.approx(gains(x, y, *abc), abs=0.02)


def test_losses_are_zero_on_the_axes_of_a_bilinear_game_but_the_gap_only_at_the_equilibrium():
    bilinear = (0.0, 1.0, 0.0)
    assert measure(game(0.0, 0.0, *bilinear)).total == 0
    away = measure(game(3.0, 0.0, *bilinear))  # both losses are 0 here too
    first, second = away.gains
    assert first.before == second.before == 0
    assert first.gain == 0
    assert second.gain > 10  # without limit, with more steps


def test_the_gain_rises_with_the_response_steps_up_to_the_closed_form():
    abc, point = (1.0, 3.0, 0.5), (1.0, -1.0)
    totals = [measure(game(*point, *abc), FINE, steps=k).total for k in (0, 10, 40, 160, 640)]
    assert totals == sorted(totals)
    assert totals[0] == 0
    assert totals[1] < 0.5 * gap(*point, *abc)
    assert totals[-1] == pytest.approx(gap(*point, *abc), abs=0.02)


def test_the_gap_falls_steadily_on_a_spiral_on_which_losses_rise_and_fall():
    a = c = 0.1
    b, step = 1.0, 0.05
    x, y = 1.0, 0.0
    points = []
    for _ in range(400):
        points.append((x, y))
        x, y = x - step * (a * x + b * y), y - step * (c * y - b * x)
    losses = torch.tensor([a / 2 * x**2 + b * x * y for x, y in points]).diff()
    assert int((losses.sign().diff() != 0).sum()) >= 6
    gaps = torch.tensor([gap(x, y, a, b, c) for x, y in points])
    assert bool((gaps.diff() < 0).all())
    fast = OptimizerConfig(learning_rate=0.1, beta1=0.0, beta2=0.9)
    measured = []
    for x, y in points[:201:100]:
        measured.append(measure(game(x, y, a, b, c), fast, steps=500).total)
    assert measured == sorted(measured, reverse=True)
