"""Theorems on models whose log p(x) is known: linear-Gaussian, and one latent by quadrature."""

import math
from itertools import pairwise

import pytest
import torch
from torch import distributions as td
from torch import nn

from conftest import tiny_data
from latentarium.evaluation import joint_density as joint
from latentarium.evaluation.annealed import annealed_nll
from latentarium.evaluation.likelihood import effective_share, elbo, importance_nll
from latentarium.rng import Noise
from support.known_vaes import SHAPE, D, Linear, bare, small


@pytest.fixture
def linear():
    return Linear()


# ------------------------------------------------------------------- the linear-Gaussian VAE


def test_at_the_true_posterior_one_draw_is_exact(linear):
    x = linear.images()
    found = importance_nll(linear.model, x, samples=1)
    torch.testing.assert_close(found.per_image, linear.exact_nll(x), rtol=1e-9, atol=1e-9)
    many = importance_nll(linear.model, x, samples=120, seed=5)
    torch.testing.assert_close(many.per_image, linear.exact_nll(x), rtol=1e-9, atol=1e-9)
    assert many.effective_share == pytest.approx(1)
    assert many.bounds[1] == pytest.approx(many.bounds[100]) == pytest.approx(many.nll)


def test_the_elbo_touches_log_p_at_the_true_posterior_and_nowhere_else(linear):
    x = linear.images()
    exact = -linear.exact_nll(x)
    at = elbo(linear.model, x, samples=4000)
    error = 12 / math.sqrt(4000)  # of a distortion's mean, generously
    assert (at.per_image - exact).abs().max() < error
    assert at.elbo == pytest.approx(float(exact.mean()), abs=0.05)
    for change in ({"shift": 0.7}, {"spread": 2.0}, {"spread": 0.5}, {"stretch": 0.5}):
        linear.set_posterior(**change)
        away = elbo(linear.model, x, samples=400)
        assert away.elbo < float(exact.mean()) - 0.1, change
    # and by how much is KL(q || true posterior), here of a shifted mean
    linear.set_posterior(shift=0.7)
    gap = float((0.7**2 / (2 * linear.variance)).sum())
    assert elbo(linear.model, x, samples=4000).elbo == pytest.approx(
        float(exact.mean()) - gap, abs=0.15
    )


def test_rate_and_distortion_make_the_elbo(linear):
    linear.set_posterior(shift=0.5, spread=1.5)
    x = linear.images()
    found = elbo(linear.model, x, samples=50)
    assert found.rate + found.distortion == pytest.approx(-found.elbo, abs=1e-9)
    assert found.rate >= 0
    assert found.rate_interval[0] < found.rate < found.rate_interval[1]
    assert found.distortion_interval[0] < found.distortion < found.distortion_interval[1]
    assert found.elbo_interval[0] < found.elbo < found.elbo_interval[1]
    assert found.bits_per_dimension == pytest.approx(-found.elbo / (D * math.log(2)))
    assert float(found.per_image.mean()) == pytest.approx(found.elbo)
    # the closed rate is the Monte Carlo mean of log q - log p, so k = 1 is the ELBO
    one = importance_nll(linear.model, x, samples=4000)
    assert one.bounds[1] == pytest.approx(-elbo(linear.model, x, samples=4000).elbo, abs=0.1)


def test_with_a_wrong_posterior_the_bound_falls_to_the_truth(linear):
    linear.set_posterior(shift=0.4, spread=1.6)
    x = linear.images()
    exact = float(linear.exact_nll(x).mean())
    found = importance_nll(linear.model, x, samples=5000)
    assert list(found.bounds) == [1, 100, 1000, 5000]
    values = list(found.bounds.values())
    assert values == sorted(values, reverse=True)
    assert values[0] > values[1] + 0.05
    assert values[0] > exact + 0.5
    assert found.nll == values[-1] == pytest.approx(exact, abs=0.02)
    assert 0 < found.lowest_effective_share <= found.effective_share < 1


def test_in_expectation_the_bound_lies_above_and_falls_with_k(linear):
    linear.set_posterior(shift=0.3, spread=0.6)
    x = linear.images(200)
    exact = linear.exact_nll(x)
    means = []
    for k in (1, 5, 25, 125):
        gaps = importance_nll(linear.model, x, samples=k).per_image - exact
        means.append((float(gaps.mean()), float(gaps.std()) / 200**0.5))
    for (loose, loose_error), (tight, tight_error) in pairwise(means):
        assert loose - tight > -2 * math.hypot(loose_error, tight_error)
    assert all(mean > -3 * error for mean, error in means)
    assert means[0][0] > means[-1][0] + 5 * means[0][1]


