"""A prior may depend on the encoder, as the VampPrior does, and is copied with its model."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

import latentarium as la
from latentarium import presets, registry
from latentarium.config import AutoencoderConfig
from latentarium.distributions import DiagonalGaussian
from latentarium.models.build import build
from support.tiny import tiny_data


class PseudoInputs(la.Prior):
    """The posterior of one learned image, for all latents."""

    def __init__(self, context: la.PriorContext) -> None:
        super().__init__()
        self.context = context
        self.image = nn.Parameter(torch.zeros(1, *context.image_shape))

    @classmethod
    def build(cls, context, settings):
        return cls(context)

    def forward(self, y, n):
        posterior = self.context.encode(self.image)
        assert isinstance(posterior, DiagonalGaussian)
        return DiagonalGaussian(posterior.mean.expand(n, -1), posterior.log_variance.expand(n, -1))


@pytest.fixture
def model():
    name = "pseudo_inputs"
    la.register("prior", name)(PseudoInputs)
    config = presets.vae_debug().model
    assert isinstance(config, AutoencoderConfig)
    yield build(replace(config, prior=name), tiny_data().card)
    registry._entries["prior"].pop(name)


def test_the_prior_follows_the_encoder(model):
    before = model.prior(None, 2).mean
    with torch.no_grad():
        model.to_posterior.bias += 1
    torch.testing.assert_close(model.prior(None, 2).mean[:, :4], before[:, :4] + 1)


def test_the_weights_of_the_encoder_are_stored_once(model):
    names = [name for name in model.state_dict() if name.startswith("prior.")]
    assert names == ["prior.image"]


def test_the_prior_of_a_copy_uses_the_encoder_of_the_copy(model):
    twin = copy.deepcopy(model)
    with torch.no_grad():
        model.to_posterior.bias += 1
    assert not torch.allclose(twin.prior(None, 1).mean, model.prior(None, 1).mean)
