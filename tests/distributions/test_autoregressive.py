"""The fast inverse of a flow equals the inverse of zuko, which evaluates whole networks."""

import pytest
import torch

from latentarium.config import FlowPriorConfig
from latentarium.distributions import FlowPrior
from latentarium.distributions.autoregressive import invert_autoregressive
from latentarium.rng import Noise

NARROW = {"width": 5}  # fewer hidden units than dimensions
COUPLING = {"coupling": True}
SPLINE = {"transform": "spline"}


def flow(dimensions: int, **settings) -> FlowPrior:
    torch.manual_seed(0)
    prior = FlowPrior(dimensions, settings=FlowPriorConfig(**settings))
    for parameter in prior.parameters():  # away from the initial state
        parameter.data += 0.1 * torch.randn_like(parameter)
    return prior.requires_grad_(False)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 16])
@pytest.mark.parametrize("settings", [{}, NARROW, COUPLING, SPLINE, SPLINE | COUPLING | NARROW])
def test_the_inverse_is_that_of_zuko(dimensions, settings):
    transform = flow(dimensions, **{"width": 32, "transforms": 3} | settings).transform
    y = torch.randn(50, dimensions)
    x = invert_autoregressive(transform, y)
    torch.testing.assert_close(x, transform().inv(y), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(transform()(x), y, rtol=1e-3, atol=1e-3)


def test_samples_are_the_same_with_and_without_gradients():
    prior = flow(6, width=16, components=3)
    with torch.no_grad():
        fast = prior(None, 20).sample(Noise(0))
    torch.testing.assert_close(fast, prior(None, 20).sample(Noise(0)), rtol=1e-4, atol=1e-4)


def test_latents_can_be_differentiated():
    prior = flow(4, width=16)
    eps = torch.randn(3, 4, requires_grad=True)
    prior(None, 3).unwhiten(eps).sum().backward()
    assert eps.grad is not None
    assert bool((eps.grad != 0).all())


def test_no_latents():
    assert invert_autoregressive(flow(3).transform, torch.zeros(0, 3)).shape == (0, 3)
