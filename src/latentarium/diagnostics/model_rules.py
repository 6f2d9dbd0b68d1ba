"""What a model made of its images: nothing (posterior collapse), or too much (overfit,
memorization)."""

import torch
from torch import Tensor

from latentarium.config import AutoencoderConfig, Config, GANConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import Data, Split, to_float
from latentarium.diagnostics.fixes import fewer_dimensions, less_capacity, smaller_beta
from latentarium.diagnostics.issue import Finding
from latentarium.diagnostics.log_rules import NO_RATE, OVERFIT, OVERFIT_GAME
from latentarium.diagnostics.messages import Evidence, NotShown, Said
from latentarium.evaluation.duality_gap import held_out_losses
from latentarium.evaluation.likelihood import active_units
from latentarium.evaluation.subject import scattered
from latentarium.metrics.memorization import memorization
from latentarium.models.base import LatentModel
from latentarium.stats.intervals import normal_quantile

MOSTLY_DEAD = 0.5
"""Share of units that no longer vary with the image. A VAE drops units that it doesn't need, and
healthy ones drop 0 to 2 of 16 (MNIST); where most are dropped, the latent is larger than the
images need, or the rate weighs too much."""
COPIES = 0.05
"""Share of samples that are near-copies, where real held-out images have 0.01. Healthy runs are
at 0.00 to 0.012, a model that replays its images at 1. Where images are noisy, smooth samples are
near to all of them, so a sample must also be nearer to training images than to as many held-out
ones more often than a model without memory could be."""
KNOWN, UNKNOWN = 20_000, 10_000
"""Training and held-out images that samples are compared with, for the time that it takes."""
REACH = 0.1
"""Held-out images over training images below which a copy is too seldom met to be noticed."""
FEWEST = 8
"""Batches, and so images, below which a mean loss has no interval to speak of."""
BATCHES, BATCH = 20, 64
"""Of the images whose loss is compared: up to 1,280 of either split."""


def posterior_collapse(
    config: Config, model: LatentModel, data: Data, n: int, seed: int
) -> Finding | None:
    """Units of z that don't tell images apart (Burda et al., 2016), and what all of them say."""
    some = scattered(data.validation, n)
    units = active_units(model, some.images, some.labels)
    total, rate = model.latent_dim, float(units.rates.sum())
    dead = total - units.count
    nothing = units.count == 0 or rate < NO_RATE
    if not nothing and dead <= MOSTLY_DEAD * total:
        return None
    assert isinstance(config.model, AutoencoderConfig)
    return Finding(
        disease="posterior collapse",
        signs=(
            Said("no rate", {})
            if nothing
            else Said("units unused", {"dead": dead, "total": total}),
        ),
        evidence={
            "units in use": units.count,
            "of": total,
            "rate in nats": rate,
            "beta": config.model.beta,
        },
        remedy=smaller_beta(config) if nothing else fewer_dimensions(units.count),
        severity="severe" if nothing else "mild",
    )


def overfit(config: Config, model: LatentModel, data: Data, n: int, seed: int) -> Finding | None:
    """The loss on images that were trained on beside that on held-out ones."""
    game = isinstance(config.model, GANConfig)
    player = model.players()[0]
    fewest = min(len(data.train), len(data.validation))
    if fewest < FEWEST:
        raise NotShown("few images", images=fewest, least=FEWEST)
    size = min(BATCH, fewest // FEWEST)
    seen, unseen = (
        held_out_losses(player, model, batches, range(min(BATCHES, batches.per_epoch)), seed)
        for batches in (Batches(split, size, seed) for split in (data.train, data.validation))
    )
    error = float((seen.var() / len(seen) + unseen.var() / len(unseen)).sqrt())
    gap = float(unseen.mean() - seen.mean())
    if not model.adversarial:
        learned, limit = _constant(model, data.train) - float(seen.mean()), OVERFIT
    else:
        assert isinstance(config.model, GANConfig)
        learned, limit = config.model.equilibrium["discriminator"], OVERFIT_GAME
    if learned <= 0 or (gap - normal_quantile(0.95) * error) / learned <= limit:
        return None
    beside: Evidence = (
        "loss of guessing"
        if game
        else "gain on training images over always answering with their mean"
    )
    return Finding(
        disease="overfit",
        signs=(Said("overfit", {"player": player.name}),),
        evidence={
            "training loss": float(seen.mean()),
            "held-out loss": float(unseen.mean()),
            "95 % error of the difference": normal_quantile(0.95) * error,
            beside: learned,
        },
        remedy=less_capacity(config),
        severity="mild" if gap < 2 * limit * learned else "severe",
    )


def copies(config: Config, model: LatentModel, data: Data, n: int, seed: int) -> Finding | None:
    """Samples that are nearer to training images than to held-out ones.

    Raises:
        UserError: Too few held-out images.
    """
    train = data.train.images
    held_out = torch.cat([data.validation.images, data.test.images])
    held_out = scattered(Split(held_out, None), UNKNOWN).images
    if len(held_out) < REACH * len(train):
        raise NotShown("few held out", train=len(train), held_out=len(held_out))
    found = memorization(
        model.sample(n, seed=seed), scattered(data.train, KNOWN).images, held_out, seed=seed
    )
    near, nearer = found.near_copies_interval[0], found.nearer_interval[0]
    if near < COPIES or nearer <= found.null_interval[1]:
        return None
    compared = min(1.0, KNOWN / len(train))
    return Finding(
        disease="memorization",
        signs=(Said("copies", {}),),
        evidence={
            "share of near-copies": found.near_copies,
            "the same of real images": found.near_copies_floor,
            "share nearer to training images": found.nearer_to_training,
            "at most without memory": found.null_interval[1],
            "samples": found.n,
        },
        remedy=less_capacity(config),
        severity="severe" if found.near_copies > 0.5 * compared else "mild",
    )


def _constant(model: LatentModel, split: Split) -> float:
    """The loss of always answering with the mean training image, in nats."""
    images = to_float(scattered(split, 5000).images)
    middle: Tensor = images.mean(0, keepdim=True).expand_as(images)
    assert model.likelihood is not None
    return float(model.likelihood.nll(model.likelihood.output_of(middle), images).mean())