def test_the_nll_is_positive_and_grows_as_images_grow_unlikely(linear):
    x = linear.images()
    usual = importance_nll(linear.model, x, samples=10)
    odd = importance_nll(linear.model, 5 * x, samples=10)
    assert 0 < usual.nll < odd.nll
    assert usual.interval[0] < usual.nll < usual.interval[1]
    assert usual.bits_per_dimension == pytest.approx(usual.nll / (D * math.log(2)))


def test_annealing_agrees_with_the_exact_value_and_lies_not_below(linear):
    linear.set_posterior(shift=50.0)  # annealing has no use of it
    x = linear.images(12)
    exact = linear.exact_nll(x)
    found = annealed_nll(linear.model, x, temperatures=150, chains=24, leapfrog=6)
    assert found.nll == pytest.approx(float(exact.mean()), abs=0.05)
    assert (found.per_image - exact).abs().max() < 0.3
    assert 0.4 < found.acceptance < 0.95
    assert found.effective_share > 0.5
    rough = annealed_nll(linear.model, x, temperatures=4, chains=24, leapfrog=6)
    assert rough.nll > float(exact.mean()) + 0.1


def test_one_temperature_is_sampling_from_the_prior(linear):
    """Then w = p(x | z) with z from the prior: the same mean as q = prior gives."""
    x = linear.images(6) * 0.3
    found = annealed_nll(linear.model, x, temperatures=1, chains=4000, leapfrog=1)
    linear.model.to_posterior.weight.data.zero_()
    linear.model.to_posterior.bias.data.zero_()
    prior = importance_nll(linear.model, x, samples=4000)
    assert found.nll == pytest.approx(prior.nll, abs=0.2)
    assert found.nll == pytest.approx(float(linear.exact_nll(x).mean()), abs=0.2)


# ------------------------------------------------------------------------ memory and numbers


