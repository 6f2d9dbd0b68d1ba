from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.config import GANConfig
from latentarium.data.dataset import to_float
from latentarium.distributions import StandardNormal
from latentarium.errors import UserError
from latentarium.latent.inversion import invert, invert_iter
from support.errors import raises_code
from support.tiny import ModelStub, tiny_arrays, tiny_data

LATENT = 4


class Linear(ModelStub):
    """x = W z + b, whose inversion has a closed form; it has no encoder."""

    def __init__(self, data) -> None:
        super().__init__(GANConfig(latent_dim=LATENT), data.card)
        pixels = int(np.prod(self.image_shape))
        draws = torch.Generator().manual_seed(3)
        scale = 0.2 / LATENT**0.5
        self.weight = torch.nn.Parameter(scale * torch.randn(pixels, LATENT, generator=draws))
        self.bias = torch.nn.Parameter(0.1 * torch.randn(pixels, generator=draws))
        self.prior = StandardNormal(LATENT)

    def decode(self, z, y=None):
        return (z @ self.weight.T + self.bias).view(-1, *self.image_shape)


@pytest.fixture(scope="module")
def linear():
    return Linear(tiny_data())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A VAE, a GAN and a conditional GAN, trained on the tiny images, and the images."""
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    found = {}
    for name in ("vae_debug", "gan_debug", "cgan_debug"):
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        found[name.removesuffix("_debug")] = run.load()
    return found, data


def test_inversion_of_a_linear_decoder_is_least_squares(linear):
    truth = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))
    found = invert(linear, linear.decode(truth).detach(), pull=0.0, steps=400)
    torch.testing.assert_close(found.z, truth, rtol=0, atol=0.01)
    assert float(found.error.max()) < 1e-6


@pytest.mark.parametrize("pull", [1e-3, 0.1])
def test_inversion_of_a_linear_decoder_with_a_prior_is_ridge_regression(linear, pull):
    """The result minimizes |W z + b - x|^2 / D + pull |z|^2 / Z."""
    x = to_float(tiny_data().train.images[:2])
    w, b = linear.weight.detach(), linear.bias.detach()
    ridge = w.T @ w + pull * w.shape[0] / LATENT * torch.eye(LATENT)
    truth = torch.linalg.solve(ridge, w.T @ (x.flatten(1) - b).T).T
    found = invert(linear, x, pull=pull, steps=600)
    torch.testing.assert_close(found.z, truth, rtol=0.01, atol=0.01)
    radius = found.z.double().norm(dim=1)
    share = torch.special.gammainc(torch.full((2,), LATENT / 2).double(), radius**2 / 2)
    torch.testing.assert_close(found.length_percentile, share, rtol=1e-4, atol=1e-6)


def test_length_percentile_is_that_among_draws_from_the_prior(linear):
    draws = torch.randn(200_000, LATENT, generator=torch.Generator().manual_seed(0))
    z = torch.tensor([[1.0, -0.5, 0.8, 1.2]])
    found = invert(linear, linear.decode(z).detach(), pull=0.0, steps=400)
    share = (draws.norm(dim=1) < z.norm()).double().mean()
    assert float(found.length_percentile) == pytest.approx(float(share), abs=0.01)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_own_samples_are_recovered_and_noise_is_not(models, name):
    model = models[0][name]
    own = invert(model, model.sample(4, seed=5))
    noise = np.random.default_rng(0).integers(0, 256, (4, *model.image_shape)).astype(np.uint8)
    lost = invert(model, noise)
    assert float(own.error.max()) < 0.01
    assert float(lost.error.min()) > 0.15
    np.testing.assert_allclose(
        own.error, (own.image - model.sample(4, seed=5)).square().flatten(1).mean(1), rtol=1e-5
    )
    again = model.decode(own.z).clamp(-1, 1)
    torch.testing.assert_close(own.image, again, rtol=0, atol=1e-5)


def test_class_is_recovered_or_taken_as_given(models):
    model = models[0]["cgan"]
    asked = [0, 1, 2, 1, 0, 2]
    images = model.sample(6, label=asked, seed=2)
    found = invert(model, images)
    assert found.label is not None
    assert found.label.tolist() == asked
    assert float(found.error.max()) < 0.02
    told = invert(model, images, label=[2] * 6)
    assert told.label is not None
    assert told.label.tolist() == [2] * 6
    wrong = torch.tensor(asked) != 2
    assert bool((told.error[wrong] > found.error[wrong]).all())


def test_error_never_increases_and_the_search_ends_without_improvement(models):
    model, data = models[0]["gan"], models[1]
    path = list(invert_iter(model, data.validation.images[:1], seed=1, pull=0.0))
    assert [one.step for one in path] == list(range(len(path)))
    errors = [float(one.error) for one in path]
    assert all(b <= a for a, b in pairwise(errors))
    assert errors[-1] < errors[0]
    assert invert(model, data.validation.images[:1], seed=1, pull=0.0).error == path[-1].error
    done = list(invert_iter(model, model.sample(1, seed=0), steps=3000))
    assert len(done) < 3001


def test_same_seed_gives_the_same_result(models):
    model, data = models[0]["cgan"], models[1]
    x = data.validation.images[:2]
    one, same, other = (invert(model, x, seed=seed, steps=20) for seed in (4, 4, 5))
    assert torch.equal(one.z, same.z)
    assert not torch.equal(one.z, other.z)


def test_posterior_mean_is_an_initial_latent(models):
    model, data = models[0]["vae"], models[1]
    x = data.validation.images[:8]
    start = next(invert_iter(model, x, restarts=1))
    reached = (model.reconstruct(to_float(x)) - to_float(x)).square().flatten(1).mean(1)
    assert bool((start.error <= reached + 1e-6).all())


def test_point_posterior_has_no_length_percentile(models, tmp_path):
    run = la.train(presets.get("ae_debug"), tmp_path / "r", models[1])
    found = invert(run.load(), models[1].validation.images[:1], steps=5)
    assert bool(found.length_percentile.isnan().all())


def test_mode_and_gradients_of_the_model_are_unchanged(models):
    model = models[0]["gan"].train()
    path = invert_iter(model, models[1].validation.images[:1], steps=5)
    next(path)
    assert not model.training
    path.close()
    assert model.training
    with torch.no_grad():  # the caller may have disabled gradients
        assert invert(model, models[1].validation.images[:1], steps=5).step == 5
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    model.eval()


@pytest.mark.parametrize(
    ("images", "code"),
    [
        (torch.zeros(1, 1, 12, 11), "shape-mismatch"),
        (torch.zeros(12, 11), "shape-mismatch"),
        (torch.zeros(2, 1, 1, 12, 10), "shape-mismatch"),
        (torch.zeros(0, 1, 12, 10), "shape-mismatch"),
        (torch.full((1, 1, 12, 10), torch.nan), "not-finite"),
        (torch.full((1, 1, 12, 10), 255.0), "out-of-range"),
    ],
)
def test_invalid_images_are_refused(models, images, code):
    with raises_code(code):
        invert(models[0]["gan"], images)


def test_invalid_labels_and_options_are_refused(models):
    gan, cgan = models[0]["gan"], models[0]["cgan"]
    x = models[1].validation.images[:2]
    with pytest.raises(UserError):
        invert(gan, x, label=1)
    with pytest.raises(UserError):
        invert(cgan, x, label=7)
    with raises_code("soft-label"):
        invert(cgan, x, label=np.full((2, 3), 1 / 3))
    settings: list[dict[str, Any]] = [{"restarts": 0}, {"steps": 0}, {"pull": -1.0}, {"rate": 0.0}]
    for given in settings:
        with raises_code("invalid-options"):
            invert(gan, x, **given)
