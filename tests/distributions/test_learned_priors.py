"""Learned and fitted priors: densities integrate to 1, samples follow them, whitening inverts."""

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture
from torch.distributions import MultivariateNormal

from latentarium import presets
from latentarium.config import (
    AutoencoderConfig,
    FlowPriorConfig,
    MixturePriorConfig,
    VampPriorConfig,
)
from latentarium.distributions import (
    DiagonalGaussian,
    DiagonalMixture,
    FittedMixturePrior,
    FlowPrior,
    FullMixture,
    LearnedMixture,
    PriorContext,
    build_prior,
)
from latentarium.distributions.mixtures import log_sum_exp
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build, model_shapes
from latentarium.rng import Noise
from support.errors import raises_code
from support.tiny import tiny_data

PRIORS = {
    "mixture": MixturePriorConfig(components=5),
    "vampprior": VampPriorConfig(pseudo_inputs=6),
    "flow": FlowPriorConfig(transforms=2, width=16),
    "coupling": FlowPriorConfig(transforms=2, width=16, coupling=True),
    "flow of a mixture": FlowPriorConfig(transforms=2, width=16, components=3),
    "spline": FlowPriorConfig(transform="spline", transforms=2, width=16),
}


def of(settings, latent_dim=2):
    """A prior with random parameters, in a latent space of two dimensions."""
    w = Noise("w").normal(16, 2 * latent_dim)
    context = PriorContext(
        latent_dim, 0, (1, 4, 4), lambda x: DiagonalGaussian(*(x.flatten(1) @ w).chunk(2, 1))
    )
    torch.manual_seed(0)
    prior = build_prior(settings, context)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return prior.eval()


def full_mixture(n: int, classes: int = 1) -> FullMixture:
    noise = Noise("full")
    means, roots = 2 * noise.normal(3, 2), noise.normal(3, 2, 2)
    factors = torch.linalg.cholesky(roots @ roots.mT + 0.1 * torch.eye(2))
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])[:classes]
    labels = None if classes == 1 else torch.arange(n) % classes
    return FittedMixturePrior(weights, means, factors).forward(labels, n)


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
@torch.no_grad()
def test_densities_integrate_to_1(settings):
    prior, n = of(settings), 400
    axis = torch.linspace(-14, 14, n)
    points = torch.cartesian_prod(axis, axis)
    density = prior(None, len(points)).log_prob(points).exp().double()
    cell = float(axis[1] - axis[0]) ** 2
    assert float(density.sum() * cell) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
@torch.no_grad()
def test_samples_follow_the_density(settings):
    """The share of samples in a half-plane is its integral, and the mean log density agrees."""
    prior = of(settings)
    z = prior(None, 20_000).sample(Noise("sample"))
    axis = torch.linspace(-14, 14, 400)
    points = torch.cartesian_prod(axis, axis)
    log_density = prior(None, len(points)).log_prob(points).double()
    mass = log_density.exp() / log_density.exp().sum()
    for dimension in (0, 1):
        inside = float(mass[points[:, dimension] < 0.5].sum())
        found = int((z[:, dimension] < 0.5).sum())
        low, high = stats.binomtest(found, len(z)).proportion_ci(0.9999)
        assert low - 0.02 <= inside <= high + 0.02
    expected = float((mass * log_density).sum())
    assert float(prior(None, len(z)).log_prob(z).mean()) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
@torch.no_grad()
def test_several_latents_at_once_have_the_same_densities(settings):
    assert_same_densities(of(settings)(None, 4))


def test_several_latents_of_a_full_mixture_have_the_density_of_their_own_sample():
    assert_same_densities(full_mixture(4, classes=2))


def assert_same_densities(distribution):
    z = 2 * Noise(7).normal(4, 5, 2)
    one_by_one = torch.stack([distribution.log_prob(z[:, k]) for k in range(5)], 1)
    torch.testing.assert_close(distribution.log_probs(z), one_by_one)


