import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from latentarium.latent.gaussians import ClassGaussians, mixture, single_gaussian
from latentarium.latent.planes import Plane
from support.errors import raises_code

MEANS = torch.tensor([[0.0, 0.0, 1.0], [3.0, -1.0, 0.0]], dtype=torch.float64)
FACTORS = torch.tensor(
    [
        [[1.0, 0, 0], [0.5, 0.7, 0], [0, -0.2, 0.4]],
        [[0.3, 0, 0], [0, 1.2, 0], [0.1, 0.1, 0.8]],
    ],
    dtype=torch.float64,
)
COVARIANCES = FACTORS @ FACTORS.mT


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n, seed=0):
    """Draw n latents of each of the two classes, interleaved."""
    eps = torch.randn(n, 2, 3, generator=generator(seed), dtype=torch.float64)
    z = MEANS + (FACTORS @ eps[..., None])[..., 0]
    return z.flatten(0, 1), torch.arange(2).repeat(n)


def test_class_gaussians_recover_the_true_parameters_within_sampling_error():
    n = 20_000
    found = ClassGaussians.fit(*drawn(n), 2, shrinkage=0.0)
    sigma = COVARIANCES.diagonal(dim1=1, dim2=2)
    assert bool(((found.means - MEANS).abs() < 5 * (sigma / n).sqrt()).all())
    # Var S_ij = (S_ij^2 + S_ii S_jj) / n
    variance = (COVARIANCES**2 + sigma[:, :, None] * sigma[:, None, :]) / n
    assert bool(((found.covariances - COVARIANCES).abs() < 5 * variance.sqrt()).all())


def test_fit_maximizes_the_likelihood():
    z, _ = drawn(100)
    best = single_gaussian(z)
    top = float(best.log_prob(z).sum())
    for other in (
        MultivariateNormal(best.mean + 0.01, best.covariance),
        MultivariateNormal(best.mean, best.covariance * 1.02),
        MultivariateNormal(best.mean, best.covariance * 200 / 199),  # n - 1 is not the maximum
    ):
        assert float(other.log_prob(z).sum()) < top


def test_log_prob_equals_that_of_torch():
    z, labels = drawn(200)
    found = ClassGaussians.fit(z, labels, 2)
    expected = [
        MultivariateNormal(m, s).log_prob(z)
        for m, s in zip(found.means, found.covariances, strict=True)
    ]
    torch.testing.assert_close(found.log_prob(z), torch.stack(expected, 1))


def test_shrinkage_keeps_the_trace_and_moves_towards_the_identity():
    z, _ = drawn(50)
    plain, half, all_ = (single_gaussian(z, s) for s in (0.0, 0.5, 1.0))
    for found in (half, all_):
        torch.testing.assert_close(found.covariance.trace(), plain.covariance.trace())
    ball = plain.covariance.trace() / 3 * torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(all_.covariance, ball)
    torch.testing.assert_close(half.covariance, (plain.covariance + ball) / 2)


def test_samples_have_the_moments_of_their_class():
    found = ClassGaussians.fit(*drawn(500), 2)
    labels = torch.tensor([1, 0, 0]).repeat(20_000)
    z = found.sample(labels, generator(1))
    assert z.dtype == torch.float32
    for c in range(2):
        again = single_gaussian(z[labels == c])
        torch.testing.assert_close(again.mean, found.means[c], atol=0.04, rtol=0)
        torch.testing.assert_close(again.covariance, found.covariances[c], atol=0.05, rtol=0)
    assert torch.equal(z, found.sample(labels, generator(1)))
    assert not torch.equal(z, found.sample(labels, generator(2)))


def test_invalid_fits_and_labels_are_refused():
    z, labels = drawn(50)
    with raises_code("too-few-latents"):
        ClassGaussians.fit(z, labels, 3)
    with raises_code("unknown-class"):
        ClassGaussians.fit(z, labels, 2).sample(torch.tensor([0, 2]), generator())
    with raises_code("singular-covariance"):
        single_gaussian(z[:3])
    assert single_gaussian(z[:3], 0.01).log_prob(z).isfinite().all()
    with raises_code("invalid-shrinkage"):
        single_gaussian(z, 1.5)


# ------------------------------------------------------------------------------------- ellipses


def plane_at(angle=0.0, origin=(0.0, 0.0, 0.0)):
    c, s = math.cos(angle), math.sin(angle)
    axes = torch.tensor([[c, s, 0], [-s, c, 0]], dtype=torch.float64)
    return Plane(origin=torch.tensor(origin).double(), axes=axes, variance_share=1.0)


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.2, 1.5])
def test_ellipse_of_a_rotated_gaussian_is_rotated(turn):
    z, _ = drawn(30)
    fitted = single_gaussian(z)
    spread = torch.diag(torch.tensor([4.0, 1.0, 9.0], dtype=torch.float64))
    u = torch.eye(3, dtype=torch.float64)
    u[:2, :2] = torch.tensor(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64
    )
    turned = type(fitted)(mean=fitted.mean, covariance=u @ spread @ u.T, n=30)
    found = turned.ellipse(plane_at(origin=(1.0, 0.0, 0.0)), sigmas=3.0)
    assert (found.major, found.minor) == pytest.approx((6, 3))
    assert math.sin(found.angle - turn) == pytest.approx(0, abs=1e-9)  # up to half a turn
    assert -math.pi / 2 < found.angle <= math.pi / 2
    assert found.centre == pytest.approx((float(fitted.mean[0]) - 1, float(fitted.mean[1])))


