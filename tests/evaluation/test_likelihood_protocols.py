"""Names of likelihood protocols, active units, and refused inputs."""

import pytest
import torch
from torch import distributions as td

from latentarium import presets
from latentarium.config import AutoencoderConfig, DataCard, NetConfig
from latentarium.data import binarized_mnist
from latentarium.data.dataset import Data, Split
from latentarium.distributions import DiagonalGaussian, Likelihood
from latentarium.evaluation.active_units import active_units
from latentarium.evaluation.annealed import annealed_nll
from latentarium.evaluation.likelihood import elbo, importance_nll
from latentarium.evaluation.likelihood_protocols import describe_protocol, likelihood_protocol
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from latentarium.unchecked import unchecked_inputs
from support.errors import raises_code
from support.known_vaes import LinearVAE, Z, untrained_vae
from support.tiny import tiny_data

# ----------------------------------------------------------------------------- active units


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_a_unit_that_the_decoder_ignores_is_not_active(dead):
    linear = LinearVAE(dead=dead)
    x = linear.images(500)
    result = active_units(linear.model, x)
    assert result.count == Z - dead
    assert result.rates is not None
    assert (result.variances > 0.01).tolist() == [True] * (Z - dead) + [False] * dead
    assert result.rates[Z - dead :].tolist() == pytest.approx([0] * dead, abs=1e-12)
    assert float(result.rates.sum()) == pytest.approx(elbo(linear.model, x, samples=1).rate)
    with unchecked_inputs():  # the "images" of a linear VAE have no bounds
        posterior = linear.model.encode(x)
    torch.testing.assert_close(result.variances, posterior.mean.var(0).detach())
    # no unit varies by more than a huge threshold
    assert active_units(linear.model, x, threshold=1e9).count == 0


