"""Sample k is a function of the seed and k only, for every prior."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import latentarium as la
from latentarium import memory, presets, registry
from latentarium.config import AutoencoderConfig
from latentarium.distributions import DiagonalGaussian
from latentarium.latent.class_samples import draw_latents
from latentarium.latent.gaussian_samples import unit_noise
from latentarium.latent.gaussians import single_gaussian
from latentarium.models.build import build
from latentarium.rng import BLOCK_ROWS, Noise
from support.errors import raises_code
from support.tiny import tiny_data


class Awkward(la.Distribution):
    """Draws from the generator in an order that depends on the number of rows, and mixes rows."""

    def __init__(self, n: int, size: int) -> None:
        self.mean = torch.zeros(n, size)

    def sample(self, noise: Noise, scale: float = 1.0) -> torch.Tensor:
        n, size = self.mean.shape
        order = torch.randperm(n, generator=noise.generator)
        z = torch.stack([noise.normal(size) for _ in range(n)])[order]
        chosen = noise.integers(2, n)
        return scale * (z + z.mean(0) + chosen[:, None] + noise.uniform(n, 1))


class AwkwardPrior(la.Prior):
    def __init__(self, latent_dim: int, num_classes: int) -> None:
        super().__init__()
        self.size = latent_dim
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, y, n):
        return Awkward(n, self.size)


@pytest.fixture(scope="module")
def models():
    la.register("prior", "awkward")(AwkwardPrior)
    card, vae = tiny_data().card, presets.vae_debug().model
    assert isinstance(vae, AutoencoderConfig)
    configs = {
        "vae": vae,
        "awkward": replace(vae, prior="awkward"),
        "vae_class": presets.vae_class_debug().model,
        "cvae": replace(vae, conditional=True),
        "gan": presets.gan_debug().model,
        "cgan": presets.cgan_debug().model,
    }
    yield {name: build(config, card).eval() for name, config in configs.items()}
    registry._entries["prior"].pop("awkward")


FAMILIES = ["vae", "awkward", "vae_class", "cvae", "gan", "cgan"]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, BLOCK_ROWS, BLOCK_ROWS + 1, 600])
def test_rows_do_not_depend_on_the_number_of_samples(models, name, n):
    model = models[name]
    longest = 700
    z, labels = model.latents(longest, seed=3)
    fewer, own = model.latents(n, seed=3)
    assert torch.equal(fewer, z[:n])
    if labels is not None:
        assert own is not None
        assert torch.equal(own, labels[:n])
    images = model.sample(longest, seed=3)
    torch.testing.assert_close(model.sample(n, seed=3, batch_size=7), images[:n])


@pytest.mark.parametrize("name", ["vae_class", "cvae", "cgan"])
def test_rows_do_not_depend_on_the_labels_of_other_rows(models, name):
    model = models[name]
    labels = torch.arange(300) % 3
    z, _ = model.latents(300, labels, seed=1)
    assert torch.equal(model.latents(1, 0, seed=1)[0], z[:1])
    assert torch.equal(model.latents(299, labels[:299], seed=1)[0], z[:299])
    soft = torch.nn.functional.one_hot(labels, 3).float()
    blended, _ = model.latents(300, soft, seed=1)
    assert torch.equal(model.latents(5, soft[:5], seed=1)[0], blended[:5])


def test_the_same_seed_gives_the_same_latents_with_and_without_a_label(models):
    without, _ = models["cgan"].latents(20, seed=4)
    assert torch.equal(models["cgan"].latents(20, "1", seed=4)[0], without)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 2**32 - 1))
def test_any_number_and_any_batch_size(models, n, batch_size, seed):
    model = models["cgan"]
    images = model.sample(n, seed=seed, batch_size=batch_size)
    torch.testing.assert_close(model.sample(40, seed=seed)[:n], images)


def test_seeds_are_numbers_of_any_library(models):
    for model in models.values():
        want = model.sample(4, seed=3)
        for seed in (np.int64(3), np.uint32(3), np.array(3), torch.tensor(3)):
            assert torch.equal(model.sample(4, seed=seed), want)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"n": 2.0}, "invalid-count"),
        ({"n": "2"}, "invalid-count"),
        ({"n": True}, "invalid-count"),
        ({"n": 0}, "invalid-count"),
        ({"batch_size": 0}, "invalid-count"),
        ({"batch_size": 1.5}, "invalid-count"),
        ({"seed": -1}, "invalid-seed"),
        ({"seed": 2**32}, "invalid-seed"),
        ({"seed": 0.0}, "invalid-seed"),
        ({"seed": None}, "invalid-seed"),
        ({"truncation": "1"}, "invalid-truncation"),
        ({"truncation": True}, "invalid-truncation"),
        ({"truncation": None}, "invalid-truncation"),
        ({"label": True}, "label-shape"),
        ({"label": np.bool_(1)}, "label-shape"),
        ({"label": [True, False]}, "label-shape"),
        ({"n": 10**12}, "too-large"),
    ],
)
def test_wrong_arguments_are_refused(models, options, code):
    with raises_code(code):
        models["cgan"].sample(**{"n": 2, **options})


def test_what_does_not_fit_in_memory_is_refused(models, monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CHECKED_SIZE", 0)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    assert memory.available_memory() == 100_000
    assert len(models["vae"].sample(10)) == 10
    with raises_code("too-large"):
        models["vae"].sample(1000)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 100_000


def test_the_latents_are_normal(models):
    z, _ = models["gan"].latents(20_000, seed=9)
    n = z.numel()
    assert abs(float(z.mean())) < 5 / n**0.5
    assert abs(float(z.var()) - 1) < 5 * (2 / n) ** 0.5
    correlation = (z[:-BLOCK_ROWS] * z[BLOCK_ROWS:]).mean()  # between blocks
    assert abs(float(correlation)) < 5 / n**0.5


def test_gaussians_of_classes_are_sampled_by_rows():
    gaussian = single_gaussian(Noise(0).normal(50, 3))
    z = draw_latents(gaussian, 300, seed=2)
    for n in (1, 7, 256, 299):
        assert torch.equal(draw_latents(gaussian, n, seed=2), z[:n])
        assert torch.equal(unit_noise(2, n), unit_noise(2, 300)[:n])
    for wrong, code in (((0, 1), "invalid-count"), ((1, -1), "invalid-seed")):
        with raises_code(code):
            draw_latents(gaussian, *wrong)


def test_many_latents_are_drawn_quickly():
    config = presets.gan_debug().model
    model = build(replace(config, latent_dim=64), tiny_data().card)
    model.latents(1)
    start = time.perf_counter()
    model.latents(50_000)
    assert time.perf_counter() - start < 2  # 0.04 s on an idle machine


def test_a_prior_sees_whole_blocks_of_labels(models):
    model = models["vae_class"]
    prior = model.prior(torch.zeros(2, dtype=torch.long), 2)
    assert isinstance(prior, DiagonalGaussian)
    z, labels = model.latents(3, 2, truncation=0.0)
    assert labels is not None
    assert labels.tolist() == [2, 2, 2]
    assert torch.equal(z, model.prior(labels, 3).mean.detach())
