"""Likelihoods: probabilities, densities, samples and constant outputs."""

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from latentarium.config import LikelihoodConfig
from latentarium.data.dataset import to_float
from latentarium.distributions import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    Likelihood,
    build_likelihood,
)
from latentarium.registry import registered
from latentarium.rng import Noise
from support.errors import raises_code

LIKELIHOODS = {name: build_likelihood(name, 0.3) for name in registered("likelihood")}
LEVELS = to_float(torch.arange(256, dtype=torch.uint8))
"""The values of 8-bit pixels in [-1, 1]."""


def output_for(likelihood: Likelihood, n: int, channels: int, seed: int = 0) -> torch.Tensor:
    return 0.5 * Noise(seed).normal(n, channels * likelihood.outputs_per_value, 3, 4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_have_the_mean_that_the_likelihood_returns(name):
    likelihood = LIKELIHOODS[name]
    output = output_for(likelihood, 1, 1)
    if likelihood.outputs_per_value == 2:
        output[:, 1] -= 4  # a small scale, so that no sample is at the ends of the range
    mean = likelihood.mean(output)
    assert mean.shape == (1, 1, 3, 4)
    samples = likelihood.sample(output.expand(20_000, -1, -1, -1), Noise(1))
    error = samples.std(0) / 20_000**0.5
    inside = mean[0].abs() < 0.7
    assert bool(((samples.mean(0) - mean[0]).abs() < 5 * error + 1e-6)[inside].all())
    assert int(inside.sum()) > 6


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_constant_output_has_the_mean_of_the_images_and_explains_them_best(name):
    likelihood = LIKELIHOODS[name]
    pixels = (255 * Noise(2).uniform(50, 3, 3, 4)).to(torch.uint8)
    x = to_float(pixels)
    output = likelihood.constant_output(x)
    assert output.shape == (1, 3 * likelihood.outputs_per_value, 3, 4)
    torch.testing.assert_close(likelihood.mean(output)[0], x.mean(0), rtol=1e-4, atol=1e-4)

    def nll(changed):
        return float(likelihood.nll(changed.expand(50, -1, -1, -1), x).mean())

    for seed in range(5):
        assert nll(output) < nll(output + 0.3 * Noise(seed).normal(*output.shape))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_deviance_is_zero_for_the_image_itself_and_not_negative(name):
    likelihood = LIKELIHOODS[name]
    x, other = (2 * Noise(seed).uniform(4, 1, 3, 4) - 1 for seed in (0, 1))
    deviance = likelihood.deviance(other, x)
    assert deviance.shape == x.shape
    assert float(deviance.min()) >= 0
    torch.testing.assert_close(likelihood.deviance(x, x), torch.zeros_like(x), rtol=0, atol=1e-5)


def test_deviances_are_differences_of_log_densities():
    x, other = (2 * Noise(seed).uniform(4, 1, 3, 4) - 1 for seed in (0, 1))
    for likelihood, output in (
        (Gaussian(0.3), lambda mean: mean),
        (Bernoulli(), lambda mean: torch.logit((mean + 1) / 2)),
    ):
        expected = likelihood.nll(output(other), x) - likelihood.nll(output(x), x)
        found = likelihood.deviance(other, x).flatten(1).sum(1)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_the_standard_deviation_is_that_of_the_settings_and_names_are_checked():
    gaussian = build_likelihood("gaussian", 0.7)
    assert isinstance(gaussian, Gaussian)
    assert gaussian.std == 0.7
    assert gaussian.protocol(False) != Gaussian(0.3).protocol(False)
    with raises_code("unknown-component"):
        build_likelihood(LikelihoodConfig(kind="poisson"), 0.1)


# ------------------------------------------------------------------------ discretized logistic


def random_outputs(n: int) -> torch.Tensor:
    """Return locations inside and far outside of [-1, 1], and tiny and huge scales."""
    return Noise(3).normal(n, 2, 1, 1) * torch.tensor([2.0, 4.0])[:, None, None]


def nll_of_levels(output: torch.Tensor) -> torch.Tensor:
    """Return -log p of the 256 values, one row per output."""
    n = len(output)
    columns = [DiscretizedLogistic().nll(output, v.expand(n, 1, 1, 1)) for v in LEVELS]
    return torch.stack(columns, 1)


def test_the_probabilities_of_the_256_values_sum_to_1():
    nll = nll_of_levels(random_outputs(500))
    assert bool(nll.isfinite().all())
    assert float(nll.min()) >= 0
    total = (-nll.double()).exp().sum(1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-5)


def test_probabilities_equal_differences_of_scipys_distribution():
    output = random_outputs(500)
    location = output[:, 0, 0].double().numpy()
    scale = np.exp(output[:, 1, 0].double().clamp(-7, 5).numpy())
    edges = (np.arange(257) - 0.5) / 127.5 - 1
    edges[[0, -1]] = -np.inf, np.inf
    p = np.diff(logistic.cdf(edges, location, scale), axis=1)
    accurate = p > 1e-9  # a difference of probabilities near 1 is not
    found = nll_of_levels(output).double().numpy()
    assert accurate.sum() > 10_000
    np.testing.assert_allclose(found[accurate], -np.log(p[accurate]), rtol=1e-4, atol=1e-4)


def test_values_of_an_image_are_independent():
    likelihood, output = DiscretizedLogistic(), 2 * Noise(4).normal(3, 6, 2, 5)
    x = to_float((255 * Noise(5).uniform(3, 3, 2, 5)).to(torch.uint8))
    single = [
        likelihood.nll(output[:, [c, c + 3], i : i + 1, j : j + 1], x[:, c, i, j].view(3, 1, 1, 1))
        for c in range(3)
        for i in range(2)
        for j in range(5)
    ]
    torch.testing.assert_close(likelihood.nll(output, x), torch.stack(single).sum(0))


@pytest.mark.parametrize("location", [-1e4, -3.0, 0.0, 3.0, 1e4])
@pytest.mark.parametrize("log_scale", [-1e4, -7.0, -3.0, 0.0, 5.0, 1e4])
def test_values_and_gradients_are_finite_at_extremes(location, log_scale):
    output = torch.tensor([location, log_scale]).view(1, 2, 1, 1).expand(256, -1, -1, -1)
    output = output.clone().requires_grad_()
    nll = DiscretizedLogistic().nll(output, LEVELS.view(-1, 1, 1, 1))
    (gradient,) = torch.autograd.grad(nll.sum(), output)
    assert bool(nll.isfinite().all())
    assert bool(gradient.isfinite().all())


def test_the_gradient_is_that_of_the_formula_in_float64():
    output = random_outputs(20).double().requires_grad_()
    x = LEVELS[Noise(6).integers(256, 20)].double().view(20, 1, 1, 1)
    assert torch.autograd.gradcheck(lambda o: DiscretizedLogistic().nll(o, x), output)


def test_samples_of_the_discretized_logistic_have_its_probabilities():
    n = 100_000
    output = torch.tensor([0.97, -3.0]).view(1, 2, 1, 1)
    samples = DiscretizedLogistic().sample(output.expand(n, -1, -1, -1), Noise(7))
    level = ((samples + 1) * 127.5).flatten()
    torch.testing.assert_close(level, level.round(), rtol=0, atol=1e-3)
    p = (-nll_of_levels(output)[0].double()).exp()
    share = torch.bincount(level.round().long(), minlength=256) / n
    assert bool(((share - p).abs() < 5 * (p * (1 - p) / n).sqrt() + 1e-4).all())
    assert float(p[255]) > 0.3  # the bin of the largest value extends to infinity