def test_blocks_are_memory_and_not_meaning(linear, monkeypatch):
    linear.set_posterior(shift=0.3, spread=1.5)
    x = linear.images(7)
    whole = importance_nll(linear.model, x, samples=230, batch_size=10**6)
    for batch_size in (1, 60, 333):
        parts = importance_nll(linear.model, x, samples=230, batch_size=batch_size)
        torch.testing.assert_close(parts.per_image, whole.per_image, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(
            elbo(linear.model, x, samples=60, batch_size=batch_size).per_image,
            elbo(linear.model, x, samples=60, batch_size=10**6).per_image,
        )
    a = annealed_nll(linear.model, x, temperatures=5, chains=3, batch_size=7)
    b = annealed_nll(linear.model, x, temperatures=5, chains=3)
    torch.testing.assert_close(a.per_image, b.per_image)
    monkeypatch.setattr(joint, "BLOCK", 500)  # two images' weights at once
    again = importance_nll(linear.model, x, samples=230)
    torch.testing.assert_close(again.per_image, whole.per_image, rtol=1e-12, atol=1e-12)


def test_never_more_latents_at_once_than_asked_for(linear, monkeypatch):
    seen = []
    distortion = linear.model.distortion
    monkeypatch.setattr(
        linear.model, "distortion", lambda x, z, y: seen.append(len(z)) or distortion(x, z, y)
    )
    importance_nll(linear.model, linear.images(30), samples=500, batch_size=1000)
    assert max(seen) == 1000
    assert sum(seen) == 30 * 500


def test_the_seed_and_the_place_decide_the_draws(linear):
    linear.set_posterior(spread=1.5)
    x = linear.images(3)[[0, 0, 1]]
    first, again, other = (
        importance_nll(linear.model, x, samples=20, seed=seed).per_image for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[0] != first[1]  # the same image, but draws of its own


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_very_unlikely_images_have_a_finite_nll(precision):
    far = Linear(std=0.003)
    far.set_posterior(shift=0.05)
    x = far.images() + 1
    exact = far.exact_nll(x)
    assert float(exact.min()) > 1e5
    model = far.model.to(precision)
    found = importance_nll(model, x, samples=300)
    assert bool(found.per_image.isfinite().all())
    assert 0 < found.effective_share <= 1
    assert float(found.per_image.mean()) == pytest.approx(float(exact.mean()), rel=2e-3)


def test_effective_share_is_one_over_the_draws_that_count():
    even = torch.full((2, 8), -1e5, dtype=torch.float64)
    assert effective_share(even).tolist() == pytest.approx([1, 1])
    even[:, 2:] = -torch.inf
    assert effective_share(even).tolist() == pytest.approx([0.25, 0.25])


# ------------------------------------------------------------------- Bernoulli by quadrature


class Curve(nn.Module):
    """A decoder of one latent that is not linear."""

    def forward(self, z):
        return (3 * torch.tanh(z * torch.arange(-5.5, 6.5) / 3) + 0.5).reshape(-1, *SHAPE)


@pytest.fixture
def curved():
    model = bare(latent_dim=1)
    model.register_module("decoder", Curve())
    model.to_posterior.weight.data.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    model.to_posterior.bias.data = torch.tensor([0.1, -0.5])
    x = 2 * torch.randint(2, (10, D), generator=torch.Generator().manual_seed(4)).float() - 1
    grid = torch.linspace(-9, 9, 9001, dtype=torch.float64)
    logits = (3 * torch.tanh(grid[:, None] * torch.arange(-5.5, 6.5) / 3) + 0.5).double()
    likelihoods = [
        td.Bernoulli(logits=logits).log_prob((row.double() + 1) / 2).sum(1) for row in x
    ]
    log_joint = torch.stack(likelihoods) + td.Normal(0.0, 1.0).log_prob(grid)
    exact = -torch.trapezoid(log_joint.exp(), grid, dim=1).log()
    return model, x.reshape(10, *SHAPE), exact


def test_a_bernoulli_nll_is_the_integral_over_z(curved):
    model, x, exact = curved
    sampled = importance_nll(model, x, samples=5000)
    torch.testing.assert_close(sampled.per_image, exact, atol=0.06, rtol=0)
    assert sampled.nll == pytest.approx(float(exact.mean()), abs=0.02)
    annealed = annealed_nll(model, x, temperatures=300, chains=80, leapfrog=5)
    torch.testing.assert_close(annealed.per_image, exact, atol=0.12, rtol=0)
    assert annealed.nll == pytest.approx(float(exact.mean()), abs=0.02)
    assert elbo(model, x, samples=500).elbo < -float(exact.mean())


# --------------------------------------------------------- against a loop of torch's own


def naive_nll(model, x, y, samples, seed):
    """One image and one draw at a time."""
    found = []
    for i in range(len(x)):
        image, label = x[i : i + 1], None if not model.takes_label else y[i : i + 1]
        shown = label if model.decodes_label else None
        with torch.no_grad():
            posterior, prior = model.encode(image, shown), model.prior(label, 1)
            q = td.Normal(posterior.mean[0], posterior.log_variance[0].exp().sqrt())
            p = td.Normal(prior.mean[0], prior.log_variance[0].exp().sqrt())
            eps = torch.cat(
                [Noise("importance", seed, i, b).normal(50, len(q.mean)) for b in range(2)]
            )
            total = 0.0
            for e in eps[:samples]:
                z = q.mean + q.stddev * e
                mean = (model.decode(z[None], shown) + 1) / 2
                if model.config.likelihood == "bernoulli":
                    on = td.Bernoulli(mean.clamp(1e-7, 1 - 1e-7)).log_prob((image + 1) / 2).sum()
                else:
                    std = model.config.likelihood_std
                    on = td.Normal(2 * mean - 1, std).log_prob(image).sum()
                total += (on + p.log_prob(z).sum() - q.log_prob(z).sum()).double().exp()
        found.append(-math.log(float(total) / samples))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("vae_debug", {}),
        ("vae_debug", {"likelihood": "gaussian", "likelihood_std": 0.8}),
        ("vae_debug", {"conditional": True}),
        ("vae_class_debug", {}),
    ],
)
def test_the_nll_is_that_of_a_plain_loop(preset, changes):
    model = small(preset, **changes)
    test = tiny_data().test
    x = 2 * (test.images[:4] > 100).float() - 1
    labels = test.labels
    assert labels is not None
    found = importance_nll(model, x, labels[:4], samples=70, seed=3)
    expected = naive_nll(model, x, labels[:4], 70, 3)
    torch.testing.assert_close(found.per_image, expected, rtol=1e-5, atol=1e-3)


def test_nothing_is_left_behind_in_the_model():
    model = small("vae_debug").train()
    x = tiny_data().test.images
    importance_nll(model, x, samples=2)
    annealed_nll(model, x[:2], temperatures=2, chains=2, leapfrog=2)
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_stored_pixels_are_what_models_see():
    model, x = small("vae_debug"), tiny_data().test.images
    stored = importance_nll(model, x, samples=5)
    seen = importance_nll(model, x.float() / 127.5 - 1, samples=5)
    assert torch.equal(stored.per_image, seen.per_image)


def test_progress_counts_images(linear):
    told = []
    importance_nll(
        linear.model, linear.images(5), samples=50, batch_size=100, progress=told.append
    )
    assert told == [2, 4, 5]
