"""The objectives of VAEs equal their documented formulas, and the warm-up weights the rate."""

from dataclasses import replace

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.config import AutoencoderConfig, FreeBitsConfig, ImportanceWeightedConfig
from latentarium.distributions import DiagonalGaussian
from latentarium.rng import Noise
from support.errors import raises_code
from support.small_models import autoencoder, one_batch
from support.tiny import tiny_data


def weighted(samples: int) -> ImportanceWeightedConfig:
    return ImportanceWeightedConfig(samples=samples)


def test_importance_weighted_loss_is_the_log_of_the_mean_weight():
    model, batch = autoencoder("vae_debug", objective=weighted(4)), one_batch()
    posterior = model.encode(batch.x)
    prior = model.prior(None, len(batch.x))
    size = posterior.mean.shape[1]
    weights = []
    for eps in Noise(0).normal(len(batch.x), 4, size).unbind(1):
        z = posterior.unwhiten(eps)
        log_ratio = prior.log_prob(z) - posterior.log_prob(z)
        weights.append((log_ratio - model.distortion(batch.x, z)).double())
    bound = torch.stack(weights).logsumexp(0) - torch.tensor(4.0).double().log()
    loss = model.loss(batch, Noise(0))
    torch.testing.assert_close(loss.total.double(), -bound.mean(), rtol=1e-5, atol=1e-4)


def test_importance_weighted_bound_rises_with_the_number_of_latents():
    batch, losses = one_batch(), []
    for samples in (1, 2, 8, 32):
        model = autoencoder("vae_debug", objective=weighted(samples))
        draws = [float(model.loss(batch, Noise(k)).total.detach()) for k in range(64 // samples)]
        losses.append(sum(draws) / len(draws))
    assert losses == sorted(losses, reverse=True)


def test_a_rate_below_the_free_nats_of_a_dimension_costs_nothing():
    batch, noise = one_batch(), Noise(0)
    model = autoencoder("vae_debug", beta=1.0)
    posterior = model.encode(batch.x)
    prior = model.prior(None, len(batch.x))
    assert isinstance(posterior, DiagonalGaussian)
    assert isinstance(prior, DiagonalGaussian)
    q, p = (torch.distributions.Normal(d.mean, d.std) for d in (posterior, prior))
    rates = torch.distributions.kl_divergence(q, p).mean(0).detach()
    nats = float(rates.sort().values[:2].mean())  # between the smallest rate and the next one
    free = autoencoder("vae_debug", beta=1.0, objective=FreeBitsConfig(nats=nats))
    free.load_state_dict(model.state_dict())
    found, plain = free.loss(batch, noise), model.loss(batch, Noise(0))
    assert found.terms.keys() == plain.terms.keys()
    torch.testing.assert_close(found.terms, plain.terms)
    torch.testing.assert_close(found.total - plain.total, nats - rates.min())


@pytest.mark.parametrize(
    ("step", "weight"), [(0, 0.0), (5, 1.0), (10, 2.0), (99, 2.0), (None, 2.0)]
)
@pytest.mark.parametrize("objective", ["elbo", "importance_weighted", "free_bits"])
def test_weight_of_the_rate_rises_to_beta(step, weight, objective):
    batch = replace(one_batch(), step=step)
    warm = autoencoder("vae_debug", beta=2.0, kl_warmup_steps=10, objective=objective)
    plain = autoencoder("vae_debug", beta=weight, objective=objective)
    plain.load_state_dict(warm.state_dict())
    found, expected = (model.loss(batch, Noise(0)).total for model in (warm, plain))
    torch.testing.assert_close(found, expected)


def test_training_steps_have_their_number(tmp_path):
    data, config = tiny_data(), presets.vae_debug()
    assert isinstance(config.model, AutoencoderConfig)
    first = []
    for warmup in (0, 10**9):
        model = replace(config.model, kl_warmup_steps=warmup)
        train = replace(config.train, steps=30)
        run = la.train(replace(config, model=model, train=train), tmp_path / str(warmup), data)
        row = run.log()[-1]
        first.append(row["autoencoder"]["rate"] if "autoencoder" in row else row)
    assert first[1] > first[0]  # a rate that costs nothing grows


@pytest.mark.parametrize(
    "changes",
    [{"objective": "importance_weighted"}, {"objective": "free_bits"}, {"kl_warmup_steps": 5}],
)
def test_a_point_has_no_rate_to_weight(changes):
    with raises_code("invalid-setting"):
        replace(presets.ae_debug().model, **changes)