def test_ellipse_contains_its_nominal_share():
    fitted = ClassGaussians.fit(*drawn(2000), 2)
    plane = plane_at(0.3)
    for c, ellipse in enumerate(fitted.ellipses(plane, 1.5)):
        z = fitted.sample(torch.full((20_000,), c), generator(3))
        offset = plane.project(z) - torch.tensor(ellipse.centre).double()
        cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
        along = (cos * offset[:, 0] + sin * offset[:, 1]) / ellipse.major
        across = (-sin * offset[:, 0] + cos * offset[:, 1]) / ellipse.minor
        inside = float((along**2 + across**2 <= 1).double().mean())
        assert inside == pytest.approx(1 - math.exp(-(1.5**2) / 2), abs=0.015)


def test_samples_of_an_ellipse_follow_the_projected_gaussian():
    fitted = ClassGaussians.fit(*drawn(500), 2).gaussians[1]
    plane = plane_at(0.7)
    for sigmas in (1.0, 2.0):
        points = fitted.ellipse(plane, sigmas).sample(40_000, generator(4))
        shadow = plane.axes @ fitted.covariance @ plane.axes.T
        torch.testing.assert_close(
            points.mean(0), plane.project(fitted.mean[None])[0], atol=0.03, rtol=0
        )
        torch.testing.assert_close(points.T.cov(), shadow, atol=0.04, rtol=0)


def test_truncation_scales_the_deviation_from_the_mean():
    fitted = single_gaussian(drawn(200)[0])
    ellipse = fitted.ellipse(plane_at(0.2))
    for source, centre in (
        (fitted, fitted.mean),
        (ellipse, torch.tensor(ellipse.centre).double()),
    ):
        plain, wide, still = (source.sample(50, generator(5), t).double() for t in (1.0, 1.5, 0.0))
        torch.testing.assert_close(wide - centre, 1.5 * (plain - centre), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(still, centre.expand_as(still), atol=1e-6, rtol=0)


# -------------------------------------------------------------------------------------- mixture


def test_mixture_recovers_the_classes_without_labels():
    z, labels = drawn(3000)
    z = torch.cat([z, z[labels == 1] + 0])  # weights 1/3 and 2/3
    found = mixture(z, 2, seed=0)
    order = torch.stack([g.mean for g in found.gaussians])[:, 0].argsort()
    assert found.converged
    torch.testing.assert_close(
        found.weights[order], torch.tensor([1 / 3, 2 / 3]).double(), atol=0.02, rtol=0
    )
    for c, j in enumerate(order.tolist()):
        torch.testing.assert_close(found.gaussians[j].mean, MEANS[c], atol=0.1, rtol=0)
        torch.testing.assert_close(found.gaussians[j].covariance, COVARIANCES[c], atol=0.1, rtol=0)


def test_mixture_density_equals_that_of_torch_and_samples_have_its_moments():
    z, _ = drawn(1000)
    found = mixture(z, 2, seed=0)
    means = torch.stack([g.mean for g in found.gaussians])
    covariances = torch.stack([g.covariance for g in found.gaussians])
    same = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(found.weights), MultivariateNormal(means, covariances)
    )
    torch.testing.assert_close(found.log_prob(z), same.log_prob(z))
    drawn_z = found.sample(40_000, generator(2)).double()
    torch.testing.assert_close(drawn_z.mean(0), same.mean, atol=0.04, rtol=0)
    torch.testing.assert_close(drawn_z.var(0), same.variance, atol=0.08, rtol=0)
    assert torch.equal(found.sample(5, generator(3)), found.sample(5, generator(3)))


def test_mixture_of_one_is_the_single_gaussian_and_fits_are_deterministic():
    z, _ = drawn(300)
    one, single = mixture(z, 1), single_gaussian(z)
    torch.testing.assert_close(one.log_prob(z), single.log_prob(z), atol=1e-3, rtol=1e-3)
    assert mixture(z, 3, seed=5).weights.equal(mixture(z, 3, seed=5).weights)
    thinned = mixture(z, 1, seed=1, max_points=100)
    assert thinned.gaussians[0].n == 100


def test_mixture_of_more_components_than_latents_is_refused():
    with raises_code("too-few-latents"):
        mixture(drawn(3)[0], 7)
