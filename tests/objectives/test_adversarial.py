"""Theorems about adversarial losses and gradient penalties."""

import pytest
import torch

from latentarium.config import ADVERSARIAL_LOSSES
from latentarium.objectives import build_adversarial_loss, squared_gradient
from latentarium.rng import Noise
from support.errors import raises_code

KINDS = ADVERSARIAL_LOSSES
relativistic = build_adversarial_loss("relativistic")


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    w = Noise(0).normal(2, 3, 4)
    x = Noise(1).normal(5, 2, 3, 4).requires_grad_()
    found = squared_gradient((x * w).flatten(1).sum(1), x)
    torch.testing.assert_close(found, w.square().sum().expand(5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_blind_discriminator_gives_the_equilibrium_values(kind):
    zero = torch.zeros(4)
    loss = build_adversarial_loss(kind)
    d, g = loss.discriminator(zero, zero), loss.generator(zero, zero)
    torch.testing.assert_close(d, torch.full((4,), loss.equilibrium["discriminator"]))
    torch.testing.assert_close(g, torch.full((4,), loss.equilibrium["generator"]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_players_push_generated_images_in_opposite_directions(kind):
    real, fake = Noise(2).normal(8) * 0.3, (Noise(3).normal(8) * 0.3).requires_grad_()
    (down,) = torch.autograd.grad(
        build_adversarial_loss(kind).discriminator(real, fake).sum(), fake
    )
    (up,) = torch.autograd.grad(build_adversarial_loss(kind).generator(real, fake).sum(), fake)
    assert (down > 0).all()
    assert (up < 0).all()


def test_the_relativistic_loss_depends_on_differences_of_logits_only():
    real, fake = Noise(4).normal(6), Noise(5).normal(6)
    torch.testing.assert_close(
        relativistic.discriminator(real, fake),
        relativistic.discriminator(real + 3, fake + 3),
    )
    torch.testing.assert_close(
        relativistic.discriminator(real, fake), relativistic.generator(fake, real)
    )


def test_an_unknown_loss_is_a_user_error():
    with raises_code("unknown-component"):
        build_adversarial_loss("wgan")
