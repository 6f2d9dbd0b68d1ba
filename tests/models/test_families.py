"""Every family: build, play a move, sample, save and load, and what it can do."""

from dataclasses import replace

import pytest
import torch

from latentarium import presets
from latentarium.config import (
    AutoencoderConfig,
    DataCard,
    GANConfig,
    HierarchicalConfig,
    ImportanceWeightedConfig,
    NetConfig,
    VampPriorConfig,
)
from latentarium.data.batches import Batches
from latentarium.models.build import build
from latentarium.rng import Noise
from latentarium.training import game
from latentarium.training.game import (
    copy_parameters,
    freeze_others,
    parameter_deltas,
    play_move,
)
from support.errors import raises_code
from support.tiny import tiny_data


def families():
    ae, vae = presets.ae_debug().model, presets.vae_debug().model
    klass, gan = presets.vae_class_debug().model, presets.gan_debug().model
    cgan = presets.cgan_debug().model
    assert isinstance(vae, AutoencoderConfig)
    assert isinstance(gan, GANConfig)
    mlp = replace(gan.generator, kind="mlp")
    return {
        "ae": ae,
        "dae": replace(ae, noise_std=0.3),
        "vae": vae,
        "vae_gaussian": replace(vae, likelihood="gaussian"),
        "vae_class": klass,
        "cvae": replace(vae, conditional=True),
        "vae_logistic": replace(vae, likelihood="discretized_logistic"),
        "vae_importance": replace(vae, objective=ImportanceWeightedConfig(samples=3)),
        "vae_free_bits": replace(vae, objective="free_bits"),
        "hierarchical": HierarchicalConfig(
            latent_dim=6, upper_dim=2, width=16, encoder=vae.encoder, decoder=vae.decoder
        ),
        "hierarchical_conditional": HierarchicalConfig(
            latent_dim=6,
            upper_dim=2,
            width=16,
            encoder=vae.encoder,
            decoder=vae.decoder,
            conditional=True,
            prior="class_gaussian",
        ),
        "hierarchical_vamp": HierarchicalConfig(
            latent_dim=6,
            upper_dim=2,
            width=16,
            encoder=vae.encoder,
            decoder=vae.decoder,
            prior=VampPriorConfig(pseudo_inputs=4),
        ),
        "gan": gan,
        "gan_ns": replace(gan, loss="non_saturating"),
        "gan_hinge": replace(gan, loss="hinge", r1=0.0, r2=0.0),
        "gan_mlp": replace(gan, generator=mlp, discriminator=mlp),
        "cgan": cgan,
        "cgan_plain": replace(cgan, wrong_label_weight=0.0),
    }


