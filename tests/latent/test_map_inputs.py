"""A map takes images, latents and labels in all forms, and data by their source."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import to_float
from latentarium.models.build import build
from support.errors import raises_code
from support.tiny import tiny_data


@pytest.fixture(scope="module")
def data():
    return tiny_data()


@pytest.fixture(scope="module")
def latent_map(data):
    return la.LatentMap(build(presets.vae_debug().model, data.card).eval(), data)


@pytest.fixture(scope="module")
def conditional(data):
    return la.LatentMap(build(presets.cgan_debug().model, data.card).eval(), data)


def test_images(latent_map, data):
    pixels = data.test.images[:3]
    want = latent_map.encode(pixels)
    for same in (
        pixels.numpy(),
        to_float(pixels),
        to_float(pixels).double().numpy(),
        pixels[:, 0],
    ):
        torch.testing.assert_close(latent_map.encode(same), want)
    torch.testing.assert_close(latent_map.reconstruct(pixels.numpy()), latent_map.decode(want))
    one = latent_map.locate(pixels[0].numpy())
    torch.testing.assert_close(one.z, want[:1])
    with raises_code("shape-mismatch"):
        latent_map.locate(pixels)
    for wrong, code in (
        (255 * to_float(pixels), "out-of-range"),
        (torch.zeros(2, 1, 28, 28), "shape-mismatch"),
        (np.zeros((1, 12, 10), complex), "wrong-type"),
    ):
        for call in (latent_map.encode, latent_map.reconstruct, latent_map.locate):
            with raises_code(code):
                call(wrong)


def test_latents(latent_map):
    z = latent_map.latents[:2]
    want = latent_map.decode(z)
    for same in (z.numpy(), z.double(), z.tolist()):
        torch.testing.assert_close(latent_map.decode(same), want)
    path = latent_map.interpolate(z[0].numpy(), z[1].tolist(), np.int64(3))
    torch.testing.assert_close(path, latent_map.interpolate(z[0], z[1], 3))
    distances = latent_map.neighbours(z.numpy(), np.int64(1)).distance
    assert distances.abs().max() < 1e-6
    with raises_code("not-finite"):
        latent_map.decode_at(float("nan"), 0.0)
    with raises_code("shape-mismatch"):
        latent_map.decode(z[:, 1:])
    with raises_code("too-few-steps"):
        latent_map.interpolate(z[0], z[1], 1)


def test_labels(conditional):
    z = torch.zeros(2, conditional.model.latent_dim)
    want = conditional.decode(z, "1")
    for same in (1, np.int64(1), ["1", 1], np.array([1, 1]), torch.eye(3)[[1, 1]]):
        torch.testing.assert_close(conditional.decode(z, same), want)
    for wrong, code in ((True, "label-shape"), (-torch.eye(3)[[1, 1]], "invalid-blend")):
        with raises_code(code):
            conditional.decode(z, wrong)


def test_seeds_and_sources(latent_map):
    for seed in (-1, 2**32):
        with raises_code("invalid-seed"):
            la.LatentMap(latent_map.model, latent_map.data, seed)
        with raises_code("invalid-seed"):
            latent_map.class_latents(1, seed=seed)
    arrays = latent_map.data.train.images.numpy()
    assert la.LatentMap(latent_map.model, arrays).data.card.image_shape == (1, 12, 10)
    with raises_code("unknown-source"):
        la.LatentMap(latent_map.model, "mnits")
