"""How much a model has learned is measured on known cases."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.config import AutoencoderConfig, GANConfig
from latentarium.data.dataset import Data, to_float
from latentarium.data.subsets import scattered
from latentarium.diagnostics.learning import (
    MIN_RECONSTRUCTED,
    energy_distance,
    late_improvement,
    measure_learning,
    reconstructed_share,
    relative_distance,
)
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from latentarium.models.gan import GAN
from support.failing_runs import Replay, images, noise_images
from support.tiny import tiny_data


class Reconstructs(Autoencoder):
    """An autoencoder whose reconstructions are a mixture of the image and the mean image.

    Arguments:
        settings: Its configuration.
        data: Its data.
        share: The weight of the image.
    """

    def __init__(self, settings: AutoencoderConfig, data: Data, share: float) -> None:
        super().__init__(settings, data.card)
        self.mean, self.share = data.train.images.float().mean(0) / 127.5 - 1, share

    def reconstruct(self, x, y=None, *, batch_size=500):
        images = x.float() / 127.5 - 1
        return self.share * images + (1 - self.share) * self.mean


class Replays(GAN):
    """A GAN that generates training images, without noise.

    Arguments:
        settings: Its configuration.
        data: Its data.
    """

    def __init__(self, settings: GANConfig, data: Data) -> None:
        super().__init__(settings, data.card)
        self.known = to_float(data.train.images)

    def decode(self, z, y=None):
        return self.known[(1e6 * z[:, 0].double().abs()).long() % len(self.known)]


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1.0), (0.5, 0.75), (0.0, 0.0)])
def test_the_share_of_variation_is_exact_for_known_reconstructions(share, expected):
    data, settings = images(), presets.ae_debug()
    assert isinstance(settings.model, AutoencoderConfig)
    model = Reconstructs(settings.model, data, share).eval()
    assert reconstructed_share(model, data.train) == pytest.approx(expected, abs=1e-4)
    learning = measure_learning(settings, model, data, 0)
    assert bool(learning.problems) == (expected < MIN_RECONSTRUCTED)


def test_equal_images_have_no_variation_to_reconstruct():
    pixels = np.full((200, 1, 12, 10), 7, np.uint8)
    data, settings = la.load_data(pixels), presets.ae_debug()
    learning = measure_learning(settings, build(settings.model, data.card, 0).eval(), data, 0)
    assert (learning.evidence, learning.problems) == ({}, ())


def test_the_energy_distance_is_0_within_a_distribution_and_1_between_points_far_apart():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(500, 3, generator=generator) for _ in range(2))
    assert energy_distance(a, b) == pytest.approx(0, abs=0.01)
    assert energy_distance(a, b + 1000) == pytest.approx(1, abs=0.01)
    # two points at distance 1 against the same two points: 1 - 1 / (2 * 0.5)
    two = torch.tensor([[0.0], [1.0]])
    assert energy_distance(two, two) == pytest.approx(-1)
    assert energy_distance(torch.zeros(3, 2), torch.zeros(3, 2)) == 0


@pytest.mark.parametrize("kind", ["grey", "colour", "points"])
def test_the_distance_is_1_for_the_untrained_network_and_0_for_real_images(kind):
    settings = presets.gan_ring() if kind == "points" else presets.gan_debug()
    data = {
        "grey": lambda: tiny_data(),
        "colour": lambda: tiny_data(shape=(3, 12, 10)),
        "points": lambda: la.load_data("ring"),
    }[kind]()
    assert isinstance(settings.model, GANConfig)
    untrained = build(settings.model, data.card, 0).eval()
    real = to_float(scattered(data.train, 500).images)
    assert relative_distance(untrained, untrained, real, 0) == pytest.approx(1)
    replay = Replays(settings.model, data).eval()
    assert relative_distance(replay, untrained, real, 0) < 0.1
    learning = measure_learning(settings, replay, data, 0)
    assert learning.problems == ()


def test_noise_on_pixels_is_far_from_real_images():
    """The mean and the variance of each pixel are right, but no sample looks like an image."""
    data, settings = images(600), presets.gan_debug()
    assert isinstance(settings.model, GANConfig)
    mixed = data.train.images.clone()
    for row in range(mixed.shape[2]):
        for column in range(mixed.shape[3]):
            order = torch.randperm(len(mixed), generator=torch.Generator().manual_seed(row))
            mixed[:, :, row, column] = mixed[order.roll(column), :, row, column]
    shuffled = replace(data, train=replace(data.train, images=mixed))
    untrained = build(settings.model, data.card, 0).eval()
    real = data.train.images.float() / 127.5 - 1
    good, bad = (
        relative_distance(Replay(settings.model, each, 400).eval(), untrained, real, 0)
        for each in (data, shuffled)
    )
    assert good < 0.5 < bad


def test_images_like_an_untrained_network_are_not_compared_with_it():
    """A ratio to a distance near 0 means nothing."""
    data, settings = noise_images(400), presets.gan_debug()
    assert isinstance(settings.model, GANConfig)
    replay = Replay(settings.model, data, 300).eval()
    real = data.train.images.float() / 127.5 - 1
    assert math.isnan(relative_distance(replay, replay, real, 0))
    assert measure_learning(settings, replay, data, 0).problems == ()


def curve(*losses: float | None) -> list[dict]:
    return [
        {"step": 10 * (i + 1), "own": {"total": 1.0, "held_out": loss}}
        for i, loss in enumerate(losses)
    ]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ((4.0, 3.0, 2.0, 1.0), 2 / 3),
        ((4.0, 1.0, 1.0, 1.0), 0.0),
        ((4.0, 1.0, 1.5, 2.0), -0.5),  # it rises again
        ((1.0, 1.0, 1.0, 1.0), None),
        ((1.0, 2.0, 3.0, 4.0), None),  # nothing has been learned
        ((None, None, None, None), None),
        ((), None),
    ],
)
def test_the_improvement_in_the_second_half_is_a_share_of_all(losses, expected):
    share = late_improvement(curve(*losses))
    assert share == (None if expected is None else pytest.approx(expected))


def test_a_log_that_starts_in_the_second_half_shows_no_trend():
    rows = curve(4.0, 3.0, 2.0, 1.0)
    for row in rows:
        row["step"] += 1000
    assert late_improvement(rows) is None
