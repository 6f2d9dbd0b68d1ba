import math

import pytest
import torch

from latentarium.metrics.aggregate_posterior import (
    aggregate_kl,
    gaussian_kl,
    prior_sliced_distance,
    sliced_wasserstein,
)
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(n, dimensions, seed=0):
    """Points whose mean is exactly 0 and whose covariance (over n) is exactly the identity."""
    z = normal(n, dimensions, seed=seed)
    z = z - z.mean(0)
    root = torch.linalg.cholesky(z.T @ z / n)
    return torch.linalg.solve_triangular(root, z.T, upper=False).T


# ------------------------------------------------------------------------- Gaussian KL


def test_gaussian_kl_equals_torchs_closed_form():
    mean = torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64)
    factor = torch.tensor([[1.5, 0, 0], [0.4, 0.6, 0], [-0.2, 0.3, 0.9]], dtype=torch.float64)
    result = gaussian_kl(whitened(200, 3) @ factor.T + mean)
    q = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    p = torch.distributions.MultivariateNormal(mean * 0, torch.eye(3).double())
    assert result.value == pytest.approx(float(torch.distributions.kl_divergence(q, p)))
    assert result.from_mean == pytest.approx(1.25 / 2)


def test_gaussian_kl_is_zero_for_two_modes_with_unit_moments():
    """It does not measure the whole distribution."""
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(500)[:, None]
    modes = math.sqrt(0.99) * signs + 0.1 * whitened(500, 1).repeat_interleave(2, 0)
    assert gaussian_kl(modes).value == pytest.approx(0, abs=1e-9)


def test_gaussian_kl_of_prior_samples_equals_its_reference():
    result = [gaussian_kl(normal(500, 6, seed=s)) for s in range(80)]
    values = torch.tensor([f.value for f in result])
    error = float(values.std()) / 80**0.5
    assert float(values.mean()) == pytest.approx(result[0].reference, abs=3 * error)
    assert result[0].reference == 6 * 9 / 2000


def test_gaussian_kl_refuses_degenerate_or_too_few_latents():
    flat = normal(100, 3)
    flat[:, 2] = flat[:, 1]
    with raises_code("degenerate-latents"):
        gaussian_kl(flat)
    with raises_code("too-few-latents"):
        gaussian_kl(normal(3, 3))


# --------------------------------------------------------------------------- aggregate KL


def test_aggregate_kl_is_exact_if_all_posteriors_are_equal():
    """A collapsed posterior N(m, s^2): the mixture is that Gaussian, and both bounds agree."""
    mean, log_variance = torch.tensor([0.7, -0.3]).double(), torch.tensor([0.2, -1.0]).double()
    result = aggregate_kl(mean.expand(20_000, 2), log_variance.expand(20_000, 2), components=4000)
    closed = 0.5 * float((mean**2 + log_variance.exp() - 1 - log_variance).sum())
    assert result.upper == pytest.approx(result.lower, abs=1e-9)
    assert result.upper_interval[0] < closed < result.upper_interval[1]


def test_aggregate_kl_brackets_zero_if_the_aggregate_is_the_prior():
    """q(z | x) = N(a x, 1 - a^2) with x ~ N(0, I): the aggregate is N(0, I), the KL is 0."""
    a, dimensions = 0.8, 2
    mean = a * normal(4000, dimensions)
    log_variance = torch.full_like(mean, math.log(1 - a * a))
    rate = -0.5 * dimensions * math.log(1 - a * a)  # E KL(q(z|x) || p)
    widths = []
    for components in (100, 4000):
        result = aggregate_kl(mean, log_variance, components=components, seed=1)
        assert result.lower_interval[0] < 0 < result.upper_interval[1]
        assert result.lower < result.upper < rate
        widths.append(result.upper - result.lower)
    assert widths[1] < widths[0] / 5
    assert abs(result.upper) < 0.02
    assert abs(result.lower) < 0.02


