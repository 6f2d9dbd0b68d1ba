"""GAN and conditional GAN: a generator against a discriminator.

Each player minimizes its own loss over its own parameters only; where neither can gain by moving
alone the game is at a Nash equilibrium. With labels, the generator reads an embedding of the class
(a blend for soft labels), and the discriminator scores image and class together by projection:

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
from latentarium.distributions import Posterior, StandardNormal
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.models.game import Loss, Player
from latentarium.nn.trunks import DecoderTrunk, EncoderTrunk
from latentarium.objectives import adversarial
from latentarium.rng import Noise
from latentarium.shapes import Features, Images, Labels, Latents, Logits, SoftLabels


class Generator(nn.Module):
    """z, perhaps with a class, to an image, in [-1, 1] if bounded."""

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__()
        self.embed = (
            nn.Linear(len(data.classes), LABEL_SIZE, False) if config.conditional else None
        )
        inputs = config.latent_dim + (LABEL_SIZE if self.embed else 0)
        self.trunk = DecoderTrunk(inputs, data.image_shape, config.generator)
        self.bounded = config.bounded
        if self.embed:
            nn.init.normal_(self.embed.weight)

    def forward(self, z: Latents, weights: SoftLabels | None) -> Images:
        if self.embed is not None:
            z = torch.cat([z, self.embed(weights)], 1)
        images = self.trunk(z)
        return torch.tanh(images) if self.bounded else images


class Discriminator(nn.Module):
    """How real an image looks, and with a class, how well it fits it: one logit."""

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__()
        self.trunk = EncoderTrunk(data.image_shape, config.discriminator)
        features = self.trunk.num_features
        self.realism = nn.Linear(features, 1)
        self.embed = nn.Linear(len(data.classes), features, False) if config.conditional else None
        if self.embed:
            nn.init.normal_(self.embed.weight, std=features**-0.5)

    def forward(self, x: Images, weights: SoftLabels | None) -> Logits:
        return self.score(self.trunk(x), weights)

    def score(self, features: Features, weights: SoftLabels | None) -> Logits:
        """The logit of images whose features are known."""
        logits = self.realism(features).squeeze(1)
        if self.embed is not None:
            logits = logits + (self.embed(weights) * features).sum(1)
        return logits.to(self.realism.weight.dtype)  # in mixed precision it comes with less


LABEL_SIZE = 16


class GAN(LatentModel):
    """Two players: the discriminator moves first in each round, then the generator."""

    config: GANConfig

    def __init__(self, config: GANConfig, data: DataCard) -> None:
        super().__init__(config, data)
        if config.wrong_label_weight > 0 and self.num_classes < 2:
            raise UserError(
                f"{data.source} has one class only, so no label is wrong: set wrong_label_weight "
                "to 0, or give data of more classes."
            )
        self.generator = Generator(config, data)
        self.discriminator = Discriminator(config, data)
        self.prior = StandardNormal(config.latent_dim)

    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        return self.generator(z, self.condition(y))

    def discriminate(self, x: Images, y: Labels | SoftLabels | None = None) -> Logits:
        """The discriminator's logit: above 0 it leans to real (and, with y, to fitting y)."""
        return self.discriminator(x, self.condition(y))

    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Posterior:
        raise UserError(
            "A GAN has no encoder, so it can't tell which latent an image comes from: use an "
            "autoencoder or a VAE."
        )

    def reconstruct(self, x: Images, y: Labels | SoftLabels | None = None) -> Images:
        raise UserError(
            "A GAN has no encoder, so it can't reconstruct an image: use an autoencoder or a VAE."
        )

    def players(self) -> list[Player]:
        return [
            Player("discriminator", self.discriminator, self.discriminator_loss),
            Player("generator", self.generator, self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch, noise: Noise) -> Loss:
        """Adversarial loss + gamma/2 (R1 + R2), each step; with labels, + wrong-label refusal."""
        config, weights = self.config, self.condition(self.seen(batch.y))
        count = len(batch.x)
        with torch.no_grad():
            fakes = self.generator(noise.normal(count, config.latent_dim), weights)
        both = torch.cat([batch.x, fakes]).requires_grad_()
        features = self.discriminator.trunk(both)
        both_weights = None if weights is None else torch.cat([weights, weights])
        logits = self.discriminator.score(features, both_weights)
        squared = adversarial.squared_gradient(logits, both)
        real, fake = logits.split(count)
        r1, r2 = (part.mean() for part in squared.split(count))
        game = adversarial.discriminator_loss(config.loss, real, fake).mean()
        total = game + 0.5 * (config.r1 * r1 + config.r2 * r2)
        terms = {"adversarial": game, "real_logit": real.mean(), "fake_logit": fake.mean()}
        terms |= {"r1": r1, "r2": r2, "pair_accuracy": (real > fake).float().mean()}
        if weights is not None and config.wrong_label_weight > 0:
            wrong = self.discriminator.score(features[:count], self._wrong(weights, noise))
            refused = adversarial.discriminator_loss(config.loss, real, wrong).mean()
            total = total + config.wrong_label_weight * refused
            terms |= {"wrong_label": refused, "wrong_logit": wrong.mean()}
        return Loss(total, {name: term.detach() for name, term in terms.items()})

    def generator_loss(self, batch: Batch, noise: Noise) -> Loss:
        """Adversarial loss of fresh fakes, paired with real images of the same labels."""
        weights = self.condition(self.seen(batch.y))
        fake_images = self.generator(noise.normal(len(batch.x), self.latent_dim), weights)
        fake = self.discriminator(fake_images, weights)
        with torch.no_grad():
            real = self.discriminator(batch.x, weights)
        game = adversarial.generator_loss(self.config.loss, real, fake).mean()
        return Loss(game, {"adversarial": game.detach()})

    def _wrong(self, weights: SoftLabels, noise: Noise) -> Tensor:
        """For each image one of the classes that it is not, evenly at random."""
        shift = 1 + noise.integers(self.num_classes - 1, len(weights))
        wrong = (weights.argmax(1) + shift) % self.num_classes
        return nn.functional.one_hot(wrong, self.num_classes).float()
