"""Each family's loss equals its documented formula, computed here in another way."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from latentarium import presets
from latentarium.config import (
    ADVERSARIAL_LOSSES,
    GANConfig,
)
from latentarium.data.batches import Batch
from latentarium.distributions import ClassGaussian, DiagonalGaussian, Point
from latentarium.models.build import build
from latentarium.models.gan import GAN
from latentarium.nn import EncoderTrunk
from latentarium.objectives import build_adversarial_loss
from latentarium.rng import Noise
from support.errors import raises_code
from support.small_models import autoencoder, one_batch
from support.tiny import tiny_data


def labels_of(batch: Batch) -> Tensor:
    assert batch.y is not None
    return batch.y


def adversaries(preset: str = "gan_debug", **changes: object) -> GAN:
    config = presets.get(preset).model
    assert isinstance(config, GANConfig)
    model = build(replace(config, **changes), tiny_data().card)
    assert isinstance(model, GAN)
    return model


# --------------------------------------------------------------------------- autoencoders


def test_the_loss_of_a_vae_is_distortion_plus_beta_times_rate():
    model, batch = autoencoder("vae_class_debug", beta=2.5), one_batch()
    loss = model.loss(batch, Noise(0))
    posterior = model.encode(batch.x)
    assert isinstance(posterior, DiagonalGaussian)
    z = posterior.sample(Noise(0))
    assert isinstance(model.prior, ClassGaussian)
    own = DiagonalGaussian(model.prior.mean[batch.y], model.prior.log_variance[batch.y])
    rate = posterior.kl(own).mean()
    logits = model.decoder(z)
    distortion = -torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(
        (batch.x + 1) / 2
    )
    distortion = distortion.sum() / len(batch.x)
    torch.testing.assert_close(loss.terms["rate"], rate.detach())
    torch.testing.assert_close(loss.terms["distortion"], distortion.detach())
    torch.testing.assert_close(loss.total, distortion + 2.5 * rate)


def test_pseudo_inputs_have_no_labels():
    with raises_code("invalid-setting"):
        replace(presets.vae_debug().model, conditional=True, prior="vampprior")


def test_the_rate_pulls_on_encoder_and_class_gaussians_but_not_on_the_decoder():
    model, batch = autoencoder("vae_class_debug", beta=1.0), one_batch()
    posterior = model.encode(batch.x)
    assert isinstance(posterior, DiagonalGaussian)
    rate = posterior.kl(model.prior(batch.y, len(batch.x))).sum()
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(rate, parameters, allow_unused=True)
    pulled = {n.split(".")[0] for n, g in zip(names, found, strict=True) if g is not None}
    assert pulled == {"encoder", "to_posterior", "prior"}


def test_an_autoencoder_has_no_rate_and_its_posterior_is_a_point():
    model, batch = autoencoder("ae_debug"), one_batch()
    assert isinstance(model.encode(batch.x), Point)
    loss = model.loss(batch, Noise(0))
    assert set(loss.terms) == {"distortion"}
    assert torch.equal(loss.total, model.loss(batch, Noise(1)).total)  # nothing is drawn


def test_a_denoising_autoencoder_reconstructs_the_clean_image_from_a_noisy_one():
    model = autoencoder("ae_debug", noise_std=0.5, encoder_range="signed")
    batch = one_batch()
    seen: list[Tensor] = []
    model.encoder.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    loss = model.loss(batch, Noise(0))
    noise = seen[0] - batch.x
    assert float(noise.std()) == pytest.approx(0.5, rel=0.1)
    output = model.decoder(model.to_posterior(model.encoder(seen[0])))
    clean = model.likelihood.nll(output, batch.x).mean()
    torch.testing.assert_close(loss.total, clean)
    assert not torch.equal(loss.total, model.loss(batch, Noise(1)).total)
    with torch.no_grad():  # no noise outside of training
        model.encode(batch.x)
    assert torch.equal(seen[-1], batch.x)


def test_encoder_and_decoder_of_a_conditional_vae_depend_on_the_label():
    model, batch = autoencoder("vae_debug", conditional=True), one_batch()
    other = (labels_of(batch) + 1) % 3
    with torch.no_grad():
        means = model.encode(batch.x, batch.y).mean, model.encode(batch.x, other).mean
        z = torch.zeros(len(batch.x), model.latent_dim)
        images = model.decode(z, batch.y), model.decode(z, other)
    assert not torch.equal(*means)
    assert not torch.equal(*images)


# --------------------------------------------------------------------------- adversaries


class Flat(nn.Module):
    """A trunk whose features are the pixels, so that the discriminator is linear."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def linear_discriminator(**changes: object) -> GAN:
    model = adversaries("gan_debug", **changes)
    pixels = 12 * 10
    model.discriminator.trunk = Flat()  # pyright: ignore[reportAttributeAccessIssue]  a stand-in
    model.discriminator.realism = nn.Linear(pixels, 1)
    return model


