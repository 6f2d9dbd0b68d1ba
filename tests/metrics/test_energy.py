"""The energy distance to a known mixture in the plane."""

import math

import pytest
import torch

from latentarium.data.toy import grid, ring
from latentarium.metrics.energy import energy_distance, rice_mean
from support.errors import raises_code


def test_the_mean_of_a_rice_distribution_agrees_with_simulation_and_both_limits():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400_000, 2, generator=generator, dtype=torch.float64)
    for distance in (0.0, 0.3, 1.0, 4.0):
        simulated = float((0.7 * noise + torch.tensor([distance, 0.0])).norm(dim=1).mean())
        exact = float(rice_mean(torch.tensor([distance], dtype=torch.float64), 0.7))
        assert exact == pytest.approx(simulated, rel=3e-3)
    zero = torch.zeros(1, dtype=torch.float64)
    assert float(rice_mean(zero, 2.0)) == pytest.approx(2 * math.sqrt(math.pi / 2))
    far = torch.tensor([1e6], dtype=torch.float64)
    assert float(rice_mean(far, 1e-3)) == pytest.approx(1e6)


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_samples_of_the_density_get_the_reference_on_average(mixture):
    results = [energy_distance(mixture.sample(300, seed=s), mixture) for s in range(60)]
    values = torch.tensor([r.value for r in results], dtype=torch.float64)
    error = values.std() / len(values) ** 0.5
    assert abs(float(values.mean()) - results[0].reference) < 4 * float(error)


def test_the_exact_terms_agree_with_a_large_second_sample():
    mixture = grid()
    points = mixture.sample(400, seed=1).double() * 0.9
    other = mixture.sample(20_000, seed=2).double()
    within = torch.cdist(points, points).mean()
    cross = torch.cdist(points, other).mean()
    others = torch.cdist(other[:10_000], other[10_000:]).mean()
    expected = float(2 * cross - within - others)
    assert energy_distance(points.float(), mixture).value == pytest.approx(expected, rel=0.05)


def test_a_point_has_the_distance_that_follows_from_the_definition():
    mixture = ring()
    points = torch.zeros(5, 2)
    to_mixture = float(rice_mean(torch.tensor([1.0], dtype=torch.float64), 0.01))
    within = energy_distance(points, mixture).reference * 5
    assert energy_distance(points, mixture).value == pytest.approx(2 * to_mixture - within)


@pytest.mark.parametrize("mixture", [ring(), grid()])
def test_missing_modes_and_unequal_masses_and_invalid_samples_are_above_the_reference(mixture):
    n, generator = 2500, torch.Generator().manual_seed(0)
    real = energy_distance(mixture.sample(n, seed=0), mixture)
    count = len(mixture.means)

    def points(shares, std):
        modes = torch.multinomial(shares, n, replacement=True, generator=generator)
        return mixture.means[modes] + std * torch.randn(n, 2, generator=generator)

    missing = torch.ones(count)
    missing[0] = 0
    for worse in (
        points(missing, mixture.std),
        points(torch.linspace(1, 3, count), mixture.std),
        points(torch.ones(count), 20 * mixture.std),
    ):
        assert energy_distance(worse, mixture).interval[0] > 2 * real.reference


def test_the_order_of_points_does_not_change_the_value():
    mixture = ring()
    points = mixture.sample(100)
    value = energy_distance(points, mixture).value
    assert energy_distance(points.flip(0), mixture).value == pytest.approx(value, abs=1e-12)


def test_invalid_points_are_refused():
    with raises_code("invalid-count"):
        energy_distance(torch.zeros(1, 2), ring())
    with raises_code("invalid-count"):
        energy_distance(torch.zeros(5001, 2), ring())
    with raises_code("not-finite"):
        energy_distance(torch.full((10, 2), torch.nan), ring())
