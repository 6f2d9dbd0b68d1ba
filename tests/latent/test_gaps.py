import math
from statistics import NormalDist

import pytest
import torch
from torch import nn

from latentarium.latent.gaps import (
    classifier_entropy,
    decoder_stretch,
    distance_to_data,
    gap_share,
    log_density,
    percentile_among,
    quality_by_distance,
    round_trip_error,
)
from latentarium.stats.intervals import wilson
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------------------- distance, density


def test_distance_and_percentile_on_a_line():
    latents = torch.arange(10.0)[:, None]
    z = torch.tensor([[0.0], [4.5], [-3.0]])
    assert distance_to_data(latents, z, k=2).tolist() == [1, 0.5, 4]
    held_out = torch.tensor([4.0, 1.0, 2.0, 3.0])
    found = percentile_among(torch.tensor([0.5, 2.0, 2.5, 9.0]), held_out)
    assert found.tolist() == [0, 0.25, 0.5, 1]


def test_percentiles_of_equally_distributed_latents_are_uniform():
    latents, held_out, fresh = normal(3000, 3), normal(1000, 3, seed=1), normal(1000, 3, seed=2)
    found = percentile_among(distance_to_data(latents, fresh), distance_to_data(latents, held_out))
    for share in (0.1, 0.5, 0.9):
        assert float((found < share).double().mean()) == pytest.approx(share, abs=0.06)


def test_log_density_of_uniform_latents_is_uniform():
    side = 3.0
    latents = torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0)) * side
    inner = torch.rand(200, 2, generator=torch.Generator().manual_seed(1)) + 1
    found = log_density(latents, inner, k=100)
    assert float(found.mean()) == pytest.approx(-2 * math.log(side), abs=0.05)
    twice = log_density(2 * latents, 2 * inner, k=100)
    torch.testing.assert_close(twice, found - 2 * math.log(2))


def test_prior_equal_to_the_data_has_the_gap_share_of_the_data():
    latents, held_out, prior = (normal(4000, 4, seed=s) for s in range(3))
    near = distance_to_data(latents, held_out)
    found = gap_share(distance_to_data(latents, prior), near)
    assert found.interval[0] - 0.005 < 0.01 < found.interval[1] + 0.005
    wide = gap_share(distance_to_data(latents, 3 * prior), near)
    assert wide.share > 0.7
    low, high = wilson(round(wide.share * 4000), 4000)
    assert wide.interval[0] < low < high < wide.interval[1]  # the threshold is estimated too
    assert wide.threshold == found.threshold


@pytest.mark.slow  # the quick version is in tests/stats/test_interval_coverage.py
@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_interval_covers_the_true_share_at_its_nominal_rate(scale):
    """An interval that ignores the threshold's uncertainty covers it in 75 % of cases."""
    truth = 2 * (1 - NormalDist().cdf(NormalDist().inv_cdf(0.995) / scale))  # two-sided tails
    inside = 0
    for seed in range(300):
        held_out, prior = normal(600, seed=2 * seed), scale * normal(1200, seed=2 * seed + 1)
        low, high = gap_share(prior.abs(), held_out.abs(), seed=seed).interval
        inside += low <= truth <= high
    assert 0.91 < inside / 300 < 0.99


def test_gap_share_of_zero_has_a_positive_upper_bound():
    found = gap_share(normal(500).abs() / 9, normal(500, seed=1).abs())
    assert found.share == found.interval[0] == 0
    assert 0.001 < found.interval[1] < 0.02


def test_gap_between_two_modes_is_detected():
    """Latents at -3 and 3 with deviation 0.1: nearly all of N(0, 1) is between them."""
    signs = torch.tensor([-3.0, 3.0]).repeat(2000)[:, None]
    latents, held_out = signs + 0.1 * normal(4000, 1), signs + 0.1 * normal(4000, 1, seed=1)
    found = gap_share(
        distance_to_data(latents, normal(1000, 1, seed=2)), distance_to_data(latents, held_out)
    )
    assert found.share > 0.98


def test_too_few_latents_and_values_that_are_not_finite_are_refused():
    with raises_code("too-few-latents"):
        gap_share(torch.ones(5), torch.ones(50))
    with raises_code("not-finite"):
        distance_to_data(normal(10, 2), normal(3, 2) / 0)
    with raises_code("too-few-latents"):
        distance_to_data(normal(4, 2), normal(3, 2))


# --------------------------------------------------------------------------- round trip, stretch