@pytest.mark.parametrize(("r1", "r2"), [(0.0, 0.0), (3.0, 0.0), (0.0, 5.0), (3.0, 5.0)])
def test_both_penalties_of_a_linear_discriminator_are_its_squared_weight(r1, r2):
    model, batch = linear_discriminator(r1=r1, r2=r2), one_batch()
    loss = model.discriminator_loss(batch, Noise(0))
    squared = model.discriminator.realism.weight.square().sum()
    torch.testing.assert_close(loss.terms["r1"], squared.detach())
    torch.testing.assert_close(loss.terms["r2"], squared.detach())
    total = loss.terms["adversarial"] + 0.5 * (r1 + r2) * squared
    torch.testing.assert_close(loss.total, total)


def test_the_penalty_is_differentiable():
    """d/dw of gamma/2 |w|^2 is gamma w."""
    batch = one_batch()
    gradients = []
    for r1 in (0.0, 7.0):
        model = linear_discriminator(r1=r1, r2=0.0)
        with torch.no_grad():
            model.discriminator.realism.weight.copy_(Noise(3).normal(1, 120))
        total = model.discriminator_loss(batch, Noise(0)).total
        weight = model.discriminator.realism.weight
        gradients.append(torch.autograd.grad(total, weight)[0])
    torch.testing.assert_close(gradients[1] - gradients[0], 7.0 * Noise(3).normal(1, 120))


@pytest.mark.parametrize("every", [1, 3])
def test_rare_penalties_have_the_mean_gradient_of_penalties_in_each_step(every):
    batch = one_batch()
    models = [
        adversaries("gan_debug", r1=2.0, r2=5.0, penalty_every=interval) for interval in (every, 1)
    ]
    models[1].load_state_dict(models[0].state_dict())
    parameters = [list(model.discriminator.parameters()) for model in models]
    means = []
    for model, own in zip(models, parameters, strict=True):
        total = sum(
            model.discriminator_loss(replace(batch, move=step), Noise(0)).total
            for step in range(2 * every)
        )
        assert isinstance(total, Tensor)
        means.append(torch.autograd.grad(total / (2 * every), own))
    torch.testing.assert_close(means[0], means[1])


def test_a_measurement_has_penalties_whatever_the_training_skips():
    model = adversaries("gan_debug", r1=2.0, r2=5.0, penalty_every=3)
    skipped = model.discriminator_loss(replace(one_batch(), move=1), Noise(0))
    measured = model.discriminator_loss(one_batch(), Noise(0))
    assert not {"r1", "r2"} & set(skipped.terms)
    torch.testing.assert_close(skipped.total.detach(), skipped.terms["adversarial"])
    terms = measured.terms
    expected = terms["adversarial"] + 0.5 * (2.0 * terms["r1"] + 5.0 * terms["r2"])
    torch.testing.assert_close(measured.total.detach(), expected)


def test_r1_is_taken_on_real_images_and_r2_on_generated_ones():
    """Computed one image at a time, so no logit depends on another image."""
    model, batch = adversaries("cgan_debug", r1=2.0, r2=0.0, wrong_label_weight=0.0), one_batch()
    loss = model.discriminator_loss(batch, Noise(0))
    with torch.no_grad():
        fakes = model.decode(Noise(0).normal(len(batch.x), model.latent_dim), batch.y)
    for name, images in (("r1", batch.x), ("r2", fakes)):
        squared = []
        for image, label in zip(images, labels_of(batch), strict=True):
            one = image[None].requires_grad_()
            (gradient,) = torch.autograd.grad(model.discriminate(one, label[None]).sum(), one)
            squared.append(gradient.square().sum())
        torch.testing.assert_close(loss.terms[name], torch.stack(squared).mean())
    torch.testing.assert_close(loss.total.detach(), loss.terms["adversarial"] + loss.terms["r1"])


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_the_generators_loss_is_that_of_its_fakes_paired_with_reals(kind):
    model, batch = adversaries("cgan_debug", loss=kind), one_batch()
    with torch.no_grad():
        z = Noise(5).normal(len(batch.x), model.latent_dim)
        real = model.discriminate(batch.x, batch.y)
        fake = model.discriminate(model.decode(z, batch.y), batch.y)
    expected = build_adversarial_loss(kind).generator(real, fake).mean()
    torch.testing.assert_close(model.generator_loss(batch, Noise(5)).total.detach(), expected)


