"""Objectives of VAEs: what training minimizes, registered by name.

    elbo                  distortion + rate, minus the evidence lower bound
    importance_weighted   minus a tighter bound, from several latents per image
    free_bits             the ELBO, in which a small rate costs nothing

To add one, register a subclass of `Objective` with `@register("objective", name)`.

References:
    Auto-encoding variational Bayes (Kingma and Welling, 2014), https://arxiv.org/abs/1312.6114
    Importance weighted autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    Improving variational inference with inverse autoregressive flow (Kingma et al., 2016),
    https://arxiv.org/abs/1606.04934: free bits
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from latentarium.config import FreeBitsConfig, ImportanceWeightedConfig, ObjectiveConfig, resolve
from latentarium.distributions import Distribution
from latentarium.objectives.bounds import importance_weighted_bound
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Latents, PerSample, Scalar


@dataclass(frozen=True)
class Inference:
    """A batch of images as an objective sees it.

    Arguments:
        posterior: q(z | x) of each image.
        prior: p(z) of each image.
        distortion: Function from one latent of each image to -log p(x | z), in nats. It also takes
            several latents per image, as one set of latents after the other.
    """

    posterior: Distribution
    prior: Distribution
    distortion: Callable[[Latents], PerSample]


@dataclass(frozen=True)
class ObjectiveValue:
    """The value of an objective for a batch, and its parts, in nats per image.

    Arguments:
        total: What training minimizes.
        distortion: The mean of -log p(x | z).
        rate: The mean of KL(q(z | x) || p(z)), or of its estimate.
    """

    total: Scalar
    distortion: Scalar
    rate: Scalar


class Objective(ABC):
    """What encoder, decoder and prior of a VAE minimize."""

    @abstractmethod
    def value(self, inference: Inference, noise: Noise, weight: float) -> ObjectiveValue:
        """Return the value for a batch.

        Arguments:
            inference: The batch.
            noise: The source of the latents.
            weight: Factor on the rate.
        """


@register("objective", "elbo")
class NegativeELBO(Objective):
    """distortion + weight * rate, from one latent of each image."""

    def value(self, inference: Inference, noise: Noise, weight: float) -> ObjectiveValue:
        z = inference.posterior.sample(noise)
        distortion = inference.distortion(z).mean()
        rate = inference.posterior.kl(inference.prior, z).mean()
        return ObjectiveValue(distortion + weight * rate, distortion, rate)


@register("objective", "importance_weighted", settings=ImportanceWeightedConfig)
class ImportanceWeighted(Objective):
    """Minus the importance-weighted bound, in which `weight` scales the log ratio q(z | x) / p(z).

    Arguments:
        settings: The number of latents of each image.
    """

    def __init__(self, settings: ImportanceWeightedConfig) -> None:
        self.samples: int = settings.samples

    def value(self, inference: Inference, noise: Noise, weight: float) -> ObjectiveValue:
        z, log_q = inference.posterior.sample_several(noise, self.samples)
        sets = z.transpose(0, 1)
        distortion = inference.distortion(sets.flatten(0, 1)).unflatten(0, sets.shape[:2]).T
        ratio = log_q - inference.prior.log_probs(z)
        bound = importance_weighted_bound(-distortion - weight * ratio)
        return ObjectiveValue(-bound.mean(), distortion.mean(), ratio.mean())


@register("objective", "free_bits", settings=FreeBitsConfig)
class FreeBits(Objective):
    """distortion + weight * sum_j max(nats, rate_j), where rate_j is what dimension j contributes
    to the mean rate of the batch, as `Distribution.kl_by_dimension` defines it.

    Arguments:
        settings: The rate of a dimension that costs nothing.
    """

    def __init__(self, settings: FreeBitsConfig) -> None:
        self.nats: float = settings.nats

    def value(self, inference: Inference, noise: Noise, weight: float) -> ObjectiveValue:
        z = inference.posterior.sample(noise)
        distortion = inference.distortion(z).mean()
        rates = inference.posterior.kl_by_dimension(inference.prior, z).mean(0)
        total = distortion + weight * rates.clamp_min(self.nats).sum()
        return ObjectiveValue(total, distortion, rates.sum())


def build_objective(choice: str | ObjectiveConfig) -> Objective:
    """Build an objective from its name or its settings.

    Raises:
        UserError: No such objective is registered (code "unknown-component").
    """
    objective, settings = resolve("objective", choice)
    return objective() if settings is None else objective(settings=settings)
