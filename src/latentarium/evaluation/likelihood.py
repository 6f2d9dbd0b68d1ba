"""How probable a VAE finds images, in nats for each image. An NLL is positive: lower is better.

    rate        KL(q(z | x) || p(z))
    distortion  -E_q log p(x | z)
    ELBO        -(rate + distortion)  <=  log p(x)
    NLL at k    -log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x),   z_1 ... z_k ~ q(z | x)

In expectation the NLL at k falls with k, from -ELBO at k = 1 to -log p(x): what is printed is an
upper bound, and tight only where the weights are even (`effective_share`). An interval speaks of
the sampling of the images alone.

What the number means depends on the pixels: see `protocol`.

References:
    Importance weighted autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    Fixing a broken ELBO (Alemi et al., 2018), https://arxiv.org/abs/1711.00464
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.config import setting
from latentarium.data.binarized_mnist import DYNAMIC, STATIC, is_binary, is_published
from latentarium.data.dataset import Data
from latentarium.distributions import DiagonalGaussian
from latentarium.evaluation.joint_density import (
    bits_per_dimension,
    evaluating,
    groups,
    require_finite,
    require_vae,
)
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, LabelSet, LatentVector, PerDraw, PerPoint, Pixels
from latentarium.stats.intervals import Interval, bootstrap

UNIT_RESAMPLES = 200
BOUNDS = (1, 100, 1000, 5000)
"""Where the bound is shown on its way."""
GREY, BINARY, DENSITY = "grey-bce", "binary", "gaussian-density"
GIVEN_LABEL = "-given-label"
MEANING = {
    DYNAMIC: "Dynamically binarized MNIST: comparable with published numbers of that protocol.",
    STATIC: "Larochelle's fixed binarization of MNIST: comparable with numbers of that protocol.",
    BINARY: "A likelihood of binary images, but of no published protocol.",
    GREY: "Not a likelihood: a cross-entropy between grey values, comparable with no NLL.",
    DENSITY: "A density of pixels in [-1, 1] with a fixed deviation, which may exceed 1: "
    "comparable at the same deviation only, and with no likelihood of binary images.",
}


def protocol(model: LatentModel, images: Images | Pixels, data: Data | None = None) -> str:
    """Names what a VAE's likelihood of these images is, so that unlike ones don't compare.

        mnist-dynamic     a model trained on "mnist-dynamic" with `binarize`, and images that are
                          bit for bit from its validation or test split
        mnist-static      the same with "mnist-static" (any training)
        binary            Bernoulli likelihood of other images that are off or on
        grey-bce          Bernoulli likelihood of pixels that are not: no likelihood of anything
        gaussian-density-stdS   Gaussian likelihood with deviation S, a density

    A model that takes labels gives p(x | y), and its name ends in "-given-label". `explain` says
    each in a sentence.

    Arguments:
        data: What the images are from. Without it "mnist-dynamic" is loaded to compare with, and
            nothing is called mnist-static, as its files don't ship.

    Raises:
        UserError: The model is no VAE.
    """
    vae = require_vae(model)
    assert vae.likelihood is not None
    if not vae.likelihood.discrete:
        name = f"{DENSITY}-std{setting(vae.config, 'likelihood_std')}"
    elif not is_binary(images):
        name = GREY
    else:
        trained = setting(vae.config, "binarize", False) or vae.data.source != DYNAMIC
        published = trained and is_published(vae.data, images, data)
        name = vae.data.source if published else BINARY
    return name + (GIVEN_LABEL if vae.takes_label else "")


def explain(name: str) -> str:
    """What a protocol's name means, in a sentence."""
    known = next(key for key in MEANING if name.startswith(key))
    given = (
        " Here of images given their labels, p(x | y), which compares with no p(x)."
        if name.endswith(GIVEN_LABEL)
        else ""
    )
    return MEANING[known] + given


@dataclass(frozen=True, kw_only=True)
class Elbo:
    """The evidence lower bound and its two parts, each a mean over images in nats."""

    elbo: float
    elbo_interval: Interval
    rate: float
    rate_interval: Interval
    distortion: float
    distortion_interval: Interval
    bits_per_dimension: float
    """-ELBO in bits over the number of pixels; of a density it may be negative."""
    per_image: PerPoint
    samples: int
    n: int
    seed: int