@pytest.mark.parametrize("log_variance", [-2.0, -12.0, -20.0])
def test_narrow_components_have_exact_densities(log_variance):
    noise = Noise("narrow")
    means = 3 * noise.normal(50, 40)
    components = DiagonalGaussian(means, torch.full((50, 40), log_variance))
    mixture = DiagonalMixture(torch.zeros(50), components, 200)
    z = mixture.sample(noise).requires_grad_()
    exact = torch.stack(
        [
            DiagonalGaussian(mean.double()[None], components.log_variance[:1].double())
            .log_prob(z.double())
            for mean in means
        ], 1
    ).logsumexp(1) - math.log(50)  # fmt: skip
    density = mixture.log_prob(z)
    assert density.dtype == torch.float32
    torch.testing.assert_close(density.double(), exact, rtol=0, atol=2e-3)
    (gradient,) = torch.autograd.grad(density.sum(), z)
    (known,) = torch.autograd.grad(exact.sum(), z)
    torch.testing.assert_close(gradient, known, rtol=1e-3, atol=1e-3 * float(known.abs().max()))


def test_a_mixtures_density_equals_scikit_learns():
    components = DiagonalGaussian(3 * Noise(1).normal(4, 3), Noise(2).normal(4, 3))
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    z = 3 * Noise(3).normal(50, 3) + 100  # far away, where differences of squares cancel
    shifted = DiagonalGaussian(components.mean + 100, components.log_variance)
    known = GaussianMixture(4, covariance_type="diag")
    known.weights_, known.means_ = weights.numpy(), shifted.mean.double().numpy()
    known.covariances_ = shifted.log_variance.double().exp().numpy()
    known.precisions_cholesky_ = known.covariances_**-0.5
    ours = DiagonalMixture(weights.log(), shifted, len(z)).log_prob(z)
    torch.testing.assert_close(
        ours.double(), torch.from_numpy(known.score_samples(z.double().numpy())),
        rtol=1e-4, atol=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sum_of_exponentials_is_torchs_in_value_and_gradient(dtype):
    scores = 1000 * Noise("scores").normal(40, 30).to(dtype)
    scores[0] = -5000 + scores[0] / 1000
    scores[1, 3:] = -torch.inf
    scores[2, :] = -torch.inf
    scores[3, 0] = torch.nan
    torch.testing.assert_close(
        log_sum_exp(scores), scores.logsumexp(1), rtol=0, atol=0, equal_nan=True
    )
    finite = scores[4:].requires_grad_()
    (known,) = torch.autograd.grad(finite.logsumexp(1).sum(), finite)
    (gradient,) = torch.autograd.grad(log_sum_exp(finite).sum(), finite)
    torch.testing.assert_close(gradient, known, rtol=0, atol=1e-24)


def test_a_mixture_with_full_covariances_has_the_density_of_its_components():
    mixture = full_mixture(40)
    z = 2 * Noise(4).normal(40, 2)
    scores = [
        MultivariateNormal(mean, scale_tril=factor).log_prob(z)
        for mean, factor in zip(mixture.components, mixture.factors, strict=True)
    ]
    known = (torch.stack(scores, 1) + mixture.log_weights).logsumexp(1)
    torch.testing.assert_close(mixture.log_prob(z), known, rtol=1e-4, atol=1e-4)


def test_each_class_has_its_own_components_and_a_blend_mixes_them():
    mixture = full_mixture(4000, classes=2)
    z = mixture.sample(Noise(5))
    of_one = MultivariateNormal(mixture.components[2], scale_tril=mixture.factors[2])
    second = z[1::2]
    torch.testing.assert_close(mixture.log_prob(z)[1::2], of_one.log_prob(second))
    torch.testing.assert_close(second.mean(0), of_one.mean, atol=0.2, rtol=0.1)
    prior = FittedMixturePrior(torch.eye(2), torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1, 1))
    blend = prior(torch.tensor([[0.25, 0.75]]).expand(4000, 2), 4000).sample(Noise(6))
    assert float((blend > 0).double().mean()) == pytest.approx(0.75, abs=0.04)


