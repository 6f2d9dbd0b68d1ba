import math

import pytest
import torch

from latentarium.data.sources import load_data
from latentarium.data.toy import (
    MIXTURES,
    Mixture2D,
    grid,
    ring,
    to_points,
    toy_data,
    toy_scale,
)
from support.data_files import labels_of
from support.errors import raises_code


def test_modes_are_those_of_the_protocol():
    assert torch.allclose(ring().means.norm(dim=1), torch.ones(8))
    spacing = torch.pdist(ring().means).sort().values[:8]
    assert torch.allclose(spacing, torch.full((8,), 2 * math.sin(math.pi / 8)), atol=1e-6)
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(mode) for mode in grid().means.tolist()} == expected
    assert (ring().std, grid().std) == (0.01, 0.05)


def test_density_integrates_to_one():
    mixture = Mixture2D(torch.tensor([[0.0, 0.5], [-1.0, 0.0], [0.3, 0.4]]), 0.3)
    step = 0.02
    axis = torch.arange(-4, 4, step)
    points = torch.cartesian_prod(axis, axis)
    assert mixture.log_prob(points).exp().sum() * step**2 == pytest.approx(1, abs=1e-4)


def test_log_prob_equals_torch():
    mixture = Mixture2D(torch.tensor([[0.0, 0.5], [-1.0, 0.0]]), 0.3)
    parts = torch.distributions.Independent(torch.distributions.Normal(mixture.means, 0.3), 1)
    expected = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(2)), parts
    )
    points = torch.randn(7, 2)
    assert torch.allclose(mixture.log_prob(points), expected.log_prob(points), atol=1e-5)


@pytest.mark.parametrize("mixture", [make() for make in MIXTURES.values()], ids=MIXTURES)
def test_samples_have_the_entropy_of_the_mixture(mixture):
    n = 100_000
    points, modes = mixture.sample_with_modes(n, seed=3)
    assert torch.equal(mixture.nearest(points)[1], modes)
    entropy_of_one = 1 + math.log(2 * math.pi * mixture.std**2)
    expected = -entropy_of_one - math.log(len(mixture.means))
    assert mixture.log_prob(points).mean().item() == pytest.approx(expected, abs=0.02)


def test_samples_are_a_function_of_the_seed():
    assert torch.equal(ring().sample(50, seed=1), ring().sample(50, seed=1))
    assert not torch.equal(ring().sample(50, seed=1), ring().sample(50, seed=2))


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_load_by_name(name):
    mixture = MIXTURES[name]()
    data = load_data(name)
    assert [len(s) for s in data.splits().values()] == [100_000, 10_000, 10_000]
    assert data.card.source == name
    assert data.card.image_shape == (2, 1, 1)
    assert data.train.images.abs().max() < 1.02
    assert not torch.equal(data.test.images, data.validation.images)
    points = to_points(data.test.images, mixture)
    assert torch.equal(mixture.nearest(points)[1], labels_of(data.test))


def test_a_given_scale_is_used_in_both_directions():
    mixture = ring()
    default, scaled = toy_data(mixture, 20), toy_data(mixture, 20, scale=2.0)
    points = to_points(scaled.train.images, mixture, 2.0)
    assert torch.allclose(points, to_points(default.train.images, mixture))
    assert toy_scale(mixture) == pytest.approx(1.04)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: ring(std=0.0), "invalid-mixture"),
        (lambda: ring(modes=0), "invalid-mixture"),
        (lambda: toy_data(ring(), 9), "invalid-size"),
        (lambda: toy_data(ring(), 20, scale=0.0), "invalid-size"),
    ],
)
def test_impossible_mixtures_and_sizes_are_refused(call, code):
    with raises_code(code):
        call()