def elbo(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None = None,
    *,
    samples: int = 10,
    seed: int = 0,
    batch_size: int = 2000,
) -> Elbo:
    """The ELBO with an exact rate and a distortion over draws from the posterior. It is the ELBO
    whatever the weight beta that the model was trained with.

    Arguments:
        model: A VAE.
        images: At least 2, as models see them or as stored.
        labels: Their classes, for a model that takes labels; others don't look at them.
        samples: Draws of z for each image.
        seed: Of the draws.
        batch_size: Latents decoded at once: memory, not meaning.

    Raises:
        UserError: The model is no VAE, images or labels don't fit it, or a value is not finite.
    """
    vae = require_vae(model)
    rates, distortions = [], []
    with evaluating(vae):
        for part in groups(vae, images, labels, samples, batch_size):
            rates.append(part.posterior.kl(part.prior).double().cpu())
            found = [-part.log_likelihood(z) for z in part.draws(samples, seed, batch_size)]
            distortions.append(torch.cat(found, 1).mean(1).cpu())
    rate, distortion = require_finite(torch.cat(rates)), require_finite(torch.cat(distortions))
    bound = -(rate + distortion)
    return Elbo(
        elbo=float(bound.mean()),
        elbo_interval=bootstrap(bound, seed=seed),
        rate=float(rate.mean()),
        rate_interval=bootstrap(rate, seed=seed),
        distortion=float(distortion.mean()),
        distortion_interval=bootstrap(distortion, seed=seed),
        bits_per_dimension=bits_per_dimension(-float(bound.mean()), vae),
        per_image=bound,
        samples=samples,
        n=len(images),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ImportanceNLL:
    """The importance-weighted NLL, a mean over images in nats; lower is better."""

    nll: float
    interval: Interval
    bounds: dict[int, float]
    """The NLL at k = 1, 100, 1000, 5000, as far as there are samples, and at the last one. Each
    is a mean over all whole sets of k among the same draws, so no step can rise where each k
    divides the next."""
    effective_share: float
    """(sum w)^2 / sum w^2 over the number of samples, mean over images: 1 where the posterior is
    exact, near 0 where few draws decide and the bound is loose."""
    lowest_effective_share: float
    """Of the image where it is lowest."""
    bits_per_dimension: float
    """The NLL in bits over the number of pixels; of a density it may be negative."""
    per_image: PerPoint
    samples: int
    n: int
    seed: int


def importance_nll(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None = None,
    *,
    samples: int = 5000,
    seed: int = 0,
    batch_size: int = 2000,
    progress: Callable[[int], object] | None = None,
) -> ImportanceNLL:
    """-log p(x) by importance sampling from the posterior (Burda et al., 2016), an upper bound.

    Arguments:
        model: A VAE.
        images: At least 2, as models see them or as stored.
        labels: Their classes, for a model that takes labels; others don't look at them.
        samples: Draws of z for each image. Fewer draws are the first ones of more.
        seed: Of the draws, with the image's place in the set.
        batch_size: Latents decoded at once: memory, not meaning, except for rounding.
        progress: Told how many images are done.

    Raises:
        UserError: The model is no VAE, images or labels don't fit it, or a value is not finite.
    """
    vae = require_vae(model)
    steps = sorted({k for k in BOUNDS if k < samples} | {samples})
    found: list[Tensor] = []
    done = 0
    with evaluating(vae):
        for part in groups(vae, images, labels, samples, batch_size):
            draws = part.draws(samples, seed, batch_size)
            log_w = torch.cat([part.log_weight(z).cpu() for z in draws], 1)
            found.append(torch.stack([*(_bound(log_w, k) for k in steps), effective_share(log_w)]))
            done += len(log_w)
            if progress:
                progress(done)
    *at, share = require_finite(torch.cat(found, 1))
    nll = float(at[-1].mean())
    return ImportanceNLL(
        nll=nll,
        interval=bootstrap(at[-1], seed=seed),
        bounds={k: float(values.mean()) for k, values in zip(steps, at, strict=True)},
        effective_share=float(share.mean()),
        lowest_effective_share=float(share.min()),
        bits_per_dimension=bits_per_dimension(nll, vae),
        per_image=at[-1],
        samples=samples,
        n=len(images),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ActiveUnits:
    """Which dimensions of z tell images apart."""

    count: int
    """Units whose variance is above the threshold."""
    interval: Interval
    """By bootstrap over the images; most often one number, as units are clearly alive or not."""
    variances: LatentVector
    """Of the posterior's mean, over the images, unit by unit."""
    rates: LatentVector
    """The mean KL to the prior, unit by unit, in nats; they sum to the rate."""
    threshold: float
    n: int


def active_units(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None = None,
    *,
    threshold: float = 0.01,
    seed: int = 0,
    batch_size: int = 2000,
) -> ActiveUnits:
    """Counts the units of z whose posterior mean varies over the images by more than a threshold
    (Burda et al., 2016). A unit that does not has collapsed onto the prior.

    Raises:
        UserError: The model is no VAE, or images or labels don't fit it.
    """
    vae = require_vae(model)
    means, rates = [], []
    with evaluating(vae):
        for part in groups(vae, images, labels, 1, batch_size):
            mean = part.posterior.mean
            means.append(mean.double().cpu())
            assert isinstance(part.prior, DiagonalGaussian)
            kl = _each_unit(part.posterior).kl(_each_unit(part.prior))
            rates.append(kl.double().cpu().reshape(mean.shape))
    every = require_finite(torch.cat(means))
    variances = every.var(0)

    def count(sample: Tensor) -> Tensor:
        return (sample.var(0) > threshold).double().sum()

    return ActiveUnits(
        count=int(count(every)),
        interval=bootstrap(every, count, resamples=UNIT_RESAMPLES, seed=seed),
        variances=variances,
        rates=require_finite(torch.cat(rates)).mean(0),
        threshold=threshold,
        n=len(images),
    )


def effective_share(log_w: PerDraw) -> PerPoint:
    """The effective sample size of weights over their number, for each image (Kong, 1992)."""
    log_size = 2 * log_w.logsumexp(1) - (2 * log_w).logsumexp(1)
    return log_size.exp() / log_w.shape[1]


def _bound(log_w: PerDraw, k: int) -> PerPoint:
    """The NLL from k draws, meant over the whole sets of k that there are."""
    sets = log_w.shape[1] // k
    parts = log_w[:, : sets * k].unflatten(1, (sets, k))
    return (math.log(k) - parts.logsumexp(2)).mean(1)


def _each_unit(gaussian: DiagonalGaussian) -> DiagonalGaussian:
    """Each dimension as a sample of its own."""
    return DiagonalGaussian(gaussian.mean.reshape(-1, 1), gaussian.log_variance.reshape(-1, 1))