def test_a_component_of_weight_zero_is_never_drawn():
    prior = FittedMixturePrior(
        torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[-9.0], [0.0], [9.0]]), torch.ones(3, 1, 1)
    )
    assert float(prior(None, 20_000).sample(Noise(7)).abs().max()) < 7


def test_a_class_prior_needs_labels():
    prior = FittedMixturePrior(torch.eye(2), torch.zeros(2, 1), torch.ones(2, 1, 1))
    with raises_code("label-missing"):
        prior(None, 3)


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
@torch.no_grad()
def test_whitening_is_inverted_and_gives_unit_variance(settings):
    prior = of(settings)
    z = prior(None, 5000).sample(Noise(8))
    eps = prior(None, 5000).whiten(z)
    torch.testing.assert_close(prior(None, 5000).unwhiten(eps), z, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(eps.std(0), torch.ones(2), rtol=0.1, atol=0)


@torch.no_grad()
def test_whitening_a_full_mixture_uses_its_covariance():
    mixture = full_mixture(20_000)
    z = mixture.sample(Noise(9))
    eps = mixture.whiten(z)
    torch.testing.assert_close(torch.cov(eps.T), torch.eye(2), atol=0.1, rtol=0)
    torch.testing.assert_close(mixture.unwhiten(eps), z, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
@torch.no_grad()
def test_truncation_to_0_gives_the_same_latents_for_every_noise(settings):
    prior = of(settings)
    first, second = (prior(None, 50).sample(Noise(seed), 0.0) for seed in (1, 2))
    near = torch.cdist(first, second).amin(1)
    assert float(near.max()) < 1e-5


def test_the_kl_estimate_agrees_with_a_gaussian_that_is_a_mixture_of_one():
    q = DiagonalGaussian(Noise(1).normal(1, 3), Noise(2).normal(1, 3))
    p = DiagonalGaussian(Noise(3).normal(1, 3), Noise(4).normal(1, 3))
    n = 100_000
    many = DiagonalGaussian(q.mean.expand(n, -1), q.log_variance.expand(n, -1))
    z = many.sample(Noise(5))
    estimate = many.kl(DiagonalMixture(torch.zeros(1), p, n), z)
    error = float(estimate.std()) / math.sqrt(n)
    assert abs(float(estimate.mean()) - float(q.kl(p))) < 5 * error


def model_with(settings) -> Autoencoder:
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    model = build(replace(config, prior=settings), tiny_data().card)
    assert isinstance(model, Autoencoder)
    return model


@pytest.mark.parametrize("settings", PRIORS.values(), ids=PRIORS)
def test_the_prior_is_trained_with_the_model_and_known_before_it_is_built(settings):
    model = model_with(settings)
    shapes = model_shapes(model.config, model.data)
    assert shapes == {name: tuple(t.shape) for name, t in model.state_dict().items()}
    x = torch.rand(8, *model.image_shape) * 2 - 1
    q = model.encode(x)
    z = q.sample(Noise(1))
    q.kl(model.prior(None, 8), z).mean().backward()
    trained = [p for p in model.prior.parameters() if p.grad is not None and p.grad.any()]
    assert trained
    assert model.sample(3, seed=1).shape == (3, *model.image_shape)


@torch.no_grad()
def test_a_fresh_mixture_is_close_to_a_standard_normal():
    torch.manual_seed(0)
    z = LearnedMixture(16, settings=MixturePriorConfig(components=200))(None, 5000).sample(
        Noise(1)
    )
    assert float(z.mean().abs()) < 0.1
    assert float(z.std()) == pytest.approx(2**0.5, abs=0.1)


def test_a_flow_is_fitted_in_standardized_coordinates():
    prior = FlowPrior(2, settings=FlowPriorConfig(transforms=1, width=8))
    z = 100 + 50 * Noise(1).normal(1000, 2)
    prior.standardize(z)
    with torch.no_grad():
        drawn = prior(None, 1000).sample(Noise(2))
    torch.testing.assert_close(drawn.mean(0), z.mean(0), rtol=0.2, atol=0)
