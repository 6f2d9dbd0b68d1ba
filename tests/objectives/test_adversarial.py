"""Theorems about the adversarial formulas."""

import pytest
import torch

from latentarium.objectives.adversarial import (
    EQUILIBRIUM,
    discriminator_loss,
    generator_loss,
    squared_gradient,
)
from latentarium.rng import Noise

KINDS = list(EQUILIBRIUM)


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    w = Noise(0).normal(2, 3, 4)
    x = Noise(1).normal(5, 2, 3, 4).requires_grad_()
    found = squared_gradient((x * w).flatten(1).sum(1), x)
    torch.testing.assert_close(found, w.square().sum().expand(5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_blind_discriminator_gives_the_equilibrium_values(kind):
    zero = torch.zeros(4)
    d, g = discriminator_loss(kind, zero, zero), generator_loss(kind, zero, zero)
    torch.testing.assert_close(d, torch.full((4,), EQUILIBRIUM[kind]["discriminator"]))
    torch.testing.assert_close(g, torch.full((4,), EQUILIBRIUM[kind]["generator"]))


@pytest.mark.parametrize("kind", KINDS)
def test_players_want_opposite_things_of_the_fakes(kind):
    real, fake = Noise(2).normal(8) * 0.3, (Noise(3).normal(8) * 0.3).requires_grad_()
    (down,) = torch.autograd.grad(discriminator_loss(kind, real, fake).sum(), fake)
    (up,) = torch.autograd.grad(generator_loss(kind, real, fake).sum(), fake)
    assert (down > 0).all()
    assert (up < 0).all()


def test_the_relativistic_game_sees_only_differences():
    real, fake = Noise(4).normal(6), Noise(5).normal(6)
    torch.testing.assert_close(
        discriminator_loss("relativistic", real, fake),
        discriminator_loss("relativistic", real + 3, fake + 3),
    )
    torch.testing.assert_close(
        discriminator_loss("relativistic", real, fake), generator_loss("relativistic", fake, real)
    )


def test_an_unknown_game_is_an_error():
    with pytest.raises(ValueError, match="no adversarial loss"):
        discriminator_loss("wgan", torch.zeros(1), torch.zeros(1))
