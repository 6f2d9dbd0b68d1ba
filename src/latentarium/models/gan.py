"""GAN and conditional GAN: a generator against a discriminator.

Each player minimizes its own loss over its own parameters only. The game is at a Nash equilibrium
if neither player can reduce its loss by changing its parameters alone. With labels, the generator
takes an embedding of the class (a blend of embeddings for soft labels), and the discriminator
scores image and class together by projection:

    D(x, y) = w . f(x) + v_y . f(x)

References: those of `objectives.adversarial`, and
    Conditional generative adversarial nets (Mirza and Osindero, 2014),
    https://arxiv.org/abs/1411.1784
    cGANs with projection discriminator (Miyato and Koyama, 2018),
    https://arxiv.org/abs/1802.05637
"""

import torch
from torch import Tensor, nn

from latentarium.config import DataCard, GANConfig
from latentarium.data.batches import Batch
from latentarium.distributions import Prior, StandardNormal
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.models.game import Loss, Player
from latentarium.nn import DecoderTrunk, EncoderTrunk, build_decoder, build_encoder
from latentarium.objectives import AdversarialLoss, build_adversarial_loss, squared_gradient
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Features, Images, Labels, Latents, Logits, SoftLabels
from latentarium.texts import Text

LABEL_SIZE = 16
"""Size of the generator's embedding of a class."""


class Generator(nn.Module):
    """A network from z (and a class, if conditional) to an image, in [-1, 1] if bounded."""

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__()
        self.embed: nn.Linear | None = (
            nn.Linear(len(data.classes), LABEL_SIZE, False) if config.conditional else None
        )
        inputs = config.latent_dim + (LABEL_SIZE if self.embed else 0)
        self.trunk: DecoderTrunk = build_decoder(config.generator, inputs, data.image_shape)
        self.bounded: bool = config.bounded
        if self.embed:
            nn.init.normal_(self.embed.weight)

    def forward(self, z: Latents, weights: SoftLabels | None) -> Images:
        """Return the images of latents, given the weights of their classes."""
        if self.embed is not None:
            z = torch.cat([z, self.embed(weights)], 1)
        images = self.trunk(z)
        return torch.tanh(images) if self.bounded else images


class Discriminator(nn.Module):
    """A network from an image (and its class, if conditional) to a logit of its realism."""

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__()
        self.trunk: EncoderTrunk = build_encoder(config.discriminator, data.image_shape)
        features = self.trunk.num_features
        self.realism: nn.Linear = nn.Linear(features, 1)
        self.embed: nn.Linear | None = (
            nn.Linear(len(data.classes), features, False) if config.conditional else None
        )
        if self.embed:
            nn.init.normal_(self.embed.weight, std=features**-0.5)

    def forward(self, x: Images, weights: SoftLabels | None) -> Logits:
        """Return the logits of images, given the weights of their classes."""
        return self.score(self.trunk(x), weights)

    def heads(self) -> tuple[nn.Module, ...]:
        """Return the layers whose sum is the logit."""
        return (self.realism,) if self.embed is None else (self.realism, self.embed)

    def score(self, features: Features, weights: SoftLabels | None) -> Logits:
        """Return the logits of images from their features."""
        logits = self.realism(features).squeeze(1)
        if self.embed is not None:
            logits = logits + (self.embed(weights) * features).sum(1)
        return logits


@register("family", "gan", settings=GANConfig)
class GAN(LatentModel):
    """A GAN has two players. In each round the discriminator moves first, then the generator."""

    config: GANConfig

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__(config, data)
        if config.wrong_label_weight > 0 and self.num_classes < 2:
            raise UserError(
                Text(
                    "{source} has only one class, so there are no wrong labels: set "
                    "wrong_label_weight to 0, or give data with more classes.",
                    source=data.source,
                ),
                code="too-few-classes",
            )
        self.generator: Generator = Generator(config, data)
        self.discriminator: Discriminator = Discriminator(config, data)
        self.prior: Prior = StandardNormal(config.latent_dim)
        self.adversarial_loss: AdversarialLoss = build_adversarial_loss(config.loss)

    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        return self.generator(z, self._class_weights(y))

    def discriminate(self, x: Images, y: Labels | SoftLabels | None = None) -> Logits:
        return self.discriminator(x, self._class_weights(y))

    def players(self) -> list[Player]:
        return [
            Player(
                "discriminator", self.discriminator, self.discriminator_loss,
                heads=self.discriminator.heads(),
            ),
            Player(
                "generator", self.generator, self.generator_loss, heads=(self.generator.trunk,)
            ),
        ]  # fmt: skip

    def discriminator_loss(self, batch: Batch, noise: Noise) -> Loss:
        """Return adversarial loss + r1/2 R1 + r2/2 R2 + wrong_label_weight * wrong-label loss.

        The penalties R1 and R2 are part of every `penalty_every`-th move only, with
        `penalty_every` times their weights. A measurement has them as they are.
        """
        config, weights = self.config, self._batch_weights(batch)
        count = len(batch.x)
        every = 1 if batch.move is None else config.penalty_every
        penalized = batch.move is None or batch.move % every == 0
        with torch.no_grad():
            fakes = self.generator(noise.normal(count, config.latent_dim), weights)
        both = torch.cat([batch.x, fakes]).requires_grad_(penalized)
        features = self.discriminator.trunk(both)
        both_weights = None if weights is None else torch.cat([weights, weights])
        logits = self.discriminator.score(features, both_weights)
        real, fake = logits.split(count)
        total = game = self.adversarial_loss.discriminator(real, fake).mean()
        terms = {"adversarial": game, "real_logit": real.mean(), "fake_logit": fake.mean()}
        terms["pair_accuracy"] = (real > fake).float().mean()
        if penalized:
            squared = squared_gradient(logits, both)
            r1, r2 = (part.mean() for part in squared.split(count))
            total = total + 0.5 * every * (config.r1 * r1 + config.r2 * r2)
            terms |= {"r1": r1, "r2": r2}
        if weights is not None and config.wrong_label_weight > 0:
            wrong = self.discriminator.score(features[:count], self._wrong(weights, noise))
            refused = self.adversarial_loss.discriminator(real, wrong).mean()
            total = total + config.wrong_label_weight * refused
            terms |= {"wrong_label": refused, "wrong_logit": wrong.mean()}
        return Loss(total, {name: term.detach() for name, term in terms.items()})

    def generator_loss(self, batch: Batch, noise: Noise) -> Loss:
        """Return the adversarial loss of samples, paired with real images of the same labels."""
        weights = self._batch_weights(batch)
        fake_images = self.generator(noise.normal(len(batch.x), self.latent_dim), weights)
        fake = self.discriminator(fake_images, weights)
        with torch.no_grad():
            real = self.discriminator(batch.x, weights)
        game = self.adversarial_loss.generator(real, fake).mean()
        return Loss(game, {"adversarial": game.detach()})

    def _batch_weights(self, batch: Batch) -> SoftLabels | None:
        return self._class_weights(batch.y if self.takes_label else None)

    def _wrong(self, weights: SoftLabels, noise: Noise) -> Tensor:
        """Return a wrong class for each image, drawn uniformly, as one-hot weights."""
        shift = 1 + noise.integers(self.num_classes - 1, len(weights))
        wrong = (weights.argmax(1) + shift) % self.num_classes
        return nn.functional.one_hot(wrong, self.num_classes).float()
