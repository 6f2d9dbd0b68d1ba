"""Adversarial losses, which map logits to one value per sample.

D is the discriminator's logit. Each player minimizes its loss. To add a loss, register a subclass
of `AdversarialLoss` with `@register("adversarial_loss", name)`.

References:
    Generative adversarial nets (Goodfellow et al., 2014), https://arxiv.org/abs/1406.2661
    The relativistic discriminator (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734
    The GAN is dead; long live the GAN! (Huang et al., 2025), https://arxiv.org/abs/2501.05441
    Geometric GAN (Lim and Ye, 2017), https://arxiv.org/abs/1705.02894
    Which training methods for GANs do actually converge? (Mescheder et al., 2018),
    https://arxiv.org/abs/1801.04406
    Generative adversarial text to image synthesis (Reed et al., 2016),
    https://arxiv.org/abs/1605.05396
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F

from latentarium.config import AdversarialLossConfig, resolve
from latentarium.registry import register
from latentarium.shapes import Images, Logits, PerSample

LN2 = math.log(2)


class AdversarialLoss(ABC):
    """A pair of losses, for the discriminator and the generator.

    The i-th real image is paired with the i-th generated one.
    """

    equilibrium: ClassVar[Mapping[str, float]]
    """Each player's loss, in nats, if the discriminator can't tell real from generated images."""

    @abstractmethod
    def discriminator(self, real: Logits, fake: Logits) -> PerSample:
        """Return the loss of the discriminator for each pair."""

    @abstractmethod
    def generator(self, real: Logits, fake: Logits) -> PerSample:
        """Return the loss of the generator for each pair."""


@register("adversarial_loss", "relativistic")
class Relativistic(AdversarialLoss):
    """softplus(-(D(real) - D(fake))) for the discriminator, softplus(-(D(fake) - D(real))) for the
    generator. Both depend only on the difference of the logits."""

    equilibrium: ClassVar[Mapping[str, float]] = {"discriminator": LN2, "generator": LN2}

    def discriminator(self, real: Logits, fake: Logits) -> PerSample:
        return F.softplus(-(real - fake))

    def generator(self, real: Logits, fake: Logits) -> PerSample:
        return F.softplus(-(fake - real))


@register("adversarial_loss", "non_saturating")
class NonSaturating(AdversarialLoss):
    """The losses of the original GAN, with -log sigmoid(D(fake)) for the generator."""

    equilibrium: ClassVar[Mapping[str, float]] = {"discriminator": 2 * LN2, "generator": LN2}

    def discriminator(self, real: Logits, fake: Logits) -> PerSample:
        return F.softplus(-real) + F.softplus(fake)

    def generator(self, real: Logits, fake: Logits) -> PerSample:
        return F.softplus(-fake)


@register("adversarial_loss", "hinge")
class Hinge(AdversarialLoss):
    """Hinge losses for the discriminator, -D(fake) for the generator."""

    equilibrium: ClassVar[Mapping[str, float]] = {"discriminator": 2.0, "generator": 0.0}

    def discriminator(self, real: Logits, fake: Logits) -> PerSample:
        return F.relu(1 - real) + F.relu(1 + fake)

    def generator(self, real: Logits, fake: Logits) -> PerSample:
        return -fake


def build_adversarial_loss(choice: str | AdversarialLossConfig) -> AdversarialLoss:
    """Build a loss from its name or its settings.

    Raises:
        UserError: No such loss is registered (code "unknown-component").
    """
    loss, settings = resolve("adversarial_loss", choice)
    return loss() if settings is None else loss(settings=settings)


def squared_gradient(logits: Logits, x: Images) -> PerSample:
    """Return |grad_x D(x)|^2: R1 for real images x, R2 for generated ones.

    It is summed over channels and pixels, and can be differentiated again. The caller multiplies
    by gamma / 2. Each logit must depend on its own image only.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1)