def test_round_trip_error_is_zero_for_an_inverse_encoder_and_else_its_shift():
    a = normal(7, 3).double()
    back = torch.linalg.pinv(a)
    z = normal(11, 3).double()
    exact = round_trip_error(lambda x: x @ back.T, lambda z: z @ a.T, z, batch_size=4)
    torch.testing.assert_close(exact, torch.zeros(11).double())
    shift = torch.tensor([3.0, 0.0, 4.0]).double()
    moved = round_trip_error(lambda x: x @ back.T + shift, lambda z: z @ a.T, z, batch_size=4)
    torch.testing.assert_close(moved, torch.full((11,), 5.0).double())


def test_stretch_of_a_linear_decoder_is_the_product_of_its_singular_values():
    a = normal(12, 4)

    def decode(z):
        return (z @ a.T + 1).reshape(-1, 1, 3, 4)

    found = decoder_stretch(decode, normal(9, 4, seed=1), batch_size=4)
    expected = torch.linalg.svdvals(a.double()).prod().expand(9)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_stretch_of_a_sphere_is_its_area_element():
    """The sphere of radius 2: z = (polar angle, azimuth) has area element 4 |sin polar|."""

    def decode(z):
        polar, around = z[:, 0], z[:, 1]
        return 2 * torch.stack(
            [polar.sin() * around.cos(), polar.sin() * around.sin(), polar.cos()], 1
        )

    z = normal(50, 2).double()
    torch.testing.assert_close(decoder_stretch(decode, z), 4 * z[:, 0].sin().abs())


def test_stretch_of_a_convolutional_decoder_is_that_of_its_jacobian():
    torch.manual_seed(0)
    decode = nn.Sequential(
        nn.Linear(3, 8 * 4),
        nn.LeakyReLU(0.2),
        nn.Unflatten(1, (8, 2, 2)),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(8, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.SiLU(),
        nn.Conv2d(4, 1, 3, padding=1),
        nn.Tanh(),
    ).eval()
    z = normal(5, 3)
    with torch.no_grad():  # callers measure without gradients
        found = decoder_stretch(decode, z)
    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(decode, z[i : i + 1]).reshape(16, 3)
        expected = torch.linalg.svdvals(jacobian.double()).prod()
        torch.testing.assert_close(found[i], expected, rtol=1e-4, atol=0)


def test_stretch_is_zero_if_the_decoder_ignores_a_direction():
    z = normal(6, 3)
    assert decoder_stretch(lambda z: z[:, :2], z).tolist() == [0.0] * 6
    flat = decoder_stretch(lambda z: torch.cat([z[:, :2], z[:, :2]], 1), z)
    torch.testing.assert_close(flat, torch.zeros(6).double())


# ------------------------------------------------------------------------------ entropy and curve


def test_classifier_entropy_is_zero_if_certain_and_log_k_if_uniform():
    p = torch.tensor([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    expected = torch.tensor([0, math.log(4), math.log(2)], dtype=torch.float64)
    torch.testing.assert_close(classifier_entropy(p), expected)


def test_curve_has_the_means_of_its_bins():
    distance = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    quality = 2 - distance + 0.1 * normal(1000)
    curve = quality_by_distance(distance, quality, 5)
    assert [b.n for b in curve] == [200] * 5
    for one in curve:
        inside = (distance >= one.low) & (distance < one.high)
        if one is curve[-1]:
            inside = distance >= one.low
        assert one.quality == pytest.approx(float(quality[inside].mean()), rel=1e-5)
        assert one.distance == pytest.approx(float(distance[inside].mean()), rel=1e-5)
        assert one.interval[0] < one.quality < one.interval[1]
        assert one.interval[1] - one.interval[0] == pytest.approx(
            2 * 1.96 * float(quality[inside].std()) / 200**0.5, rel=0.15
        )
    qualities = [b.quality for b in curve]
    assert qualities == sorted(qualities, reverse=True)


def test_curve_of_binary_quality_has_wilson_intervals_and_no_empty_bins():
    distance = torch.tensor([0.0, 0.05, 0.1, 0.95, 1.0], dtype=torch.float64)
    quality = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    curve = quality_by_distance(distance, quality, [0.0, 0.1, 0.5, 0.75, 1.0])
    assert [(b.low, b.high, b.n, b.quality) for b in curve] == [
        (0.0, 0.1, 2, 1.0),
        (0.1, 0.5, 1, 0.0),
        (0.75, 1.0, 2, 0.0),
    ]
    assert curve[0].interval == wilson(2, 2)


@pytest.mark.parametrize("bins", [6, [0.0, 0.5], [1.0, 0.0]])
def test_bins_that_do_not_fit_are_refused(bins):
    with raises_code("invalid-bins"):
        quality_by_distance(torch.linspace(0, 1, 5), torch.ones(5), bins)