def test_aggregate_kl_of_known_gaussians_equals_the_closed_form():
    a, shift = 0.6, 1.5
    mean = a * normal(3000, 3) + shift
    log_variance = torch.full_like(mean, math.log(1 - a * a))
    result = aggregate_kl(mean, log_variance, components=3000, seed=2)
    closed = 3 * shift**2 / 2
    assert result.lower_interval[0] - 0.02 < closed < result.upper_interval[1] + 0.02
    # with the true aggregate as the prior the KL is 0

    def log_true(z):
        return -0.5 * ((z - shift).square() + math.log(2 * math.pi)).sum(1)

    own = aggregate_kl(mean, log_variance, components=3000, seed=2, log_prior=log_true)
    assert own.lower_interval[0] < 0 < own.upper_interval[1]
    assert abs(own.upper) < 0.05


def test_aggregate_kl_of_separate_posteriors_is_rate_minus_log_m():
    """M posteriors that don't overlap: log q(z) = log q(z | x) - log M, and without
    the own one there is no mass."""
    m = 50
    mean = 100.0 * torch.arange(m).double()[:, None]
    log_variance = torch.zeros_like(mean)
    result = aggregate_kl(mean, log_variance, components=m, seed=3)
    rate = 0.5 * float(mean.square().mean())
    assert result.upper == pytest.approx(rate - math.log(m), rel=0.02)
    assert result.lower < result.upper - 1000


def test_aggregate_kl_does_not_depend_on_the_block_size():
    mean, log_variance = normal(300, 2), normal(300, 2, seed=1)
    expected = aggregate_kl(mean, log_variance, seed=4)
    result = aggregate_kl(mean, log_variance, seed=4, max_log_densities=1000)
    assert result.upper == pytest.approx(expected.upper)
    assert result.lower == pytest.approx(expected.lower)
    assert expected.components == 300


def test_aggregate_kl_refuses_point_posteriors_and_too_few():
    with raises_code("point-posterior"):
        aggregate_kl(normal(10, 2), torch.full((10, 2), -torch.inf).double())
    with raises_code("too-few-latents"):
        aggregate_kl(normal(1, 2), normal(1, 2))


# ------------------------------------------------------------------------------------- sliced


def test_sliced_distance_of_a_shift_is_its_length_divided_by_root_z():
    z, shift = normal(500, 5), normal(5, seed=1)
    exact = float(shift.norm()) / 5**0.5
    result = sliced_wasserstein(z, z + shift, projections=4000)
    assert result == pytest.approx(exact, rel=0.05)
    assert sliced_wasserstein(z, z + 3 * shift) == pytest.approx(
        3 * sliced_wasserstein(z, z + shift)
    )


def test_sliced_distance_in_one_dimension_is_the_quantile_distance():
    a, b = torch.tensor([[3.0], [1.0], [2.0]]), torch.tensor([[6.0], [2.0], [2.0]])
    assert sliced_wasserstein(a, b) == pytest.approx(((1 + 0 + 9) / 3) ** 0.5)
    assert sliced_wasserstein(a, a.flip(0)) == 0
    with raises_code("shape-mismatch"):
        sliced_wasserstein(a, b[:2])


def test_prior_samples_get_the_reference_and_other_data_more():
    own = prior_sliced_distance(normal(2000, 4, seed=3), seed=1)
    assert own.reference_interval[0] < own.value < own.reference_interval[1] * 1.2
    far = prior_sliced_distance(normal(2000, 4, seed=3) * 2, seed=1)
    # scaled by 2: each projection's distance is 1
    assert far.interval[0] < 1 < far.interval[1]
    assert far.reference == own.reference
    own_prior = prior_sliced_distance(
        normal(2000, 4, seed=3) * 2,
        draw=lambda n, generator: 2 * torch.randn(n, 4, generator=generator),
    )
    assert own_prior.value < 2 * own_prior.reference


def test_the_reference_needs_one_more_set_from_the_prior_than_repeats():
    sizes = []

    def draw(n: int, generator: torch.Generator) -> torch.Tensor:
        sizes.append(n)
        return torch.randn(n, 2, generator=generator)

    prior_sliced_distance(normal(300, 2), draw=draw, repeats=5)
    assert sizes == [300] * 6


def test_sliced_distance_detects_modes_that_gaussian_kl_misses():
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(1000)[:, None]
    modes = math.sqrt(0.99) * signs + 0.1 * normal(2000, 1)
    result = prior_sliced_distance(modes)
    assert result.interval[0] > 3 * result.reference
