"""Theorems about priors, posteriors and likelihoods."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Independent, MultivariateNormal, Normal

from latentarium.distributions import (
    Bernoulli,
    ClassGaussian,
    DiagonalGaussian,
    Distribution,
    Gaussian,
    Point,
    StandardNormal,
)
from latentarium.distributions.likelihoods import _BernoulliNLL
from latentarium.rng import Noise
from support.errors import raises_code


def some(n: int, z: int, seed: int) -> DiagonalGaussian:
    noise = Noise(seed)
    return DiagonalGaussian(noise.normal(n, z), 0.5 * noise.normal(n, z))


def test_log_prob_equals_torchs():
    q = some(5, 3, 0)
    z = Noise(1).normal(5, 3)
    known = Independent(Normal(q.mean, (0.5 * q.log_variance).exp()), 1).log_prob(z)
    torch.testing.assert_close(q.log_prob(z), known)


def test_several_samples_are_the_mean_plus_scaled_noise_with_their_densities():
    q = some(5, 3, 0)
    z, density = q.sample_several(Noise(1), 4)
    eps = Noise(1).normal(5, 4, 3)
    torch.testing.assert_close(z, q.mean[:, None] + (0.5 * q.log_variance).exp()[:, None] * eps)
    one_by_one = torch.stack([q.log_prob(z[:, k]) for k in range(4)], 1)
    torch.testing.assert_close(density, one_by_one)


def test_several_samples_of_a_distribution_that_only_draws_one_at_a_time():
    class Shifted(DiagonalGaussian):
        log_probs = Distribution.log_probs
        sample_several = Distribution.sample_several

        def log_prob(self, z):
            return super().log_probs(z[:, None])[:, 0]

    q = some(5, 3, 0)
    z, density = Shifted(q.mean, q.log_variance).sample_several(Noise(1), 4)
    assert z.shape == (5, 4, 3)
    assert len(z.flatten(0, 1).unique(dim=0)) == 20
    torch.testing.assert_close(density, q.log_probs(z))


def test_kl_equals_its_monte_carlo_estimate_and_is_zero_to_itself():
    q, p = some(1, 4, 2), some(1, 4, 3)
    n = 200_000
    many = DiagonalGaussian(q.mean.expand(n, -1), q.log_variance.expand(n, -1))
    z = many.sample(Noise(4))
    against = DiagonalGaussian(p.mean.expand(n, -1), p.log_variance.expand(n, -1))
    difference = many.log_prob(z) - against.log_prob(z)
    error = float(difference.std()) / n**0.5
    assert abs(float(difference.mean()) - float(q.kl(p))) < 5 * error
    assert float(q.kl(q)) == pytest.approx(0, abs=1e-6)
    assert float(q.kl(p)) > 0


def test_likelihoods_equal_torchs():
    noise = Noise(5)
    output, x = noise.normal(4, 2, 3, 5), noise.uniform(4, 2, 3, 5) * 2 - 1
    known = -Normal(output, 0.3).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(Gaussian(0.3).nll(output, x), known)
    binary = (x > 0).float()
    known = -torch.distributions.Bernoulli(logits=output).log_prob(binary).flatten(1).sum(1)
    torch.testing.assert_close(Bernoulli().nll(output, 2 * binary - 1), known)
    assert Bernoulli().mean(output).abs().max() <= 1


def linear_gaussian():
    """p(z) = N(0, I), p(x | z) = N(W z, s^2 I) with orthogonal columns: everything is known."""
    w = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [0.5, 0.0]])
    s = 0.7
    x = Noise(6).normal(3, 4)
    exact = MultivariateNormal(torch.zeros(4), w @ w.T + s**2 * torch.eye(4)).log_prob(x)
    precision = 1 + (w**2).sum(0) / s**2
    posterior = DiagonalGaussian(
        (x @ w) / s**2 / precision, -precision.log().expand(3, -1).contiguous()
    )
    return w, s, x, exact, posterior


def elbo(q: DiagonalGaussian, w, s, x, draws: int = 40_000):
    """The ELBO of each x, with its standard error."""
    rows = []
    for i in range(len(x)):
        one = DiagonalGaussian(
            q.mean[i : i + 1].expand(draws, -1), q.log_variance[i : i + 1].expand(draws, -1)
        )
        z = one.sample(Noise(7, i))
        output = (z @ w.T)[:, :, None, None]
        rows.append(-Gaussian(s).nll(output, x[i].expand(draws, -1)[:, :, None, None]))
    values = torch.stack(rows)
    prior = StandardNormal(2)(None, len(x))
    return values.mean(1) - q.kl(prior), values.std(1) / draws**0.5


def test_the_elbo_is_at_most_log_p_and_equals_it_at_the_true_posterior():
    w, s, x, exact, posterior = linear_gaussian()
    value, error = elbo(posterior, w, s, x)
    assert ((value - exact).abs() < 5 * error).all()
    for seed in range(3):
        other = some(3, 2, 10 + seed)
        value, error = elbo(other, w, s, x)
        assert (value <= exact + 5 * error).all()
        assert (value < exact - 5 * error).any()


def test_class_gaussians_depend_on_the_label_and_blend():
    prior = ClassGaussian(4, 3)
    hard = prior(torch.tensor([2, 0]), 2)
    soft = prior(torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), 2)
    torch.testing.assert_close(hard.mean, soft.mean)
    blend = prior(torch.tensor([[0.5, 0.5, 0.0]]), 1)
    torch.testing.assert_close(blend.mean[0], (prior.mean[0] + prior.mean[1]) / 2)
    with raises_code("label-missing"):
        prior(None, 2)


def test_noise_is_a_function_of_its_parts():
    assert torch.equal(Noise(0, 1, "a").normal(5), Noise(0, 1, "a").normal(5))
    assert not torch.equal(Noise(0, 1, "a").normal(5), Noise(0, 1, "b").normal(5))
    assert not torch.equal(Noise(0, 1).normal(5), Noise(1, 0).normal(5))
    draws = Noise(8).normal(100_000)
    assert abs(float(draws.mean())) < 5 / math.sqrt(100_000)


@pytest.mark.parametrize("scale", [0.1, 3.0, 200.0])
def test_bernoulli_equals_torchs_cross_entropy_in_value_and_gradient(scale):
    logits = (scale * torch.randn(5, 2, 4, 3)).requires_grad_()
    x = torch.rand(5, 2, 4, 3) * 2 - 1
    x[0], x[1] = -1, 1  # off and on
    weights = torch.randn(5)
    found = Bernoulli().nll(logits, x)
    expected = F.binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="none")
    torch.testing.assert_close(found, expected.flatten(1).sum(1), rtol=1e-5, atol=1e-5)
    ours, torchs = (
        torch.autograd.grad((weights * value).sum(), logits, retain_graph=True)[0]
        for value in (found, expected.flatten(1).sum(1))
    )
    torch.testing.assert_close(ours, torchs, rtol=1e-5, atol=1e-6)
    assert bool((found >= 0).all())


def test_bernoulli_in_double_precision_passes_the_gradient_check():
    logits = torch.randn(3, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    x = torch.rand(3, 1, 2, 2, dtype=torch.float64) * 2 - 1
    assert torch.autograd.gradcheck(lambda output: _BernoulliNLL.apply(output, x), (logits,))


def test_a_kl_without_a_closed_form_is_estimated_from_samples():
    """The base class's estimate has the closed form of two Gaussians as its mean."""
    q, p = some(1, 3, 2), some(1, 3, 3)
    n = 200_000
    q_n = DiagonalGaussian(q.mean.expand(n, -1), q.log_variance.expand(n, -1))
    p_n = DiagonalGaussian(p.mean.expand(n, -1), p.log_variance.expand(n, -1))
    estimates = Distribution.kl(q_n, p_n, q_n.sample(Noise(0)))
    error = float(estimates.std()) / n**0.5
    assert abs(float(estimates.mean()) - float(q.kl(p))) < 5 * error


def test_whitening_a_gaussian_gives_standard_normal_coordinates_and_inverts():
    q, eps = some(6, 3, 4), Noise(5).normal(6, 3)
    torch.testing.assert_close(q.whiten(q.unwhiten(eps)), eps)
    torch.testing.assert_close(q.unwhiten(eps, 0.5), q.mean + 0.5 * q.std * eps)


def test_a_point_has_no_density():
    point = Point(torch.zeros(2, 3))
    assert torch.equal(point.sample(Noise(0)), point.mean)
    assert not point.has_density
    with raises_code("no-density"):
        point.log_prob(point.mean)
