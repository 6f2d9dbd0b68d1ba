"""The likelihood of images under a VAE, in nats per image. An NLL is positive: lower is better.

    rate        KL(q(z | x) || p(z))
    distortion  -E_q log p(x | z)
    ELBO        -(rate + distortion)  <=  log p(x)
    NLL at k    -log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x),   z_1 ... z_k ~ q(z | x)

In expectation the NLL at k falls with k, from -ELBO at k = 1 towards -log p(x). The reported value
is therefore an upper bound, and tight only if the weights are nearly equal (`effective_share`).
The intervals account for the choice of images only.

The meaning of the number depends on the pixels: see `likelihood_protocol`.

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
from latentarium.distributions import Bernoulli, DiagonalGaussian, Gaussian
from latentarium.evaluation.joint_density import (
    MAX_WEIGHTS,
    ImageGroup,
    bits_per_dimension,
    image_groups,
    require_finite,
    require_likelihood,
)
from latentarium.models.base import LatentModel
from latentarium.models.modes import evaluation_mode
from latentarium.shapes import (
    Images,
    LabelSet,
    LatentVector,
    PerImageLatent,
    PerPoint,
    PerSample,
    Pixels,
)
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Interval

ACTIVE_UNIT_RESAMPLES = 200
REPORTED_SAMPLES = (1, 100, 1000, 5000)
"""Numbers of importance samples at which the bound is reported."""
GREY, BINARY, DENSITY, OTHER = "grey-bce", "binary", "gaussian-density", "other"
GIVEN_LABEL = "-given-label"
PROTOCOLS = {
    DYNAMIC: "Dynamically binarized MNIST: comparable with published numbers of that protocol.",
    STATIC: "Larochelle's fixed binarization of MNIST: comparable with numbers of that protocol.",
    BINARY: "A likelihood of binary images, but not by a published protocol.",
    GREY: "Not a likelihood: a cross-entropy between grey values, not comparable with any NLL.",
    DENSITY: "A density, not a probability, of pixels in [-1, 1], with a fixed standard "
    "deviation: comparable only at the same standard deviation, and not with likelihoods of "
    "binary images.",
    OTHER: "A likelihood defined outside the package: comparable only with the same likelihood.",
}
"""Descriptions by the beginning of a protocol's name."""


def likelihood_protocol(
    model: LatentModel, images: Images | Pixels, data: Data | None = None
) -> str:
    """Return a name for the likelihood of these images. Likelihoods can be compared only if they
    have the same name.

        mnist-dynamic     a model trained on "mnist-dynamic" with `binarize`, and images that are
                          bit for bit from its validation or test split
        mnist-static      the same with "mnist-static" (any training)
        binary            Bernoulli likelihood of other binary images
        grey-bce          binary cross-entropy of grey images, which is not a likelihood
        gaussian-density-stdS   Gaussian likelihood with standard deviation S, a density
        other-NAME        a custom likelihood

    A model that takes labels gives p(x | y), and the name ends in "-given-label".
    `describe_protocol` explains each name in a sentence.

    Arguments:
        model: A model with a likelihood.
        images: The images that are measured.
        data: The data that the images are from. If None, the images are compared with
            "mnist-dynamic" only, because the files of "mnist-static" don't ship with the package.

    Raises:
        UserError: The model has no likelihood (code "no-likelihood").
    """
    require_likelihood(model)
    likelihood, source = model.likelihood, model.data.source
    if isinstance(likelihood, Gaussian):
        name = f"{DENSITY}-std{likelihood.std}"
    elif not isinstance(likelihood, Bernoulli):
        name = f"{OTHER}-{likelihood.name}" if likelihood else OTHER
    elif not is_binary(images):
        name = GREY
    else:
        trained = setting(model.config, "binarize", False) or source != DYNAMIC
        published = trained and is_published(model.data, images, data)
        name = source if published else BINARY
    return name + (GIVEN_LABEL if model.takes_label else "")


def describe_protocol(name: str) -> str:
    """Return a sentence that explains a name from `likelihood_protocol`."""
    description = next(text for start, text in PROTOCOLS.items() if name.startswith(start))
    given = (
        " Here it is the likelihood of images given their labels, p(x | y), which is not "
        "comparable with p(x)."
        if name.endswith(GIVEN_LABEL)
        else ""
    )
    return description + given


