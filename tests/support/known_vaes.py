"""VAEs whose log p(x) is known in closed form, and small untrained ones."""

import math
from dataclasses import replace

import torch
from torch import distributions as td
from torch import nn

from conftest import tiny_data
from latentarium import presets
from latentarium.config import AutoencoderConfig, DataCard, NetConfig
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build

SHAPE, D, Z = (1, 3, 4), 12, 3


class Flatten(nn.Module):
    """An encoder trunk without layers."""

    def forward(self, x, extra=None):
        return x.flatten(1)


def normal(*shape, seed=0):
    """Draw float64 numbers from N(0, 1)."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def vae_with_linear_encoder(latent_dim=Z, shape=SHAPE, **changes):
    """Build a VAE whose encoder is one affine map; the test replaces the decoder."""
    tiny = NetConfig(kind="mlp", width=4, depth=1)
    config = AutoencoderConfig(latent_dim=latent_dim, encoder=tiny, decoder=tiny, **changes)
    model = Autoencoder(config, DataCard(source="none", fingerprint="", image_shape=shape))
    model.register_module("encoder", Flatten())
    model.to_posterior = nn.Linear(math.prod(shape), 2 * latent_dim)
    return model


class LinearVAE:
    """A VAE with a linear Gaussian decoder, x = W z + b + s eps.

    log p(x) = log N(x; b, W W^T + s^2 I), and the posterior is N(S W^T (x - b) / s^2, S) with
    S = (I + W^T W / s^2)^-1, which is diagonal here.

    Arguments:
        std: s.
        dead: Number of latent dimensions that the decoder ignores.
    """

    def __init__(self, std=0.5, dead=0):
        columns = torch.linalg.qr(normal(D, Z, seed=1)).Q * torch.tensor([2.0, 1.0, 0.3]).double()
        columns[:, Z - dead :] = 0
        self.weight, self.bias, self.std = columns, 0.3 * normal(D, seed=2), std
        self.variance = 1 / (1 + columns.square().sum(0) / std**2)
        self.model = vae_with_linear_encoder(likelihood="gaussian", likelihood_std=std).double()
        decoder = nn.Sequential(nn.Linear(Z, D), nn.Unflatten(1, SHAPE)).double()
        decoder[0].weight.data, decoder[0].bias.data = columns, self.bias
        self.model.register_module("decoder", decoder)
        self.set_posterior()

    def set_posterior(self, stretch=1.0, shift=0.0, spread=1.0):
        """Set the encoder to the true posterior, or to one with another mean and variance."""
        mean = self.variance[:, None] * self.weight.T / self.std**2
        linear = self.model.to_posterior
        linear.weight.data = torch.cat([stretch * mean, torch.zeros(Z, D).double()])
        log_variance = (spread * self.variance).log()
        linear.bias.data = torch.cat([shift - stretch * mean @ self.bias, log_variance])

    def images(self, n=40, seed=3):
        """Draw images from the model."""
        z = normal(n, Z, seed=seed)
        x = z @ self.weight.T + self.bias + self.std * normal(n, D, seed=seed + 1)
        return x.reshape(n, *SHAPE)

    def exact_nll(self, x):
        """Return -log p(x) of each image."""
        covariance = self.weight @ self.weight.T + self.std**2 * torch.eye(D).double()
        return -td.MultivariateNormal(self.bias, covariance).log_prob(x.flatten(1))


def untrained_vae(preset, **changes):
    """Build a preset's VAE for the tiny images, with seeded random weights."""
    config = presets.get(preset).model
    assert isinstance(config, AutoencoderConfig)
    torch.manual_seed(0)
    model = build(replace(config, **changes), tiny_data().card)
    assert isinstance(model, Autoencoder)
    return model
