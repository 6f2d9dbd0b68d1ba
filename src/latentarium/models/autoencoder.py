"""Autoencoders and VAEs, which differ only in the posterior that `encode` returns.

    autoencoder   minimizes  -log p(x | z),                     z = E(x)
    VAE           minimizes  -log p(x | z) + beta KL(q(z|x) || p(z)),   z ~ q(z | x)
                  or another objective: see `objectives.variational`

References:
    Auto-encoding variational Bayes (Kingma and Welling, 2014), https://arxiv.org/abs/1312.6114
    beta-VAE (Higgins et al., 2017), https://openreview.net/forum?id=Sy2fzU9gl
    Extracting and composing robust features with denoising autoencoders (Vincent et al., 2008)
    Importance weighted autoencoders (Burda, Grosse and Salakhutdinov, 2016),
    https://arxiv.org/abs/1509.00519: `binarize`
    Generating sentences from a continuous space (Bowman et al., 2016): `kl_warmup_steps`
    Learning structured output representation using deep conditional generative models (Sohn et
    al., 2015)
"""

import math
from dataclasses import replace

import torch
from torch import nn

from latentarium.config import AutoencoderConfig, DataCard, name_of
from latentarium.data.batches import Batch
from latentarium.distributions import (
    DiagonalGaussian,
    Distribution,
    Likelihood,
    Point,
    Prior,
    PriorContext,
    build_likelihood,
    build_prior,
)
from latentarium.distributions.likelihoods import binarize
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.models.game import Loss, Player
from latentarium.models.inputs import ImageFormat
from latentarium.nn import DecoderTrunk, EncoderTrunk, build_decoder, build_encoder
from latentarium.objectives import Inference, Objective, build_objective
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import DecoderOutput, Images, Labels, Latents, PerSample, SoftLabels
from latentarium.texts import Text

LOG_VARIANCE_BOUND = 12.0
"""The posterior's log-variance stays within this distance of 0."""
NOISE_BOUND = 10.0
"""Standard deviations of noise that may be added to an image."""


@register("family", "autoencoder", settings=AutoencoderConfig)
class Autoencoder(LatentModel):
    """Encoder, latent, decoder. A single player owns all parameters."""

    config: AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, data: DataCard) -> None:
        super().__init__(config, data)
        # a denoising autoencoder encodes noisy images
        bound = self.image_format.bound + NOISE_BOUND * config.noise_std
        self.image_format: ImageFormat = replace(self.image_format, bound=bound)
        label_size = self.num_classes if config.conditional else 0
        self.encoder: EncoderTrunk = build_encoder(config.encoder, self.image_shape, label_size)
        outputs = config.latent_dim * (2 if config.posterior == "gaussian" else 1)
        self.to_posterior: nn.Linear = nn.Linear(self.encoder.num_features, outputs)
        self.likelihood: Likelihood = (  # pyright: ignore[reportIncompatibleVariableOverride]
            build_likelihood(config.likelihood, config.likelihood_std)
        )
        of_pixels = self.likelihood.eight_bit or self.likelihood.binary
        if of_pixels and math.isinf(self.image_format.bound):
            raise UserError(
                Text(
                    "The likelihood '{likelihood}' is a probability of pixels, but "
                    "{source} has points: set likelihood to 'gaussian'.",
                    likelihood=name_of(config.likelihood),
                    source=data.source,
                ),
                code="pixels-needed",
            )
        self.objective: Objective = build_objective(config.objective)
        channels, height, width = self.image_shape
        self.decoder: DecoderTrunk = build_decoder(
            config.decoder,
            config.latent_dim + label_size,
            (channels * self.likelihood.outputs_per_value, height, width),
        )
        context = PriorContext(config.latent_dim, self.num_classes, self.image_shape, self.encode)
        self.prior: Prior = build_prior(config.prior, context)

    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Distribution:
        output = self.to_posterior(self.encoder(self._network_input(x), self._class_weights(y)))
        if self.config.posterior == "point":
            return Point(output)
        mean, log_variance = output.chunk(2, 1)
        return DiagonalGaussian(mean, log_variance.clamp(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND))

    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        return self.likelihood.mean(self._output(z, y))

    def players(self) -> list[Player]:
        return [Player("autoencoder", self, self.loss, heads=(self.decoder,))]

    def loss(self, batch: Batch, noise: Noise) -> Loss:
        """Return the value of the objective in nats per image: for an autoencoder, and by default
        for a VAE, distortion + weight * rate."""
        x = binarize(batch.x, noise) if self.config.binarize else batch.x
        seen = x
        if self.config.noise_std > 0:
            seen = seen + self.config.noise_std * noise.normal(*seen.shape)
        y = batch.y if self.takes_label else None
        posterior = self.encode(seen, y)
        if not posterior.has_density:
            distortion = self.distortion(x, posterior.sample(noise), y).mean()
            return Loss(distortion, {"distortion": distortion.detach()})

        def distortion_of(z: Latents) -> PerSample:
            sets = len(z) // len(x)
            labels = None if y is None else torch.cat([y] * sets)
            return self.distortion(torch.cat([x] * sets), z, labels)

        inference = Inference(posterior, self.prior(y, len(x)), distortion_of)
        value = self.objective.value(inference, noise, self._rate_weight(batch.step))
        terms = {"distortion": value.distortion.detach(), "rate": value.rate.detach()}
        return Loss(value.total, terms)

    def _rate_weight(self, step: int | None) -> float:
        """Return the weight of the KL term at a step of the training, or None for after it."""
        warmup = self.config.kl_warmup_steps
        if step is None or step >= warmup:
            return self.config.beta
        return self.config.beta * step / warmup

    def distortion(self, x: Images, z: Latents, y: Labels | SoftLabels | None = None) -> PerSample:
        return self.likelihood.nll(self._output(z, y), x)

    def _network_input(self, x: Images) -> Images:
        """Return images in the range of pixels that the encoder's network gets."""
        return (x + 1) / 2 if self.config.encoder_range == "unit" else x

    def _output(self, z: Latents, y: Labels | SoftLabels | None) -> DecoderOutput:
        """Return the parameters of p(x | z), such as logits or means."""
        weights = self._class_weights(y)
        return self.decoder(z if weights is None else torch.cat([z, weights], 1))
