import itertools
import math

import pytest
import torch
from sklearn.neighbors import KernelDensity

from latentarium.metrics.parzen import SIGMAS, log_density, parzen_log_likelihood
from support.errors import raises_code


def draw(n, seed, std=0.1):
    """Return images of normal noise."""
    noise = torch.randn(n, 1, 4, 3, generator=torch.Generator().manual_seed(seed))
    return (std * noise).clamp(-1, 1)


def test_density_of_one_centre_is_a_gaussian():
    point, centre = torch.tensor([[0.3, 0.5]]), torch.tensor([[0.1, 0.4]])
    expected = torch.distributions.Normal(centre, 0.2).log_prob(point).sum()
    assert float(log_density(centre, point, 0.2)) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
@pytest.mark.parametrize(("dimensions", "tolerance"), [(12, 2e-4), (784, 5e-2)])
def test_density_agrees_with_scikit_learn_for_every_block_size(dimensions, tolerance, sigma):
    """In 784 dimensions the density is about -3,000 nats, and float32 rounds by hundredths."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(70, dimensions, generator=generator)
    points = torch.rand(40, dimensions, generator=generator)
    expected = KernelDensity(bandwidth=sigma).fit(centres.numpy()).score_samples(points.numpy())
    result = log_density(centres, points, sigma)
    assert result.tolist() == pytest.approx(expected.tolist(), abs=tolerance)
    assert torch.allclose(log_density(centres, points, sigma, max_distances=100), result)


def test_protocol_has_ten_sigmas_from_one_tenth_to_one():
    assert len(SIGMAS) == 10
    assert (SIGMAS[0], SIGMAS[-1]) == pytest.approx((0.1, 1.0))
    steps = [math.log(b / a) for a, b in itertools.pairwise(SIGMAS)]
    assert max(steps) == pytest.approx(min(steps))


def test_sigma_is_chosen_on_validation_only():
    result = parzen_log_likelihood(draw(300, 0, 0.6), draw(200, 1, 0.6), draw(250, 2, 0.6))
    assert result.sigma == max(result.per_sigma, key=lambda sigma: result.per_sigma[sigma])
    other = parzen_log_likelihood(draw(300, 0, 0.6), draw(200, 1, 0.6), draw(250, 2, 0.05))
    assert other.sigma == result.sigma
    assert other.log_likelihood != result.log_likelihood


def test_shifted_samples_score_lower():
    good = parzen_log_likelihood(draw(300, 0), draw(200, 1), draw(200, 2))
    bad = parzen_log_likelihood(draw(300, 0) + 0.8, draw(200, 1), draw(200, 2))
    assert good.interval[0] > bad.interval[1]


def test_too_few_images_are_refused():
    with raises_code("too-few-images"):
        parzen_log_likelihood(draw(1, 0), draw(5, 1), draw(5, 2))


@pytest.mark.parametrize("broken", range(3))
def test_nan_is_refused_in_every_set(broken):
    sets = [draw(5, 0), draw(5, 1), draw(5, 2)]
    sets[broken] = sets[broken] * torch.nan
    with raises_code("not-finite"):
        parzen_log_likelihood(*sets)
