"""Autoencoder and VAE: one class, for they differ only in the posterior that `encode` returns.

    autoencoder   minimizes  -log p(x | z),                     z = E(x)
    VAE           minimizes  -log p(x | z) + beta KL(q(z|x) || p(z)),   z ~ q(z | x)

References:
    Auto-encoding variational Bayes (Kingma and Welling, 2014), https://arxiv.org/abs/1312.6114
    beta-VAE (Higgins et al., 2017), https://openreview.net/forum?id=Sy2fzU9gl
    Extracting and composing robust features with denoising autoencoders (Vincent et al., 2008)
    Importance weighted autoencoders (Burda, Grosse and Salakhutdinov, 2016): `binarize`
    Learning structured output representation using deep conditional generative models (Sohn et
    al., 2015)
"""

import torch
from torch import nn

from latentarium.config import AutoencoderConfig, DataCard
from latentarium.data.batches import Batch
from latentarium.distributions import (
    Bernoulli,
    ClassGaussian,
    DiagonalGaussian,
    Gaussian,
    Likelihood,
    Point,
    Posterior,
    StandardNormal,
)
from latentarium.models.base import LatentModel
from latentarium.models.game import Loss, Player
from latentarium.nn.trunks import DecoderTrunk, EncoderTrunk
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, Latents, PerSample, SoftLabels


class Autoencoder(LatentModel):
    """Encoder, latent, decoder: a game of one player, who owns them all."""

    config: AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, data: DataCard) -> None:
        super().__init__(config, data)
        label_size = self.num_classes if config.conditional else 0
        self.encoder = EncoderTrunk(self.image_shape, config.encoder, label_size)
        outputs = config.latent_dim * (2 if config.posterior == "gaussian" else 1)
        self.to_posterior = nn.Linear(self.encoder.num_features, outputs)
        self.decoder = DecoderTrunk(
            config.latent_dim + label_size, self.image_shape, config.decoder
        )
        self.prior = (
            ClassGaussian(config.latent_dim, self.num_classes)
            if config.prior == "class_gaussian"
            else StandardNormal(config.latent_dim)
        )
        self.likelihood: Likelihood = (
            Bernoulli() if config.likelihood == "bernoulli" else Gaussian(config.likelihood_std)
        )

    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Posterior:
        output = self.to_posterior(self.encoder(x, self.condition(y)))
        output = output.to(self.to_posterior.weight.dtype)  # in mixed precision it comes with less
        if self.config.posterior == "point":
            return Point(output)
        mean, log_variance = output.chunk(2, 1)
        return DiagonalGaussian(mean, log_variance.clamp(-12, 12))

    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        return self.likelihood.mean(self._output(z, y))

    def reconstruct(self, x: Images, y: Labels | SoftLabels | None = None) -> Images:
        return self.decode(self.encode(x, y).mean, y)

    def players(self) -> list[Player]:
        return [Player("autoencoder", self, self.loss)]

    def loss(self, batch: Batch, noise: Noise) -> Loss:
        """Distortion + beta * rate, in nats per image."""
        x = self._drawn(batch.x, noise) if self.config.binarize else batch.x
        seen = x
        if self.config.noise_std > 0:
            seen = seen + self.config.noise_std * noise.normal(*seen.shape)
        y = self.seen(batch.y)
        posterior = self.encode(seen, y)
        z = posterior.rsample(noise)
        distortion = self.distortion(x, z, y).mean()
        if isinstance(posterior, Point):
            return Loss(distortion, {"distortion": distortion.detach()})
        rate = posterior.kl(self.prior.given(batch.y, len(z))).mean()
        terms = {"distortion": distortion.detach(), "rate": rate.detach()}
        return Loss(distortion + self.config.beta * rate, terms)

    def distortion(self, x: Images, z: Latents, y: Labels | SoftLabels | None = None) -> PerSample:
        """-log p(x | z), in nats, for each pair of an image and a latent."""
        return self.likelihood.nll(self._output(z, y), x)

    def _drawn(self, x: Images, noise: Noise) -> Images:
        """Each pixel on (1) with its grey value as probability, else off (-1); what is on or off
        already stays so."""
        return 2 * (noise.uniform(*x.shape) < (x + 1) / 2).to(x.dtype) - 1

    def _output(self, z: Latents, y: Labels | SoftLabels | None) -> Images:
        """What the likelihood turns into an image: logits or means."""
        weights = self.condition(y)
        return self.decoder(z if weights is None else torch.cat([z, weights], 1))
