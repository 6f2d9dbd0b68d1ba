"""The likelihood of images under a VAE, in nats per image. An NLL is positive: lower is better.

    rate        KL(q(z | x) || p(z))
    distortion  -E_q log p(x | z)
    ELBO        -(rate + distortion)  <=  log p(x)
    NLL at k    -log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x),   z_1 ... z_k ~ q(z | x)

In expectation the NLL at k falls with k, from -ELBO at k = 1 towards -log p(x). The reported value
is therefore an upper bound, and tight only if the weights are nearly equal (`effective_share`).
The intervals account for the choice of images only.

The meaning of the number depends on the pixels: see `likelihood_protocols`.

References:
    Importance weighted autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    Fixing a broken ELBO (Alemi et al., 2018), https://arxiv.org/abs/1711.00464
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.distributions import DiagonalGaussian
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
from latentarium.objectives import importance_weighted_bound
from latentarium.shapes import (
    Images,
    LabelSet,
    PerImageLatent,
    PerPoint,
    PerSample,
    Pixels,
)
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Interval

REPORTED_SAMPLES = (1, 100, 1000, 5000)
"""Numbers of importance samples at which the bound is reported."""


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
            for z, log_q in group.draws(samples, seed, batch_size):
                nll.append(-group.log_likelihood(z))
                if exact is None:
                    ratio.append(group.log_ratio(z, log_q))
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
            log_w = torch.cat([group.log_weight(*draw).cpu() for draw in draws], 1)
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
    bounds = importance_weighted_bound(log_w[:, : sets * k].reshape(-1, k))
    return -bounds.unflatten(0, (len(log_w), sets)).mean(1)


def _exact_rate(group: ImageGroup) -> PerSample | None:
    """Return the rate of each image in closed form; None if there is none."""
    gaussian = isinstance(group.posterior, DiagonalGaussian) and isinstance(
        group.prior, DiagonalGaussian
    )
    return group.posterior.kl(group.prior).double().cpu() if gaussian else None
