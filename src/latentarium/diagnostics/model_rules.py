"""Rules that find issues in a trained model, using the images that it was trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from latentarium.config import Config, ModelConfig, setting
from latentarium.data.batches import Batches
from latentarium.data.binarized_mnist import binarized_for_comparison
from latentarium.data.dataset import Data, Split, to_float
from latentarium.data.subsets import scattered
from latentarium.diagnostics.collapse import mode_collapse
from latentarium.diagnostics.fixes import fewer_dimensions, less_capacity, smaller_beta
from latentarium.diagnostics.issue import Issue, IssueName
from latentarium.diagnostics.log_rules import (
    DISCRIMINATOR,
    MAX_DISCRIMINATOR_OVERFIT,
    MAX_OVERFIT,
    MIN_RATE,
    guessing_loss,
)
from latentarium.diagnostics.messages import Evidence, InconclusiveError, Message
from latentarium.diagnostics.structure import lack_of_structure
from latentarium.errors import UserError
from latentarium.evaluation.active_units import active_units
from latentarium.evaluation.duality_gap import held_out_losses
from latentarium.metrics.memorization import measure_memorization
from latentarium.models.base import LatentModel
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Real

MAX_UNUSED_SHARE = 0.5
"""Share of latent dimensions that don't vary with the image. A VAE does not use dimensions that it
does not need: 0 to 2 of 16 in healthy runs on MNIST. If most dimensions are unused, the latent has
more dimensions than the images need, or the KL term has too much weight."""
MAX_COPIES = 0.05
"""Share of samples that are near-copies of training images. It is 0.01 for held-out images, 0 to
0.012 in healthy runs, and 1 for a model that replays its training images. Smooth samples may be
near to every image of a noisy data set. Memorization is therefore reported only if, in addition,
more samples are nearer to training images than to held-out images than chance can explain."""
MAX_TRAINING_IMAGES, MAX_HELD_OUT_IMAGES = 20_000, 10_000
"""Numbers of images that samples are compared with; they limit the time."""
MIN_HELD_OUT_SHARE = 0.1
"""Smallest number of held-out images, relative to training images. Samples are compared with
equally many images of both kinds, so with fewer held-out images most copies would be missed."""
MIN_BATCHES = 8
"""Smallest number of batches, and therefore of images, for the interval of a mean loss."""
MAX_BATCHES, MAX_BATCH_SIZE = 20, 64
"""Largest number and size of the batches whose losses are compared: up to 1,280 images of each
split."""


@dataclass(frozen=True)
class ModelRule:
    """A rule that finds an issue in a trained model.

    Arguments:
        issue: The issue that the rule finds.
        applies: Whether a model of this configuration can have the issue.
        check: Returns the issue if the model has it, else None. Its arguments are the
            configuration, the model, its data, the number of samples and a seed.
    """

    issue: IssueName
    applies: Callable[[ModelConfig], bool]
    check: Callable[[Config, LatentModel, Data, int, int], Issue | None]


def posterior_collapse(
    config: Config, model: LatentModel, data: Data, n: int, seed: int
) -> Issue | None:
    """Check for latent dimensions that carry no information (Burda et al., 2016), and for a latent
    in which no dimension carries information.

    Raises:
        InconclusiveError: No dimension carries information, and the images have nothing to encode.
    """
    some = scattered(data.validation, n)
    units = active_units(model, some.images, some.labels)
    total = model.latent_dim
    unused = total - units.count
    uninformative = units.count == 0 or units.rate < MIN_RATE
    if not uninformative and unused <= MAX_UNUSED_SHARE * total:
        return None
    if uninformative and (reason := lack_of_structure(data)):
        raise InconclusiveError.of(reason)
    evidence: dict[Evidence, Real] = {
        "active units": units.count,
        "latent dimensions": total,
        "rate in nats": units.rate,
    }
    beta = setting(config, "model.beta")
    if beta is not None:
        evidence["beta"] = beta
    if uninformative:
        sign, fix = Message("no rate", {}), smaller_beta(config)
    else:
        sign = Message("units unused", {"dead": unused, "total": total})
        fix = fewer_dimensions(units.count)
    return Issue(
        name="posterior collapse",
        signs=(sign,),
        evidence=evidence,
        fix=fix,
        severity="severe" if uninformative else "mild",
    )


def overfit(config: Config, model: LatentModel, data: Data, n: int, seed: int) -> Issue | None:
    """Compare the first player's loss on training images with its loss on held-out images.

    Raises:
        InconclusiveError: There are too few images.
        UserError: The loss has no known baseline, so the difference can't be interpreted (code
            "no-baseline").
    """
    player = model.players()[0]
    smallest = min(len(data.train), len(data.validation))
    if smallest < MIN_BATCHES:
        raise InconclusiveError("few images", images=smallest, least=MIN_BATCHES)
    size = min(MAX_BATCH_SIZE, smallest // MIN_BATCHES)
    training, held_out = (
        held_out_losses(player, model, batches, range(min(MAX_BATCHES, batches.per_epoch)), seed)
        for batches in (Batches(split, size, seed) for split in (data.train, data.validation))
    )
    error = float((training.var() / len(training) + held_out.var() / len(held_out)).sqrt())
    margin = normal_quantile(0.95) * error
    difference = float(held_out.mean() - training.mean())
    baseline: Evidence
    if player.name == DISCRIMINATOR and DISCRIMINATOR in config.model.equilibrium:
        baseline, limit = "loss of guessing", MAX_DISCRIMINATOR_OVERFIT
        improvement = guessing_loss(config.model)
    elif model.likelihood is not None:
        baseline, limit = "improvement over the mean training image", MAX_OVERFIT
        improvement = _mean_image_loss(model, data.train) - float(training.mean())
    else:
        raise UserError(
            f"The loss of the {player.name} has no known baseline: compare its training loss with "
            "its held-out loss in the log.",
            code="no-baseline",
        )
    if improvement <= 0 or (difference - margin) / improvement <= limit:
        return None
    return Issue(
        name="overfit",
        signs=(Message("overfit", {"player": player.name}),),
        evidence={
            "training loss": float(training.mean()),
            "held-out loss": float(held_out.mean()),
            "95 % margin of the difference": margin,
            baseline: improvement,
        },
        fix=less_capacity(config),
        severity="mild" if difference < 2 * limit * improvement else "severe",
    )


def copies(config: Config, model: LatentModel, data: Data, n: int, seed: int) -> Issue | None:
    """Check for samples that are nearer to training images than to held-out images.

    Raises:
        InconclusiveError: There are too few held-out images.
    """
    data = binarized_for_comparison(data)
    train = data.train.images
    held_out = torch.cat([data.validation.images, data.test.images])
    held_out = scattered(Split(held_out, None), MAX_HELD_OUT_IMAGES).images
    if len(held_out) < MIN_HELD_OUT_SHARE * len(train):
        raise InconclusiveError("few held out", train=len(train), held_out=len(held_out))
    result = measure_memorization(
        model.sample(n, seed=seed),
        scattered(data.train, MAX_TRAINING_IMAGES).images,
        held_out,
        seed=seed,
    )
    near_copies, nearer = result.near_copies_interval[0], result.nearer_interval[0]
    if near_copies < MAX_COPIES or nearer <= result.null_interval[1]:
        return None
    compared_share = min(1.0, MAX_TRAINING_IMAGES / len(train))
    return Issue(
        name="memorization",
        signs=(Message("copies", {}),),
        evidence={
            "share of near-copies": result.near_copies,
            "share of near-copies among real images": result.near_copies_reference,
            "share nearer to training images": result.nearer_to_training,
            "largest share without memorization": result.null_interval[1],
            "samples": result.n,
        },
        fix=less_capacity(config),
        severity="severe" if result.near_copies > 0.5 * compared_share else "mild",
    )


def _mean_image_loss(model: LatentModel, split: Split) -> float:
    """Return the distortion of always predicting the mean training image, in nats."""
    assert model.likelihood is not None
    images = to_float(scattered(split, 5000).images)
    output = model.likelihood.constant_output(images)
    output = output.expand(len(images), *output.shape[1:])
    return float(model.likelihood.nll(output, images).mean())


def _samples_from_prior(config: ModelConfig) -> bool:
    """Return whether samples follow the distribution of the data. Samples of a plain autoencoder
    don't, because no term of its loss matches its latents to the prior."""
    return config.has_likelihood or not config.has_encoder


MODEL_RULES = (
    ModelRule("mode collapse", lambda config: config.adversarial, mode_collapse),
    ModelRule("posterior collapse", lambda config: config.has_likelihood, posterior_collapse),
    ModelRule("memorization", _samples_from_prior, copies),
    ModelRule("overfit", lambda config: True, overfit),
)
"""All rules for a trained model."""