def test_a_bounded_generator_is_the_tanh_of_an_unbounded_one():
    bounded, free = adversaries(), adversaries(bounded=False)
    z = 50 * Noise(0).normal(8, 8)  # far out, so that values pass 1
    with torch.no_grad():
        values = free.decode(z)
        assert torch.equal(bounded.decode(z), values.tanh())
    assert float(values.abs().max()) > 1


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_a_blind_discriminator_gives_both_players_the_equilibrium_value(kind):
    model, batch = adversaries(loss=kind), one_batch()
    nn.init.zeros_(model.discriminator.realism.weight)
    nn.init.zeros_(model.discriminator.realism.bias)
    for player in model.players():
        value = player.loss(batch, Noise(0)).terms["adversarial"]
        assert float(value) == pytest.approx(
            build_adversarial_loss(kind).equilibrium[player.name], abs=1e-6
        )


@pytest.mark.parametrize("kind", ADVERSARIAL_LOSSES)
def test_logged_terms_equal_those_of_the_public_methods(kind):
    """`decode` and `discriminate` give the same logits as the loss."""
    model, batch = adversaries("cgan_debug", loss=kind, r1=0.0, r2=0.0), one_batch()
    loss = model.discriminator_loss(batch, Noise(5))
    with torch.no_grad():
        z = Noise(5).normal(len(batch.x), model.latent_dim)
        real = model.discriminate(batch.x, batch.y)
        fake = model.discriminate(model.decode(z, batch.y), batch.y)
    torch.testing.assert_close(loss.terms["real_logit"], real.mean())
    torch.testing.assert_close(loss.terms["fake_logit"], fake.mean())
    total = loss.terms["adversarial"] + loss.terms["wrong_label"]
    torch.testing.assert_close(loss.total.detach(), total)


def test_the_wrong_label_term_lowers_logits_of_real_images_under_wrong_labels():
    """One gradient step of the discriminator."""
    model, batch = adversaries("cgan_debug", wrong_label_weight=50.0, r1=0.0, r2=0.0), one_batch()
    before = model.discriminator_loss(batch, Noise(0))
    loss = before.total
    names, parameters = zip(*model.discriminator.named_parameters(), strict=True)
    assert names
    for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.data -= 1e-4 * g
    after = model.discriminator_loss(batch, Noise(0))

    def margin(terms: dict[str, Tensor]) -> Tensor:
        return terms["real_logit"] - terms["wrong_logit"]

    assert margin(after.terms) > margin(before.terms)
    assert after.terms["wrong_label"] < before.terms["wrong_label"]


def test_the_discriminator_is_linear_in_the_label():
    """D(x, y) for a blend of labels is the blend of the logits (projection)."""
    model, batch = adversaries("cgan_debug"), one_batch()
    hot = nn.functional.one_hot(labels_of(batch), 3).float()
    other = hot.roll(1, 1)
    with torch.no_grad():
        torch.testing.assert_close(
            model.discriminate(batch.x, hot), model.discriminate(batch.x, batch.y)
        )
        blend = model.discriminate(batch.x, 0.25 * hot + 0.75 * other)
        right, wrong = model.discriminate(batch.x, hot), model.discriminate(batch.x, other)
        torch.testing.assert_close(blend, 0.25 * right + 0.75 * wrong)
        assert not torch.allclose(blend, model.discriminate(batch.x, batch.y))


def test_blending_two_classes_gives_a_continuous_path_between_them():
    model = adversaries("cgan_debug").eval()
    weights = torch.linspace(0, 1, 65)
    labels = torch.stack([1 - weights, weights, torch.zeros(65)], 1)
    z = Noise(0).normal(1, model.latent_dim).expand(65, -1)
    with torch.no_grad():
        path = model.decode(z, labels)
        ends = model.decode(z[:2], torch.tensor([0, 1]))
    torch.testing.assert_close(path[[0, -1]], ends)
    steps = (path[1:] - path[:-1]).flatten(1).norm(dim=1)
    across = (ends[1] - ends[0]).norm()
    assert 0 < float(steps.max()) < 0.2 * float(across)


def test_the_wrong_label_term_needs_two_classes():
    one = replace(tiny_data().card, classes=("only",))
    config = presets.cgan_debug().model
    with raises_code("too-few-classes"):
        build(config, one)
    assert isinstance(config, GANConfig)
    model = build(replace(config, wrong_label_weight=0.0), one)
    assert model.sample(2, "only").shape == (2, 1, 12, 10)


@pytest.mark.parametrize("shape", [(1, 8, 8), (4, 29, 29), (1, 8, 100), (3, 64, 9)])
@pytest.mark.parametrize("preset", ["vae_debug", "cgan_debug"])
def test_families_accept_images_of_any_size(shape, preset):
    card = replace(tiny_data().card, image_shape=shape)
    model = build(presets.get(preset).model, card)
    assert model.sample(2).shape == (2, *shape)
    loss = model.players()[0].loss(
        Batch(Noise(0).uniform(4, *shape) * 2 - 1, torch.tensor([0, 1, 2, 0])), Noise(1)
    )
    assert bool(loss.total.isfinite())
    trunks = [m for m in model.modules() if isinstance(m, EncoderTrunk)]
    assert len(trunks) == 1