def test_unit_rates_are_relative_to_the_prior_of_the_label():
    model, test = untrained_vae("vae_class_debug"), tiny_data().test
    result = active_units(model, test.images, test.labels)
    assert result.rates is not None
    assert float(result.rates.sum()) == pytest.approx(
        elbo(model, test.images, test.labels, samples=1).rate, rel=1e-5
    )
    own = model.prior(test.labels, len(test))
    assert isinstance(own, DiagonalGaussian)
    posterior = model.encode(test.images.float() / 127.5 - 1)
    assert isinstance(posterior, DiagonalGaussian)
    q = td.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    p = td.Normal(own.mean, (0.5 * own.log_variance).exp())
    expected = td.kl_divergence(q, p).mean(0).detach().double()
    torch.testing.assert_close(result.rates, expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------ protocols by name


def binary_data(source, fingerprint="f", train=50_000):
    """Return binary images in three splits, and a function that builds a VAE for them."""
    pixels = 255 * torch.randint(2, (30, 1, 8, 8), dtype=torch.uint8)
    card = DataCard(source=source, fingerprint=fingerprint, image_shape=(1, 8, 8))
    training = Split(pixels[:1].expand(train, -1, -1, -1), None)
    validation, test = Split(pixels[10:20], None), Split(pixels[20:], None)
    tiny = NetConfig(kind="mlp", width=4, depth=1)

    def vae(**changes):
        return Autoencoder(AutoencoderConfig(encoder=tiny, decoder=tiny, **changes), card)

    return Data(card, training, validation, test), vae


def test_the_dynamic_protocol_needs_its_training_and_its_images(monkeypatch):
    data, vae = binary_data("mnist-dynamic")
    model, test = vae(binarize=True), data.test.images
    assert likelihood_protocol(model, test, data) == "binary"  # the name of the data is not enough
    monkeypatch.setattr(binarized_mnist, "DYNAMIC_FINGERPRINT", "f")
    monkeypatch.setattr(binarized_mnist, "dynamic_mnist", lambda: data)
    assert (
        likelihood_protocol(model, test, data)
        == likelihood_protocol(model, test)
        == "mnist-dynamic"
    )
    assert likelihood_protocol(model, data.validation.images) == "mnist-dynamic"
    assert likelihood_protocol(model, test.float() / 127.5 - 1) == "mnist-dynamic"
    assert likelihood_protocol(model, data.train.images[:5]) == "binary"  # training images
    assert likelihood_protocol(model, 255 - test) == "binary"  # another binarization
    assert likelihood_protocol(model, test // 2) == "grey-bce"
    assert likelihood_protocol(vae(), test) == "binary"  # trained on grey values
    assert likelihood_protocol(vae(likelihood="gaussian"), test) == "gaussian-density-std0.1"
    other, _ = binary_data("mnist-dynamic", "g")
    assert likelihood_protocol(model, test, other) == "binary"


def test_the_static_protocol_needs_its_images():
    data, vae = binary_data("mnist-static")
    test = data.test.images
    assert likelihood_protocol(vae(), test, data) == "mnist-static"
    assert likelihood_protocol(vae(), test) == "binary"
    assert likelihood_protocol(vae(), test // 2, data) == "grey-bce"
    assert likelihood_protocol(vae(), 255 - test, data) == "binary"
    short, vae = binary_data("mnist-static", train=54_000)  # a folder of that name
    assert likelihood_protocol(vae(), short.test.images, short) == "binary"


def test_other_pixels_and_likelihoods_have_names_of_their_own():
    data, vae = binary_data("photos")
    assert likelihood_protocol(vae(), data.test.images, data) == "binary"
    stds = {
        likelihood_protocol(vae(likelihood="gaussian", likelihood_std=s), data.test.images)
        for s in (0.1, 0.2)
    }
    assert stds == {"gaussian-density-std0.1", "gaussian-density-std0.2"}
    logistic = vae(likelihood="discretized_logistic")
    assert likelihood_protocol(logistic, data.test.images) == "8-bit"
    assert likelihood_protocol(logistic, data.test.images // 2) == "8-bit"
    labelled = tiny_data().test
    for preset in ("vae_class_debug", "cvae_mnist"):
        assert (
            likelihood_protocol(untrained_vae(preset), labelled.images) == "grey-bce-given-label"
        )


class Plain(Likelihood):
    """Only what is abstract: the squared error."""

    def mean(self, output):
        return output.clamp(-1, 1)

    def nll(self, output, x):
        return (output - x).square().flatten(1).sum(1)

    def sample(self, output, noise):
        return self.mean(output)

    def constant_output(self, images):
        return images.mean(0, keepdim=True)


def test_a_likelihood_of_ones_own_needs_no_attributes():
    data, vae = binary_data("photos")
    model = vae()
    model.likelihood = Plain()
    images = data.test.images[:8].float() / 127.5 - 1
    assert likelihood_protocol(model, images, data) == "other-Plain"
    assert describe_protocol("other-Plain").startswith("A likelihood defined outside")
    assert importance_nll(model, images, samples=3).nll > 0


def test_each_protocol_has_its_own_description():
    names = (
        "mnist-dynamic", "mnist-static", "binary", "grey-bce", "gaussian-density-std0.1", "8-bit"
    )  # fmt: skip
    described = {describe_protocol(name) for name in names}
    assert len(described | {describe_protocol(f"{name}-given-label") for name in names}) == 12


def test_a_likelihood_of_ones_own_has_its_own_protocol():
    class Laplace(Likelihood):
        name, discrete = "laplace", False

        def mean(self, output):
            return output

        def nll(self, output, x):
            return (x - output).abs().flatten(1).sum(1)

        def sample(self, output, noise):
            return output

        def constant_output(self, images):
            return images.mean(0, keepdim=True)

    data, vae = binary_data("photos")
    model = vae()
    model.likelihood = Laplace()
    name = likelihood_protocol(model, data.test.images, data)
    assert name == "other-laplace"
    assert describe_protocol(name)


# -------------------------------------------------------------------------------- mistakes

MEASURES = [importance_nll, elbo, annealed_nll, active_units]


@pytest.mark.parametrize("preset", ["ae_debug", "gan_debug"])
@pytest.mark.parametrize("measure", [*MEASURES, likelihood_protocol])
def test_models_without_a_likelihood_are_refused(measure, preset):
    model = build(presets.get(preset).model, tiny_data().card)
    with raises_code("no-likelihood"):
        measure(model, tiny_data().test.images)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda x: x[:1], "too-few-images"),
        (lambda x: x[:, :, 1:], "shape-mismatch"),
        (lambda x: x.float() / 255 * torch.nan, "not-finite"),
        (lambda x: x.float() / 100, "pixels-out-of-range"),
    ],
)
def test_images_that_do_not_fit_the_model_are_refused(measure, change, code):
    with raises_code(code):
        measure(untrained_vae("vae_debug"), change(tiny_data().test.images))


@pytest.mark.parametrize("measure", MEASURES)
def test_labels_that_do_not_fit_the_model_are_refused(measure):
    model = untrained_vae("vae_class_debug")
    x = tiny_data().test.images.float() / 127.5 - 1
    with raises_code("label-missing"):
        measure(model, x)
    with raises_code("label-count"):
        measure(model, x, torch.zeros(3, dtype=torch.long))
    with raises_code("unknown-class"):
        measure(model, x, torch.full((len(x),), 7))


@pytest.mark.parametrize("measure", MEASURES)
def test_weights_that_are_not_finite_are_refused(measure):
    model = untrained_vae("vae_debug")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    with raises_code("not-finite"):
        measure(model, tiny_data().test.images)


def test_counts_below_one_are_refused():
    linear = LinearVAE()
    x = linear.images(4)
    for call in (importance_nll, elbo):
        with raises_code("invalid-count"):
            call(linear.model, x, samples=0)
    with raises_code("invalid-count"):
        annealed_nll(linear.model, x, chains=0)