FAMILIES = families()
SHAPES = [(1, 12, 10), (3, 9, 13)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_move_changes_only_the_players_own_parameters(name, shape):
    data = tiny_data(shape=shape)
    model = build(FAMILIES[name], data.card).train()
    batches = Batches(data.train, 16, 0)
    for index, player in enumerate(model.players()):
        adam = torch.optim.Adam(player.part.parameters(), lr=0.01)
        before = copy_parameters(model)
        loss = play_move(player, model, adam, batches.draw(index), Noise(0, index))
        found = parameter_deltas(player, model, before)
        assert torch.isfinite(loss.total)
        assert float(found["other_delta"]) == 0
        own = {id(p) for p in player.part.parameters()}
        for key, parameter in model.named_parameters():
            if id(parameter) in own:
                assert parameter.grad is not None, key
                assert torch.isfinite(parameter.grad).all(), key
                parameter.grad = None
            else:
                assert parameter.grad is None, f"{player.name} left a gradient on {key}"
        assert float(found["own_delta"]) > 0


def test_without_freezing_a_gradient_reaches_the_other_player(monkeypatch):
    """Show that the test above can fail."""
    from contextlib import nullcontext

    data = tiny_data()
    model = build(FAMILIES["gan"], data.card).train()
    generator = model.players()[1]
    monkeypatch.setattr(game, "freeze_others", lambda player, model: nullcontext())
    adam = torch.optim.Adam(generator.part.parameters(), lr=0.01)
    play_move(generator, model, adam, Batches(data.train, 16, 0).draw(0), Noise(0))
    discriminator = model.players()[0].part
    assert any(p.grad is not None for p in discriminator.parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_life_cycle(name):
    data = tiny_data()
    config = FAMILIES[name]
    model = build(config, data.card).eval()
    images = model.sample(7, seed=3)
    assert images.shape == (7, 1, 12, 10)
    assert images.abs().max() <= 1
    torch.testing.assert_close(images, model.sample(7, seed=3, batch_size=3))
    assert not torch.equal(images, model.sample(7, seed=4))
    twin = build(config, data.card, seed=1).eval()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(images, twin.sample(7, seed=3))
    x = images[:4]
    y = torch.tensor([0, 1, 2, 0]) if model.decodes_label else None
    if model.has_encoder:
        posterior = model.encode(x, y)
        assert posterior.mean.shape == (4, config.latent_dim)
        assert posterior.has_density == model.has_likelihood
        assert model.reconstruct(x, y).shape == x.shape
        assert model.distortion(x, posterior.mean, y).shape == (4,)
    else:
        for call in (model.encode, model.reconstruct):
            with raises_code("no-encoder"):
                call(x)
        with raises_code("no-likelihood"):
            model.distortion(x, torch.zeros(4, config.latent_dim))
    if model.has_discriminator:
        assert model.discriminate(x, y).shape == (4,)
    else:
        with raises_code("no-discriminator"):
            model.discriminate(x, y)
    assert model.adversarial == (len(model.players()) > 1)


@pytest.mark.parametrize("name", ["vae_class", "cvae", "cgan"])
def test_labels_by_number_name_list_and_weights(name):
    data = tiny_data()
    model = build(FAMILIES[name], data.card).eval()
    want = model.sample(4, 2, seed=1)
    hot = torch.zeros(4, 3)
    hot[:, 2] = 1
    for label in ("2", [2, 2, 2, 2], torch.full((4,), 2), ["2"] * 4, hot, hot.numpy()):
        torch.testing.assert_close(model.sample(4, label, seed=1), want)
    near = hot.clone()
    near[:, 2], near[:, 0] = 0.999, 0.001
    assert (model.sample(4, near, seed=1) - want).abs().max() < 0.05
    for wrong, code in (
        (3, "unknown-class"),
        (-1, "unknown-class"),
        ("cat", "unknown-class"),
        ([0, 1], "label-shape"),
        (torch.zeros(4, 2), "label-shape"),
        (1.5, "label-shape"),
    ):
        with raises_code(code):
            model.sample(4, wrong)


@pytest.mark.parametrize("likelihood", ["discretized_logistic", "bernoulli"])
def test_points_have_no_pixels(likelihood):
    card = DataCard(source="points", fingerprint="", image_shape=(2, 1, 1))
    mlp = NetConfig(kind="mlp", width=8, depth=1)
    build(AutoencoderConfig(likelihood="gaussian", encoder=mlp, decoder=mlp), card)
    with raises_code("pixels-needed"):
        build(AutoencoderConfig(likelihood=likelihood, encoder=mlp, decoder=mlp), card)


def test_superfluous_and_missing_labels_are_errors():
    data, unlabelled = tiny_data(), tiny_data(labelled=False)
    with raises_code("label-not-taken"):
        build(FAMILIES["gan"], data.card).sample(2, 1)
    with raises_code("labels-missing"):
        build(FAMILIES["cgan"], unlabelled.card)
    model = build(FAMILIES["cgan"], data.card)
    with raises_code("label-missing"):
        model.decode(torch.zeros(1, model.latent_dim))
    unconditional = build(FAMILIES["vae"], data.card)
    with raises_code("label-not-taken"):
        unconditional.decode(torch.zeros(1, unconditional.latent_dim), torch.tensor([0]))
    with raises_code("invalid-count"):
        model.sample(0)


def test_networks_that_do_not_see_the_label_ignore_it():
    model = build(FAMILIES["vae_class"], tiny_data().card).eval()
    z = torch.zeros(2, model.latent_dim)
    assert torch.equal(model.decode(z, torch.tensor([0, 1])), model.decode(z))


def test_truncation_reduces_the_variety_of_samples():
    model = build(FAMILIES["gan"], tiny_data().card).eval()
    wide, narrow = model.sample(50), model.sample(50, truncation=0.1)
    assert narrow.std(0).mean() < 0.5 * wide.std(0).mean()


def test_wrong_labels_are_never_the_right_one_and_cover_all_others():
    model = build(FAMILIES["cgan"], tiny_data().card)
    right = torch.eye(3)[torch.arange(300) % 3]
    wrong = model._wrong(right, Noise(0))  # pyright: ignore[reportCallIssue]
    assert (wrong.argmax(1) != right.argmax(1)).all()
    pairs = {(int(a), int(b)) for a, b in zip(right.argmax(1), wrong.argmax(1), strict=True)}
    assert len(pairs) == 6


def test_freeze_others_restores_parameters_that_were_frozen_before():
    model = build(FAMILIES["gan"], tiny_data().card)
    first = next(iter(model.parameters()))
    first.requires_grad_(False)
    with freeze_others(model.players()[0], model):
        pass
    assert not first.requires_grad
