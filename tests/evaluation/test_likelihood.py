"""Likelihood bounds of models whose log p(x) is known: linear Gaussian, or by quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import logistic
from torch import distributions as td
from torch import nn

from latentarium.evaluation.annealed import annealed_nll
from latentarium.evaluation.likelihood import effective_share, elbo, importance_nll
from latentarium.evaluation.likelihood_protocols import likelihood_protocol
from latentarium.rng import Noise
from support.known_vaes import SHAPE, D, LinearVAE, untrained_vae, vae_with_linear_encoder
from support.tiny import tiny_data


@pytest.fixture
def linear():
    return LinearVAE()


# ------------------------------------------------------------------- the linear-Gaussian VAE


def test_a_single_draw_is_exact_at_the_true_posterior(linear):
    x = linear.images()
    result = importance_nll(linear.model, x, samples=1)
    torch.testing.assert_close(result.per_image, linear.exact_nll(x), rtol=1e-9, atol=1e-9)
    many = importance_nll(linear.model, x, samples=120, seed=5)
    torch.testing.assert_close(many.per_image, linear.exact_nll(x), rtol=1e-9, atol=1e-9)
    assert many.effective_share == pytest.approx(1)
    assert many.bounds[1] == pytest.approx(many.bounds[100]) == pytest.approx(many.nll)


def test_the_elbo_equals_log_p_only_at_the_true_posterior(linear):
    x = linear.images()
    exact = -linear.exact_nll(x)
    at = elbo(linear.model, x, samples=4000)
    error = 12 / math.sqrt(4000)  # a generous bound for the mean of 4000 distortions
    assert (at.per_image - exact).abs().max() < error
    assert at.elbo == pytest.approx(float(exact.mean()), abs=0.05)
    for change in ({"shift": 0.7}, {"spread": 2.0}, {"spread": 0.5}, {"stretch": 0.5}):
        linear.set_posterior(**change)
        away = elbo(linear.model, x, samples=400)
        assert away.elbo < float(exact.mean()) - 0.1, change
    # the difference is KL(q || true posterior), here for a shifted mean
    linear.set_posterior(shift=0.7)
    gap = float((0.7**2 / (2 * linear.variance)).sum())
    assert elbo(linear.model, x, samples=4000).elbo == pytest.approx(
        float(exact.mean()) - gap, abs=0.15
    )


def test_rate_and_distortion_sum_to_minus_the_elbo(linear):
    linear.set_posterior(shift=0.5, spread=1.5)
    x = linear.images()
    result = elbo(linear.model, x, samples=50)
    assert result.rate + result.distortion == pytest.approx(-result.elbo, abs=1e-9)
    assert result.rate >= 0
    assert result.rate_interval[0] < result.rate < result.rate_interval[1]
    assert result.distortion_interval[0] < result.distortion < result.distortion_interval[1]
    assert result.elbo_interval[0] < result.elbo < result.elbo_interval[1]
    assert result.bits_per_dimension == pytest.approx(-result.elbo / (D * math.log(2)))
    assert float(result.per_image.mean()) == pytest.approx(result.elbo)
    # the closed rate is the Monte Carlo mean of log q - log p, so k = 1 is the ELBO
    one = importance_nll(linear.model, x, samples=4000)
    assert one.bounds[1] == pytest.approx(-elbo(linear.model, x, samples=4000).elbo, abs=0.1)


def test_the_bound_falls_to_the_exact_nll_with_a_wrong_posterior(linear):
    linear.set_posterior(shift=0.4, spread=1.6)
    x = linear.images()
    exact = float(linear.exact_nll(x).mean())
    result = importance_nll(linear.model, x, samples=5000)
    assert list(result.bounds) == [1, 100, 1000, 5000]
    values = list(result.bounds.values())
    assert values == sorted(values, reverse=True)
    assert values[0] > values[1] + 0.05
    assert values[0] > exact + 0.5
    assert result.nll == values[-1] == pytest.approx(exact, abs=0.02)
    assert 0 < result.lowest_effective_share <= result.effective_share < 1


def test_the_bound_is_above_the_exact_nll_and_falls_with_k_in_expectation(linear):
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


def test_the_nll_is_positive_and_larger_for_unlikely_images(linear):
    x = linear.images()
    typical = importance_nll(linear.model, x, samples=10)
    odd = importance_nll(linear.model, 5 * x, samples=10)
    assert 0 < typical.nll < odd.nll
    assert typical.interval[0] < typical.nll < typical.interval[1]
    assert typical.bits_per_dimension == pytest.approx(typical.nll / (D * math.log(2)))


def test_annealing_agrees_with_the_exact_nll_and_is_not_below_it(linear):
    linear.set_posterior(shift=50.0)  # annealing does not use it
    x = linear.images(12)
    exact = linear.exact_nll(x)
    result = annealed_nll(linear.model, x, temperatures=150, chains=24, leapfrog=6)
    assert result.nll == pytest.approx(float(exact.mean()), abs=0.05)
    assert (result.per_image - exact).abs().max() < 0.3
    assert 0.4 < result.acceptance < 0.95
    assert result.effective_share > 0.5
    rough = annealed_nll(linear.model, x, temperatures=4, chains=24, leapfrog=6)
    assert rough.nll > float(exact.mean()) + 0.1


def test_one_temperature_equals_importance_sampling_from_the_prior(linear):
    """The weights are then p(x | z) with z from the prior, as for q = prior."""
    x = linear.images(6) * 0.3
    result = annealed_nll(linear.model, x, temperatures=1, chains=4000, leapfrog=1)
    linear.model.to_posterior.weight.data.zero_()
    linear.model.to_posterior.bias.data.zero_()
    prior = importance_nll(linear.model, x, samples=4000)
    assert result.nll == pytest.approx(prior.nll, abs=0.2)
    assert result.nll == pytest.approx(float(linear.exact_nll(x).mean()), abs=0.2)


# ------------------------------------------------------------------------ memory and numbers


def test_batch_sizes_do_not_change_results(linear):
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
    done: list[float] = []
    a = annealed_nll(linear.model, x, temperatures=5, chains=3, batch_size=7, progress=done.append)
    assert done == sorted(done)
    assert len(done) > 2 * 5 * 3  # several batches, each with two runs of 5 temperatures
    assert done[-1] == pytest.approx(7)
    b = annealed_nll(linear.model, x, temperatures=5, chains=3)
    torch.testing.assert_close(a.per_image, b.per_image)
    pairs = importance_nll(linear.model, x, samples=230, max_weights=500)  # 2 images at once
    torch.testing.assert_close(pairs.per_image, whole.per_image, rtol=1e-12, atol=1e-12)


def test_no_batch_has_more_latents_than_requested(linear, monkeypatch):
    sizes = []
    distortion = linear.model.distortion
    monkeypatch.setattr(
        linear.model, "distortion", lambda x, z, y: sizes.append(len(z)) or distortion(x, z, y)
    )
    importance_nll(linear.model, linear.images(30), samples=500, batch_size=1000)
    assert max(sizes) == 1000
    assert sum(sizes) == 30 * 500


def test_draws_depend_on_the_seed_and_the_index_of_the_image(linear):
    linear.set_posterior(spread=1.5)
    x = linear.images(3)[[0, 0, 1]]
    first, again, other = (
        importance_nll(linear.model, x, samples=20, seed=seed).per_image for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[0] != first[1]  # the same image at two indices


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_very_unlikely_images_have_a_finite_nll(precision):
    far = LinearVAE(std=0.003)
    far.set_posterior(shift=0.05)
    x = far.images() + 1
    exact = far.exact_nll(x)
    assert float(exact.min()) > 1e5
    model = far.model.to(precision)
    result = importance_nll(model, x, samples=300)
    assert bool(result.per_image.isfinite().all())
    assert 0 < result.effective_share <= 1
    assert float(result.per_image.mean()) == pytest.approx(float(exact.mean()), rel=2e-3)


def test_the_effective_share_is_the_share_of_draws_with_weight():
    even = torch.full((2, 8), -1e5, dtype=torch.float64)
    assert effective_share(even).tolist() == pytest.approx([1, 1])
    even[:, 2:] = -torch.inf
    assert effective_share(even).tolist() == pytest.approx([0.25, 0.25])


# ------------------------------------------------------------------- Bernoulli by quadrature


class Curve(nn.Module):
    """A nonlinear decoder of one latent."""

    def forward(self, z):
        return (3 * torch.tanh(z * torch.arange(-5.5, 6.5) / 3) + 0.5).reshape(-1, *SHAPE)


@pytest.fixture
def curved():
    model = vae_with_linear_encoder(latent_dim=1)
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


# ----------------------------------------------------------- compared with torch.distributions


def naive_nll(model, x, y, samples, seed):
    """Compute the NLL for one image and one draw at a time."""
    nlls = []
    for i in range(len(x)):
        image, label = x[i : i + 1], None if not model.takes_label else y[i : i + 1]
        with torch.no_grad():
            posterior, prior = model.encode(image, label), model.prior(label, 1)
            q = td.Normal(posterior.mean[0], posterior.log_variance[0].exp().sqrt())
            p = td.Normal(prior.mean[0], prior.log_variance[0].exp().sqrt())
            eps = torch.cat(
                [Noise("importance", seed, i, b).normal(50, len(q.mean)) for b in range(2)]
            )
            total = 0.0
            for e in eps[:samples]:
                z = q.mean + q.stddev * e
                mean = (model.decode(z[None], label) + 1) / 2
                if model.config.likelihood == "bernoulli":
                    on = td.Bernoulli(mean.clamp(1e-7, 1 - 1e-7)).log_prob((image + 1) / 2).sum()
                else:
                    std = model.config.likelihood_std
                    on = td.Normal(2 * mean - 1, std).log_prob(image).sum()
                total += (on + p.log_prob(z).sum() - q.log_prob(z).sum()).double().exp()
        nlls.append(-math.log(float(total) / samples))
    return torch.tensor(nlls, dtype=torch.float64)


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("vae_debug", {}),
        ("vae_debug", {"likelihood": "gaussian", "likelihood_std": 0.8}),
        ("vae_debug", {"conditional": True}),
        ("vae_class_debug", {}),
    ],
)
def test_the_nll_equals_that_of_a_plain_loop(preset, changes):
    model = untrained_vae(preset, **changes)
    test = tiny_data().test
    x = 2 * (test.images[:4] > 100).float() - 1
    labels = test.labels
    assert labels is not None
    result = importance_nll(model, x, labels[:4], samples=70, seed=3)
    expected = naive_nll(model, x, labels[:4], 70, 3)
    torch.testing.assert_close(result.per_image, expected, rtol=1e-5, atol=1e-3)


def test_bits_per_dimension_of_a_decoder_that_ignores_its_latent():
    """With q(z | x) = p(z), every bound equals -log p(x), here that of one logistic per value."""
    model = untrained_vae("vae_debug", likelihood="discretized_logistic")
    location, scale = 0.2, 0.4
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        bias = model.decoder.convolutions[-1].bias  # type: ignore[attr-defined]
        bias.copy_(torch.tensor([location, math.log(scale)]))
    pixels = tiny_data().test.images
    edges = (np.arange(257) - 0.5) / 127.5 - 1
    edges[[0, -1]] = -np.inf, np.inf
    p = np.diff(logistic.cdf(edges, location, scale))
    expected = -np.log2(p)[pixels.numpy()].mean()
    assert likelihood_protocol(model, pixels) == "8-bit"
    bits = [
        elbo(model, pixels).bits_per_dimension,
        importance_nll(model, pixels, samples=3).bits_per_dimension,
        annealed_nll(model, pixels, temperatures=2, chains=2, leapfrog=1).nll
        / (pixels[0].numel() * math.log(2)),
    ]
    assert bits == pytest.approx([expected] * 3, rel=1e-4)


def test_mode_and_gradients_of_the_model_are_restored():
    model = untrained_vae("vae_debug").train()
    x = tiny_data().test.images
    importance_nll(model, x, samples=2)
    annealed_nll(model, x[:2], temperatures=2, chains=2, leapfrog=2)
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_uint8_and_float_images_have_the_same_nll():
    model, x = untrained_vae("vae_debug"), tiny_data().test.images
    from_uint8 = importance_nll(model, x, samples=5)
    from_floats = importance_nll(model, x.float() / 127.5 - 1, samples=5)
    assert torch.equal(from_uint8.per_image, from_floats.per_image)


def test_progress_counts_images(linear):
    counts = []
    importance_nll(
        linear.model, linear.images(5), samples=50, batch_size=100, progress=counts.append
    )
    assert counts == [2, 4, 5]
