import itertools
import math

import pytest
import torch
from sklearn.neighbors import KernelDensity

from latentarium.errors import UserError
from latentarium.metrics import parzen as m
from latentarium.metrics.parzen import SIGMAS, log_density, parzen


def draw(n, seed, std=0.1):
    noise = torch.randn(n, 1, 4, 3, generator=torch.Generator().manual_seed(seed))
    return (std * noise).clamp(-1, 1)


def test_one_centre_is_a_gaussian():
    point, centre = torch.tensor([[0.3, 0.5]]), torch.tensor([[0.1, 0.4]])
    wanted = torch.distributions.Normal(centre, 0.2).log_prob(point).sum()
    assert float(log_density(centre, point, 0.2)) == pytest.approx(float(wanted), abs=1e-5)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
@pytest.mark.parametrize(("dimensions", "off"), [(12, 2e-4), (784, 5e-2)])
def test_it_is_the_kernel_density_of_scikit_learn(dimensions, off, sigma, monkeypatch):
    """In 784 dimensions the density is about -3,000 nats, and float32 rounds by hundredths."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(70, dimensions, generator=generator)
    points = torch.rand(40, dimensions, generator=generator)
    wanted = KernelDensity(bandwidth=sigma).fit(centres.numpy()).score_samples(points.numpy())
    found = log_density(centres, points, sigma)
    assert found.tolist() == pytest.approx(wanted.tolist(), abs=off)
    monkeypatch.setattr(m, "BLOCK", 100)
    assert torch.allclose(log_density(centres, points, sigma), found)


def test_the_protocol_has_ten_sigmas_from_a_tenth_to_one():
    assert len(SIGMAS) == 10
    assert (SIGMAS[0], SIGMAS[-1]) == pytest.approx((0.1, 1.0))
    steps = [math.log(b / a) for a, b in itertools.pairwise(SIGMAS)]
    assert max(steps) == pytest.approx(min(steps))


def test_sigma_is_chosen_on_validation_alone():
    found = parzen(draw(300, 0, 0.6), draw(200, 1, 0.6), draw(250, 2, 0.6))
    assert found.sigma == max(found.per_sigma, key=lambda sigma: found.per_sigma[sigma])
    other = parzen(draw(300, 0, 0.6), draw(200, 1, 0.6), draw(250, 2, 0.05))
    assert other.sigma == found.sigma
    assert other.log_likelihood != found.log_likelihood


def test_samples_from_elsewhere_score_lower():
    good = parzen(draw(300, 0), draw(200, 1), draw(200, 2))
    bad = parzen(draw(300, 0) + 0.8, draw(200, 1), draw(200, 2))
    assert good.interval[0] > bad.interval[1]


def test_too_few_images_are_a_sentence():
    with pytest.raises(UserError, match="at least 2"):
        parzen(draw(1, 0), draw(5, 1), draw(5, 2))


@pytest.mark.parametrize("broken", range(3))
def test_nan_is_a_sentence_wherever_it_is(broken):
    given = [draw(5, 0), draw(5, 1), draw(5, 2)]
    given[broken] = given[broken] * torch.nan
    with pytest.raises(UserError, match="without nan"):
        parzen(*given)