@dataclass(frozen=True, kw_only=True)
class Elbo:
    """The evidence lower bound and its two parts: means over images, in nats.

    Arguments:
        elbo, rate, distortion: The values, each with its 95 % interval.
        bits_per_dimension: -ELBO in bits per pixel and channel; can be negative for a density.
        per_image: The ELBO of each image.
        samples: Number of latents per image.
        n: Number of images.
        seed: The argument of `elbo`.
    """

    elbo: float
    elbo_interval: Interval
    rate: float
    rate_interval: Interval
    distortion: float
    distortion_interval: Interval
    bits_per_dimension: float
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
    """Measure the ELBO. It does not depend on the weight beta that the model was trained with.

    The rate is exact if posterior and prior are Gaussian; otherwise it is estimated from the same
    latents as the distortion.

    Arguments:
        model: A model with a likelihood.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels; ignored otherwise.
        samples: Number of latents per image.
        seed: The seed of the latents.
        batch_size: Latents decoded at a time. It limits memory and does not change the result.

    Raises:
        UserError: The model has no likelihood, images or labels don't fit it, or a value is not
            finite.
    """
    require_likelihood(model)
    rates, distortions = [], []
    with evaluation_mode(model):
        for group in image_groups(model, images, labels, samples, batch_size):
            exact = _exact_rate(group)
            if exact is not None:
                rates.append(exact)
            nll, ratio = [], []
            for z in group.draws(samples, seed, batch_size):
                nll.append(-group.log_likelihood(z))
                if exact is None:
                    ratio.append(group.log_ratio(z))
            distortions.append(torch.cat(nll, 1).mean(1).cpu())
            if exact is None:
                rates.append(torch.cat(ratio, 1).mean(1).cpu())
    rate, distortion = require_finite(torch.cat(rates)), require_finite(torch.cat(distortions))
    bound = -(rate + distortion)
    return Elbo(
        elbo=float(bound.mean()),
        elbo_interval=bootstrap(bound, seed=seed),
        rate=float(rate.mean()),
        rate_interval=bootstrap(rate, seed=seed),
        distortion=float(distortion.mean()),
        distortion_interval=bootstrap(distortion, seed=seed),
        bits_per_dimension=bits_per_dimension(-float(bound.mean()), model),
        per_image=bound,
        samples=samples,
        n=len(images),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ImportanceNLL:
    """The importance-weighted NLL: the mean over images, in nats; lower is better.

    Arguments:
        nll: The NLL, with its 95 % `interval`.
        bounds: The NLL by k, for k = `samples` and for those of 1, 100, 1000 and 5000 that are
            smaller. Each NLL is a mean over all complete sets of k of the same latents, so it
            can't rise from a value of k to a multiple of that value.
        effective_share: (sum w)^2 / sum w^2 divided by the number of samples; mean over images. It
            is 1 if the posterior is exact, and near 0 if a few latents dominate and the bound is
            loose.
        lowest_effective_share: The lowest effective share of an image.
        bits_per_dimension: The NLL in bits per pixel and channel; can be negative for a density.
        per_image: The NLL of each image.
        samples: Number of latents per image.
        n: Number of images.
        seed: The argument of `importance_nll`.
    """

    nll: float
    interval: Interval
    bounds: dict[int, float]
    effective_share: float
    lowest_effective_share: float
    bits_per_dimension: float
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
    max_weights: int = MAX_WEIGHTS,
    progress: Callable[[int], object] | None = None,
) -> ImportanceNLL:
    """Estimate -log p(x), an upper bound, by importance sampling from the posterior (Burda et al.,
    2016).

    Arguments:
        model: A model with a likelihood.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels; ignored otherwise.
        samples: Number of latents per image. The latents are the first of those that a larger
            number gives.
        seed: The seed. The latents of an image depend on the seed and the image's index.
        batch_size: Latents decoded at a time. It limits memory, and changes results only by
            rounding.
        max_weights: Importance weights in memory at a time. It limits memory, and changes results
            only by rounding.
        progress: Called with the number of images done.

    Raises:
        UserError: The model has no likelihood, images or labels don't fit it, or a value is not
            finite.
    """
    require_likelihood(model)
    reported = sorted({k for k in REPORTED_SAMPLES if k < samples} | {samples})
    results: list[Tensor] = []
    done = 0
    with evaluation_mode(model):
        for group in image_groups(
            model, images, labels, samples, batch_size, max_weights=max_weights
        ):
            draws = group.draws(samples, seed, batch_size)
            log_w = torch.cat([group.log_weight(z).cpu() for z in draws], 1)
            bounds = [_bound(log_w, k) for k in reported]
            results.append(torch.stack([*bounds, effective_share(log_w)]))
            done += len(log_w)
            if progress:
                progress(done)
    *bounds, share = require_finite(torch.cat(results, 1))
    nll = float(bounds[-1].mean())
    return ImportanceNLL(
        nll=nll,
        interval=bootstrap(bounds[-1], seed=seed),
        bounds={k: float(values.mean()) for k, values in zip(reported, bounds, strict=True)},
        effective_share=float(share.mean()),
        lowest_effective_share=float(share.min()),
        bits_per_dimension=bits_per_dimension(nll, model),
        per_image=bounds[-1],
        samples=samples,
        n=len(images),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ActiveUnits:
    """The latent dimensions that carry information about the image.

    Arguments:
        count: The number of units whose variance is above the threshold.
        interval: Its 95 % bootstrap interval over the images. Both ends are usually equal, because
            most units are clearly active or clearly inactive.
        variances: The variance over images of the posterior mean, for each unit.
        rate: The mean KL divergence of the posterior from the prior, in nats.
        rates: The rate of each unit; None if posterior or prior is not a diagonal Gaussian.
        threshold: The argument of `active_units`.
        n: Number of images.
    """

    count: int
    interval: Interval
    variances: LatentVector
    rate: float
    rates: LatentVector | None
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
    """Count the units of z whose posterior mean varies over the images by more than a threshold
    (Burda et al., 2016). The other units have collapsed onto the prior.

    Arguments:
        model: A model with a likelihood.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels; ignored otherwise.
        threshold: The smallest variance of an active unit.
        seed: Seed of the bootstrap for the confidence interval.
        batch_size: Images encoded at a time. It limits memory and does not change the result.

    Raises:
        UserError: The model has no likelihood, or images or labels don't fit it.
    """
    require_likelihood(model)
    means, unit_rates, other_rates = [], [], []
    with evaluation_mode(model):
        for group in image_groups(model, images, labels, 1, batch_size):
            posterior, prior = group.posterior, group.prior
            mean = posterior.mean
            means.append(mean.double().cpu())
            if isinstance(posterior, DiagonalGaussian) and isinstance(prior, DiagonalGaussian):
                kl = _units_as_samples(posterior).kl(_units_as_samples(prior))
                unit_rates.append(kl.double().cpu().reshape(mean.shape))
            else:
                draws = torch.cat(list(group.draws(10, seed, batch_size)), 1)
                other_rates.append(group.log_ratio(draws).mean(1).cpu())
    means = require_finite(torch.cat(means))

    def count(sample: Tensor) -> Tensor:
        return (sample.var(0) > threshold).double().sum()

    rates = None
    if unit_rates:
        rates = require_finite(torch.cat(unit_rates)).mean(0)
        rate = float(rates.sum())
    else:
        rate = float(require_finite(torch.cat(other_rates)).mean())
    return ActiveUnits(
        count=int(count(means)),
        interval=bootstrap(means, count, resamples=ACTIVE_UNIT_RESAMPLES, seed=seed),
        variances=means.var(0),
        rate=rate,
        rates=rates,
        threshold=threshold,
        n=len(images),
    )


def effective_share(log_w: PerImageLatent) -> PerPoint:
    """Return the effective sample size of importance weights, divided by the number of weights
    (Kong, 1992).

    Arguments:
        log_w: The log weights of each image.
    """
    log_size = 2 * log_w.logsumexp(1) - (2 * log_w).logsumexp(1)
    return log_size.exp() / log_w.shape[1]


def _bound(log_w: PerImageLatent, k: int) -> PerPoint:
    """Return the NLL from k latents, averaged over all complete sets of k latents."""
    sets = log_w.shape[1] // k
    parts = log_w[:, : sets * k].unflatten(1, (sets, k))
    return (math.log(k) - parts.logsumexp(2)).mean(1)


def _exact_rate(group: ImageGroup) -> PerSample | None:
    """Return the rate of each image in closed form; None if there is none."""
    gaussian = isinstance(group.posterior, DiagonalGaussian) and isinstance(
        group.prior, DiagonalGaussian
    )
    return group.posterior.kl(group.prior).double().cpu() if gaussian else None


def _units_as_samples(gaussian: DiagonalGaussian) -> DiagonalGaussian:
    """Turn each dimension of each sample into a separate sample."""
    return DiagonalGaussian(gaussian.mean.reshape(-1, 1), gaussian.log_variance.reshape(-1, 1))
