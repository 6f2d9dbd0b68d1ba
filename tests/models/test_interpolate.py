"""`interpolate` of every family decodes a path between two latents."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.models.build import build
from support.errors import raises_code
from support.tiny import tiny_data


@pytest.fixture(scope="module")
def models():
    vae = presets.vae_debug().model
    configs = {
        "ae": presets.ae_debug().model,
        "vae": vae,
        "vae_class": presets.vae_class_debug().model,
        "cvae": replace(vae, conditional=True),
        "gan": presets.gan_debug().model,
        "cgan": presets.cgan_debug().model,
    }
    torch.manual_seed(0)
    return {name: build(config, tiny_data().card) for name, config in configs.items()}


def labels_of(model, *classes):
    return list(classes) if model.takes_label else None


@pytest.mark.parametrize("name", ["ae", "vae", "vae_class", "cvae", "gan", "cgan"])
@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_both_ends_are_the_decoded_latents(models, name, method):
    model = models[name].train()
    a, b = torch.randn(2, model.latent_dim, generator=torch.Generator().manual_seed(1))
    label = labels_of(model, 1)
    images = model.interpolate(a, b, 5, label and label[0], method=method, batch_size=2)
    assert model.training
    assert images.shape == (5, *model.image_shape)
    assert not images.requires_grad
    model.eval()
    ends = model.decode(torch.stack([a, b]), label and label * 2).clamp(-1, 1)
    torch.testing.assert_close(images[[0, -1]], ends.detach(), atol=1e-5, rtol=0)


def test_the_middle_of_a_linear_path_is_the_mean(models):
    model = models["gan"].eval()
    a, b = np.random.default_rng(0).normal(size=(2, model.latent_dim))
    middle = model.decode((a + b) / 2).clamp(-1, 1)
    images = model.interpolate(a, b, 3)
    torch.testing.assert_close(images[1:2], middle.detach(), atol=1e-5, rtol=0)


def test_two_labels_are_blended(models):
    model = models["cgan"].eval()
    z = torch.randn(1, model.latent_dim, generator=torch.Generator().manual_seed(1))
    images = model.interpolate(z, z, 3, label=[0, 2])
    for image, label in zip(images, (0, "0:0.5,2:0.5", 2), strict=True):
        torch.testing.assert_close(
            image[None], model.decode(z, label).clamp(-1, 1).detach(), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("label", [[2], torch.tensor([2]), np.eye(3, dtype=np.float32)[2:], 2])
def test_one_label_in_any_form_is_that_of_both_ends(models, label):
    model = models["cgan"].eval()
    z, _ = model.latents(1, seed=4)
    expected = model.decode(z, torch.tensor([2])).clamp(-1, 1).detach()
    for image in model.interpolate(z, z, 3, label):
        torch.testing.assert_close(image[None], expected, atol=1e-5, rtol=0)


def test_images_are_interpolated_by_their_latents(models):
    model, x = models["vae"], tiny_data().test.images[:2]
    a, b = model.encode(x).mean
    images = model.interpolate(a, b, 4)
    torch.testing.assert_close(images[[0, -1]], model.reconstruct(x), atol=1e-5, rtol=0)


def test_wrong_arguments_are_refused(models):
    model = models["gan"]
    z = torch.randn(2, model.latent_dim)
    with raises_code("too-few-steps"):
        model.interpolate(z[0], z[1], 1)
    with raises_code("unknown-method"):
        model.interpolate(z[0], z[1], method="data")
    with raises_code("shape-mismatch"):
        model.interpolate(z, z)
    with raises_code("shape-mismatch"):
        model.interpolate(z[0, :-1], z[1])
    with raises_code("label-not-taken"):
        model.interpolate(z[0], z[1], label=1)
    with raises_code("zero-latent"):
        model.interpolate(0 * z[0], z[1], method="spherical")
    with raises_code("too-large"):
        model.interpolate(z[0], z[1], 10**12)
    with raises_code("invalid-count"):
        model.interpolate(z[0], z[1], batch_size=0)
    with raises_code("label-missing"):
        models["cgan"].interpolate(z[0], z[1])


def test_every_shipped_model_interpolates():
    for name in ("ae", "vae", "gan", "cgan"):
        model = la.load(f"shipped:{name}")
        z, labels = model.latents(2, seed=3)
        images = model.interpolate(z[0], z[1], 4, labels)
        torch.testing.assert_close(images[[0, -1]], model.sample(2, seed=3), atol=1e-5, rtol=0)
