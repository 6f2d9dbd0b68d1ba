"""Two-level distributions, compared with the joint Gaussian of a linear model."""

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from latentarium.config import AutoencoderConfig, HierarchicalConfig
from latentarium.distributions import DiagonalGaussian, TwoLevel
from latentarium.models.build import build
from latentarium.rng import Noise
from support.errors import raises_code
from support.tiny import tiny_data

N = 40_000


def linear(seed):
    """A linear Gaussian model of z2 (2 dimensions) and z1 (3), and its joint Gaussian."""
    noise = Noise("two level", seed)
    mean, log_variance = noise.normal(1, 2), 0.3 * noise.normal(1, 2)
    w, b, s = noise.normal(2, 3), noise.normal(3), 0.3 * noise.normal(1, 3)

    def lower(z2, count):
        return DiagonalGaussian(z2 @ w + b, s.expand(len(z2), -1))

    def distribution(n):
        upper = DiagonalGaussian(mean.expand(n, -1), log_variance.expand(n, -1))
        return TwoLevel(upper, lower)

    v2 = log_variance.exp().diag_embed()[0]
    top = torch.cat([w.T @ v2 @ w + s.exp().diag_embed()[0], w.T @ v2], 1)
    covariance = torch.cat([top, torch.cat([v2 @ w, v2], 1)])
    joint = MultivariateNormal(torch.cat([(mean @ w + b)[0], mean[0]]), covariance)
    return distribution, joint


def tiny_model():
    """A hierarchical VAE whose latents have 3 and 2 dimensions, and three images."""
    small = AutoencoderConfig().encoder
    config = HierarchicalConfig(latent_dim=5, upper_dim=2, width=8, encoder=small, decoder=small)
    data = tiny_data()
    return build(config, data.card), data.test.images[:3].float() / 127.5 - 1


def test_density_is_that_of_the_joint_gaussian():
    distribution, joint = linear(0)
    z = Noise(1).normal(50, 5)
    torch.testing.assert_close(distribution(50).log_prob(z), joint.log_prob(z))


def test_several_latents_at_once_have_the_same_densities():
    model, x = tiny_model()
    for distribution in (model.encode(x), model.prior(None, 3)):
        z = Noise(2).normal(3, 4, 5)
        one_by_one = torch.stack([distribution.log_prob(z[:, k]) for k in range(4)], 1)
        torch.testing.assert_close(distribution.log_probs(z), one_by_one)
    nothing = model.encode(x[:0])
    assert nothing.sample(Noise(0)).shape == (0, 5)
    assert nothing.log_probs(torch.zeros(0, 4, 5)).shape == (0, 4)


def test_several_samples_come_with_their_densities():
    model, x = tiny_model()
    posterior = model.encode(x)
    z, density = posterior.sample_several(Noise(3), 4)
    assert z.shape == (3, 4, 5)
    torch.testing.assert_close(density, posterior.log_probs(z))


def test_several_samples_of_each_distribution_have_the_moments_of_the_joint_gaussian():
    distribution, joint = linear(0)
    z, _ = distribution(2).sample_several(Noise(0), N)
    spread = float(joint.variance.max().sqrt()) / N**0.5
    for own in z:
        torch.testing.assert_close(own.mean(0), joint.mean, rtol=0, atol=5 * spread)
        torch.testing.assert_close(own.T.cov(), joint.covariance_matrix, rtol=0.05, atol=0.05)
    assert float(torch.stack([z[0, :, 0], z[1, :, 0]]).corrcoef()[0, 1].abs()) < 5 / N**0.5


def test_processes_together_draw_the_samples_of_a_single_process():
    model, x = tiny_model()
    together, _ = model.encode(x[:2]).sample_several(Noise(4), 6)
    for rank in range(2):
        part, _ = model.encode(x[rank : rank + 1]).sample_several(Noise(4, shard=(rank, 2)), 6)
        torch.testing.assert_close(part[0], together[rank])


def test_samples_have_the_moments_of_the_joint_gaussian():
    distribution, joint = linear(0)
    z = distribution(N).sample(Noise(0))
    spread = float(joint.variance.max().sqrt()) / N**0.5
    torch.testing.assert_close(z.mean(0), joint.mean, rtol=0, atol=5 * spread)
    torch.testing.assert_close(z.T.cov(), joint.covariance_matrix, rtol=0.05, atol=0.05)
    torch.testing.assert_close(distribution(1).mean[0], joint.mean)


@pytest.mark.parametrize("levels", [1, 2])
def test_divergence_is_that_of_the_joint_gaussians(levels):
    (q, joint_q), (p, joint_p) = linear(0), linear(1)
    z = q(N).sample(Noise(0))
    if levels == 2:
        estimates = q(N).kl(p(N), z)
    else:
        other = DiagonalGaussian(torch.zeros(N, 5), torch.zeros(N, 5))
        joint_p = MultivariateNormal(torch.zeros(5), torch.eye(5))
        estimates = q(N).kl(other, z)
    error = 5 * float(estimates.std()) / N**0.5
    assert abs(float(estimates.mean() - kl_divergence(joint_q, joint_p))) < error


def test_a_scale_of_0_gives_the_mean():
    distribution, _ = linear(0)
    torch.testing.assert_close(distribution(3).sample(Noise(0), 0.0), distribution(3).mean)


def test_settings_that_leave_no_lower_level_are_refused():
    with raises_code("invalid-setting"):
        HierarchicalConfig(latent_dim=4, upper_dim=4)
    with raises_code("invalid-setting"):
        HierarchicalConfig(posterior="point")


def test_posterior_and_prior_depend_on_both_levels():
    model, x = tiny_model()
    z = model.encode(x).sample(Noise(0)).detach().requires_grad_()
    for density in (model.encode(x), model.prior(None, 3)):
        (gradient,) = torch.autograd.grad(density.log_prob(z).sum(), z)
        assert bool((gradient != 0).all())
    assert model.kind == "hierarchical VAE"


def test_a_posterior_that_was_made_without_gradients_has_none():
    model, x = tiny_model()
    with torch.no_grad():
        posterior = model.encode(x)
    assert not posterior.mean.requires_grad
    assert not posterior.sample(Noise(0)).requires_grad
    assert model.encode(x).mean.requires_grad


def test_the_contributions_of_dimensions_add_up_to_the_divergence():
    (q, _), (p, _) = linear(0), linear(1)
    z = q(50).sample(Noise(0))
    parts = q(50).kl_by_dimension(p(50), z)
    assert parts.shape == (50, 5)
    assert float(parts.min()) >= 0
    torch.testing.assert_close(parts.sum(1), q(50).kl(p(50), z))
    standard = DiagonalGaussian(torch.zeros(50, 5), torch.zeros(50, 5))
    equal = q(50).kl_by_dimension(standard, z)
    torch.testing.assert_close(equal, (q(50).kl(standard, z) / 5)[:, None].expand(-1, 5))
