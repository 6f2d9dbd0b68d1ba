"""Total variation of mode masses, with a bin for invalid samples."""

import math

import numpy as np
import pytest
import torch

from latentarium.data.toy import PERFECT_SHARE, grid, ring
from latentarium.metrics.coverage import mixture_quality, mode_masses
from support.errors import raises_code

EQUAL = torch.full((4,), 0.25)


def modes_of(*counts):
    numbers = torch.tensor(counts, dtype=torch.int64)
    return torch.repeat_interleave(torch.arange(len(counts)), numbers)


def test_it_is_half_the_sum_of_differences_with_the_invalid_bin():
    result = mode_masses(modes_of(40, 20, 20, 0), 20, EQUAL, 0.1)
    expected = 0.5 * (abs(0.4 - 0.225) + 2 * abs(0.2 - 0.225) + 0.225 + abs(0.2 - 0.1))
    assert result.value == pytest.approx(expected)
    assert result.invalid == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("modes", "num_invalid", "value"),
    [
        (modes_of(25, 25, 25, 25), 0, 0.0),
        (modes_of(100, 0, 0, 0), 0, 0.75),  # one of four modes
        (modes_of(), 100, 1.0),  # no valid sample
    ],
)
def test_known_values(modes, num_invalid, value):
    result = mode_masses(modes.long(), num_invalid, EQUAL, 0.0)
    assert result.value == pytest.approx(value)
    assert result.interval[0] <= value <= result.interval[1]
    assert 0 <= result.interval[0] <= result.interval[1] <= 1


def test_a_count_of_modes_that_is_perfect_can_hide_bad_masses():
    """All 8 modes are found although 90 % of the points are invalid."""
    mixture = ring()
    points = torch.cat([mixture.means.repeat(30, 1), torch.zeros(2160, 2)])
    result = mixture_quality(points, mixture)
    assert result.modes == 8
    assert result.reverse_kl == pytest.approx(0)
    assert result.masses.value == pytest.approx(0.9 - (1 - PERFECT_SHARE))
    assert result.masses.interval[0] > 5 * result.masses.reference


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_samples_of_the_density_get_the_reference_on_average(mixture):
    results = [mixture_quality(mixture.sample(2500, seed=s), mixture).masses for s in range(20)]
    values = torch.tensor([r.value for r in results], dtype=torch.float64)
    error = float(values.std()) / len(values) ** 0.5
    assert abs(float(values.mean()) - results[0].reference) < 4 * error


def test_points_that_are_too_concentrated_are_not_better():
    mixture = ring()
    result = mixture_quality(mixture.means.repeat(300, 1), mixture)
    assert result.high_quality == 1
    assert result.masses.value == pytest.approx(1 - PERFECT_SHARE)


@pytest.mark.parametrize(
    "shares", [[0.25, 0.25, 0.25, 0.25, 0.0], [0.4, 0.2, 0.2, 0.1, 0.1], [0.9, 0.1, 0, 0, 0]]
)
def test_the_interval_covers_the_mean_at_this_n(shares):
    """The last share is that of invalid samples."""
    generator, n = np.random.default_rng(0), 500
    counts = generator.multinomial(n, shares, size=20_000)
    target = np.array([0.25] * 4 + [0.0])
    mean = float((0.5 * np.abs(counts / n - target).sum(1)).mean())
    covered = 0
    for row in counts[:100]:
        result = mode_masses(modes_of(*row[:4].tolist()), int(row[4]), EQUAL, 0.0)
        covered += result.interval[0] <= mean <= result.interval[1]
    assert covered >= 90


def test_wrong_input_is_refused():
    with raises_code("no-points"):
        mode_masses(torch.empty(0, dtype=torch.int64), 0, EQUAL, 0.0)
    with raises_code("invalid-mode"):
        mode_masses(torch.tensor([4]), 0, EQUAL, 0.0)


def test_nan_points_are_invalid():
    assert mixture_quality(torch.full((5, 2), math.nan), ring()).masses.value == pytest.approx(
        PERFECT_SHARE
    )
