"""Annealing from priors that are not Gaussian, against exact NLLs and samples of the prior."""

import math

import pytest
import torch
from torch import distributions as td

from latentarium.config import (
    DataCard,
    FlowPriorConfig,
    HierarchicalConfig,
    MixturePriorConfig,
    NetConfig,
    VampPriorConfig,
)
from latentarium.distributions import DiagonalMixture
from latentarium.evaluation.annealed import annealed_nll
from latentarium.models.build import build
from latentarium.rng import Noise
from latentarium.unchecked import unchecked_inputs
from support.known_vaes import SHAPE, D, LinearVAE, vae_with_linear_encoder

STD = 0.5
PRIORS = {
    "mixture": MixturePriorConfig(components=3),
    "vampprior": VampPriorConfig(pseudo_inputs=4),
    "flow": FlowPriorConfig(transforms=2, width=8),
}


def linear_vae(prior):
    """Build the linear VAE with another prior, whose parameters are random."""
    torch.manual_seed(4)
    known = LinearVAE(std=STD)
    model = vae_with_linear_encoder(likelihood="gaussian", likelihood_std=STD, prior=prior)
    model = model.double()
    model.register_module("decoder", known.model.decoder)
    model.to_posterior.load_state_dict(known.model.to_posterior.state_dict())
    return known, model


def test_annealing_from_a_mixture_gives_the_exact_nll():
    known, model = linear_vae(PRIORS["mixture"])
    prior = model.prior(None, 1)
    assert isinstance(prior, DiagonalMixture)
    means = prior.components.mean @ known.weight.T + known.bias
    noise = STD**2 * torch.eye(D).double()
    covariances = [known.weight @ torch.diag(v.exp()) @ known.weight.T + noise
                   for v in prior.components.log_variance]  # fmt: skip
    x = known.images(12)
    exact = (
        -td.MixtureSameFamily(
            td.Categorical(logits=prior.log_weights),
            td.MultivariateNormal(means, torch.stack(covariances)),
        )
        .log_prob(x.flatten(1))
        .detach()
    )
    result = annealed_nll(model, x, temperatures=100, chains=24, leapfrog=5)
    assert result.nll == pytest.approx(float(exact.mean()), abs=0.05)
    assert (result.per_image - exact).abs().max() < 0.7
    assert 0.4 < result.acceptance < 0.95
    standard = known.exact_nll(x)
    assert (standard - exact).abs().max() > 0.5  # the prior matters


@torch.no_grad()
def sampled_nll(model, x, n=100_000):
    """Return -log p(x) of each image from n samples of the prior."""
    z = model.prior(None, n).sample(Noise("prior"))
    with unchecked_inputs():  # a Gaussian decoder draws pixels outside [-1, 1]
        log_likelihood = [-model.distortion(image.expand(n, *SHAPE), z).double() for image in x]
    return math.log(n) - torch.stack(log_likelihood).logsumexp(1)


@pytest.mark.parametrize("name", ["vampprior", "flow"])
def test_annealing_agrees_with_many_samples_of_the_prior(name):
    known, model = linear_vae(PRIORS[name])
    x = known.images(6)
    annealed = annealed_nll(model, x, temperatures=60, chains=24, leapfrog=5)
    torch.testing.assert_close(annealed.per_image, sampled_nll(model, x), atol=0.4, rtol=0)
    assert annealed.nll == pytest.approx(float(sampled_nll(model, x).mean()), abs=0.15)
    assert annealed.effective_share > 0.3


@pytest.mark.parametrize("prior", ["standard_normal", PRIORS["vampprior"]])
def test_annealing_of_two_levels_agrees_with_many_samples_of_the_prior(prior):
    torch.manual_seed(1)
    net = NetConfig(kind="mlp", width=8, depth=1)
    config = HierarchicalConfig(
        latent_dim=4, upper_dim=2, prior=prior, binarize=True, encoder=net, decoder=net
    )
    model = build(config, DataCard(source="none", fingerprint="", image_shape=SHAPE)).double()
    with torch.no_grad():  # weights so large that both levels matter
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and not name.startswith("encoder"):
                weight.mul_(2)
    pixels = torch.randint(2, (3, *SHAPE), generator=torch.Generator().manual_seed(2))
    x = 2 * pixels.double() - 1
    annealed = annealed_nll(model, x, temperatures=100, chains=24, leapfrog=5)
    assert annealed.nll == pytest.approx(float(sampled_nll(model, x).mean()), abs=0.2)
    assert annealed.acceptance > 0.4
