"""What a likelihood is called, which units are active, and what is refused."""

import pytest
import torch
from torch import distributions as td

from conftest import tiny_data
from latentarium import presets
from latentarium.config import AutoencoderConfig, DataCard, NetConfig
from latentarium.data import binarized_mnist
from latentarium.data.dataset import Data, Split
from latentarium.distributions import DiagonalGaussian
from latentarium.errors import UserError
from latentarium.evaluation.annealed import annealed_nll
from latentarium.evaluation.likelihood import active_units, elbo, explain, importance_nll, protocol
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from support.known_vaes import Linear, Z, small

# ----------------------------------------------------------------------------- active units


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_a_unit_that_the_decoder_ignores_is_not_active(dead):
    linear = Linear(dead=dead)
    x = linear.images(500)
    found = active_units(linear.model, x)
    assert found.count == Z - dead
    assert (found.variances > 0.01).tolist() == [True] * (Z - dead) + [False] * dead
    assert found.rates[Z - dead :].tolist() == pytest.approx([0] * dead, abs=1e-12)
    assert float(found.rates.sum()) == pytest.approx(elbo(linear.model, x, samples=1).rate)
    posterior = linear.model.encode(x)
    torch.testing.assert_close(found.variances, posterior.mean.var(0).detach())
    # a collapsed posterior with a mean that no image moves is not active either
    assert active_units(linear.model, x, threshold=1e9).count == 0


def test_unit_rates_are_against_the_prior_of_the_label():
    model, test = small("vae_class_debug"), tiny_data().test
    found = active_units(model, test.images, test.labels)
    assert float(found.rates.sum()) == pytest.approx(
        elbo(model, test.images, test.labels, samples=1).rate, rel=1e-5
    )
    own = model.prior(test.labels, len(test))
    assert isinstance(own, DiagonalGaussian)
    posterior = model.encode(test.images.float() / 127.5 - 1)
    assert isinstance(posterior, DiagonalGaussian)
    q = td.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    p = td.Normal(own.mean, (0.5 * own.log_variance).exp())
    expected = td.kl_divergence(q, p).mean(0).detach().double()
    torch.testing.assert_close(found.rates, expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------ protocols by name


def digits(source, fingerprint="f", train=50_000):
    """Binary images in three splits, and a function that makes a VAE trained on them."""
    pixels = 255 * torch.randint(2, (30, 1, 8, 8), dtype=torch.uint8)
    card = DataCard(source=source, fingerprint=fingerprint, image_shape=(1, 8, 8))
    learned = Split(pixels[:1].expand(train, -1, -1, -1), None)
    validation, test = Split(pixels[10:20], None), Split(pixels[20:], None)
    tiny = NetConfig(kind="mlp", width=4, depth=1)

    def vae(**changes):
        return Autoencoder(AutoencoderConfig(encoder=tiny, decoder=tiny, **changes), card)

    return Data(card, learned, validation, test), vae


def test_the_dynamic_name_needs_all_that_makes_the_protocol(monkeypatch):
    data, vae = digits("mnist-dynamic")
    model, test = vae(binarize=True), data.test.images
    assert protocol(model, test, data) == "binary"  # the name of the data alone proves nothing
    monkeypatch.setattr(binarized_mnist, "DYNAMIC_FINGERPRINT", "f")
    monkeypatch.setattr(binarized_mnist, "dynamic_mnist", lambda: data)
    assert protocol(model, test, data) == protocol(model, test) == "mnist-dynamic"
    assert protocol(model, data.validation.images) == "mnist-dynamic"
    assert protocol(model, test.float() / 127.5 - 1) == "mnist-dynamic"
    assert protocol(model, data.train.images[:5]) == "binary"  # trained on, not held out
    assert protocol(model, 255 - test) == "binary"  # another binarization
    assert protocol(model, test // 2) == "grey-bce"
    assert protocol(vae(), test) == "binary"  # trained on grey values
    assert protocol(vae(likelihood="gaussian"), test) == "gaussian-density-std0.1"
    other, _ = digits("mnist-dynamic", "g")
    assert protocol(model, test, other) == "binary"


def test_the_static_name_needs_the_files_images():
    data, vae = digits("mnist-static")
    test = data.test.images
    assert protocol(vae(), test, data) == "mnist-static"
    assert protocol(vae(), test) == "binary"
    assert protocol(vae(), test // 2, data) == "grey-bce"
    assert protocol(vae(), 255 - test, data) == "binary"
    short, vae = digits("mnist-static", train=54_000)  # a folder that bears the name
    assert protocol(vae(), short.test.images, short) == "binary"


def test_other_pixels_and_likelihoods_have_names_that_do_not_compare():
    data, vae = digits("photos")
    assert protocol(vae(), data.test.images, data) == "binary"
    stds = {
        protocol(vae(likelihood="gaussian", likelihood_std=s), data.test.images)
        for s in (0.1, 0.2)
    }
    assert stds == {"gaussian-density-std0.1", "gaussian-density-std0.2"}
    labelled = tiny_data().test
    for preset in ("vae_class_debug", "cvae_mnist"):
        assert protocol(small(preset), labelled.images) == "grey-bce-given-label"
    assert "p(x | y)" in explain("binary-given-label")
    assert explain("grey-bce").startswith("Not a likelihood")
    assert "density" in explain("gaussian-density-std0.1")
    assert explain("mnist-dynamic") != explain("mnist-static")


# -------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("measure", [importance_nll, elbo, annealed_nll, active_units])
def test_what_has_no_likelihood_says_so(measure):
    x = tiny_data().test.images
    for preset, says in (("ae_debug", "posterior is a point"), ("gan_debug", "no encoder")):
        model = build(presets.get(preset).model, tiny_data().card)
        with pytest.raises(UserError, match=says):
            measure(model, x)
        with pytest.raises(UserError, match="give a VAE"):
            protocol(model, x)
    model = small("vae_debug")
    for images, says in (
        (x[:1], "at least 2"),
        (x[:, :, 1:], "of the kind"),
        (x.float() / 255 * torch.nan, "not finite"),
        (x.float() / 100, "outside"),
    ):
        with pytest.raises(UserError, match=says):
            measure(model, images)
    with pytest.raises(UserError, match="give the labels"):
        measure(small("vae_class_debug"), x)
    floats = x.float() / 127.5 - 1
    with pytest.raises(UserError, match="give one each"):
        measure(small("vae_class_debug"), floats, torch.zeros(3, dtype=torch.long))
    with pytest.raises(UserError, match="in that range"):
        measure(small("vae_class_debug"), floats, torch.full((len(x),), 7))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(UserError, match="not finite"):
        measure(model, x)


def test_no_samples_or_chains_give_a_sentence():
    linear = Linear()
    x = linear.images(4)
    for call in (importance_nll, elbo):
        with pytest.raises(UserError, match="0 samples"):
            call(linear.model, x, samples=0)
    with pytest.raises(UserError, match="0 chains"):
        annealed_nll(linear.model, x, chains=0)
