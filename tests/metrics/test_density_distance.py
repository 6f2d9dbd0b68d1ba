"""The distance of points from a known mixture in the plane."""

import math

import pytest
import torch

from latentarium.data.toy import Mixture2D, grid, ring
from latentarium.metrics.density_distance import density_distance
from support.errors import raises_code


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_samples_of_the_density_get_the_reference_on_average(mixture):
    results = [density_distance(mixture.sample(300, seed=s), mixture) for s in range(40)]
    values = torch.tensor([r.value for r in results], dtype=torch.float64)
    error = float(values.std()) / len(values) ** 0.5
    assert abs(float(values.mean()) - results[0].reference) < 4 * error


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_the_exact_expectations_agree_with_a_second_sample(mixture):
    """Kernels of the same widths between finite samples, without the closed form."""
    points = mixture.sample(300, seed=1).double() * 1.01
    centred = mixture.means.double() - mixture.means.double().mean(0)
    widths = (mixture.std, 3 * mixture.std, float(centred.square().sum(1).mean().sqrt()))

    def mean_kernel(a, b):
        squared = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()
        return float(sum((-squared / (2 * h * h)).exp().mean() for h in widths)) / 3

    def sampled(seed):
        other = mixture.sample(4000, seed=seed).double()
        halves = mean_kernel(other[:2000], other[2000:])
        return mean_kernel(points, points) - 2 * mean_kernel(points, other) + halves

    expected = sum(sampled(seed) for seed in range(2, 6)) / 4  # standard deviation 3e-4
    assert density_distance(points.float(), mixture).value == pytest.approx(expected, abs=1.2e-3)


def test_one_mode_and_points_at_its_mean_have_the_value_of_the_definition():
    """h^2 is 1 and 9; E k(0, Y) is h^2 / (h^2 + 1), and E k(Y, Y') is h^2 / (h^2 + 2)."""
    mixture = Mixture2D(torch.zeros(1, 2), 1.0)
    expected = 1 - (1 / 2 + 9 / 10) + (1 / 3 + 9 / 11) / 2
    result = density_distance(torch.zeros(7, 2), mixture)
    assert result.value == pytest.approx(expected)
    assert result.interval == pytest.approx((expected, expected))  # no spread
    assert result.reference == pytest.approx((1 - (1 / 3 + 9 / 11) / 2) / 7)


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_every_kind_of_deviation_is_far_above_the_reference(mixture):
    n, generator = 1500, torch.Generator().manual_seed(0)
    count = len(mixture.means)

    def points(shares, std):
        modes = torch.multinomial(shares, n, replacement=True, generator=generator)
        return mixture.means[modes] + std * torch.randn(n, 2, generator=generator)

    missing, equal = torch.ones(count), torch.ones(count)
    missing[: count // 8] = 0
    cases = {
        "a missing mode": points(missing, mixture.std),
        "unequal masses": points(torch.linspace(1, 3, count), mixture.std),
        "points at the means": points(equal, 0.0),
        "half the spread": points(equal, mixture.std / 2),
        "twice the spread": points(equal, 2 * mixture.std),
        "shifted": mixture.sample(n) + mixture.std,
        "invalid": points(equal, 100 * mixture.std),
    }
    for name, samples in cases.items():
        result = density_distance(samples, mixture)
        assert result.interval[0] > 1.5 * result.reference, name


def test_the_interval_of_samples_of_the_density_contains_the_reference():
    mixture = ring()
    hits = 0
    for seed in range(40):
        result = density_distance(mixture.sample(200, seed=seed), mixture)
        hits += result.interval[0] <= result.reference <= result.interval[1]
    assert hits >= 34


def test_the_order_of_points_does_not_change_the_value():
    mixture = ring()
    points = mixture.sample(100)
    value = density_distance(points, mixture).value
    assert density_distance(points.flip(0), mixture).value == pytest.approx(value, abs=1e-12)


def test_invalid_points_are_refused():
    for count in (1, 5001):
        with raises_code("invalid-count"):
            density_distance(torch.zeros(count, 2), ring())
    with raises_code("not-finite"):
        density_distance(torch.full((10, 2), math.nan), ring())
