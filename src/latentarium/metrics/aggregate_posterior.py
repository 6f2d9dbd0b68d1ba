"""Distance of the aggregate posterior q(z) = E_x q(z | x) from the prior p(z).

    gaussian_kl    KL(N(m, S) || N(0, I)) with the mean and covariance of q(z)
    aggregate_kl   KL(q(z) || p(z)), bracketed by two Monte Carlo estimates
    sliced         sliced 2-Wasserstein distance between encoded data and latents from the prior

With the exact moments of q, KL(q || N(0, I)) = KL(q || N(m, S)) + KL(N(m, S) || N(0, I)), so
`gaussian_kl` is the part of the KL that mean and covariance explain. It does not estimate the
whole KL: it is 0 for any q with zero mean and unit covariance, however many gaps q has.

References:
    ELBO surgery (Hoffman and Johnson, 2016)
    Isolating sources of disentanglement in VAEs (Chen et al., 2018), arxiv.org/abs/1802.04942
    Sliced and Radon Wasserstein barycenters of measures (Bonneel et al., 2015)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import LatentSet, OtherLatentSet
from latentarium.stats.intervals import bootstrap, student_quantile
from latentarium.stats.measurement import Interval

MAX_LOG_DENSITIES = 1 << 22
"""Log densities computed at a time: 32 MiB of float64."""
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class GaussianKL:
    """The part of KL(q(z) || p(z)) that mean and covariance explain, in nats."""

    value: float
    from_mean: float
    """|m|^2 / 2."""
    from_covariance: float
    """(tr S - Z - log det S) / 2."""
    reference: float
    """Z (Z + 3) / (4 n): the expected value for n samples of N(0, I), to first order in 1 / n."""
    n: int


def gaussian_kl(z: LatentSet) -> GaussianKL:
    """Return KL(N(m, S) || N(0, I)) of the Gaussian fitted to z by maximum likelihood.

    It is not the whole KL of q(z); see the top of this module.

    Arguments:
        z: Latents drawn from the aggregate posterior, one per image; not the posteriors' means.

    Raises:
        UserError: There are not more latents than dimensions ("too-few-latents"), values are not
            finite ("not-finite"), or the latents have no variance in some direction, so the KL is
            infinite ("degenerate-latents").
    """
    n, dimensions = z.shape
    if n <= dimensions:
        raise UserError(
            f"There are {n} latents for a covariance of {dimensions} dimensions; give more than "
            f"{dimensions}.",
            code="too-few-latents",
        )
    _require_finite(z)
    z = z.double()
    mean = z.mean(0)
    covariance = (z - mean).T @ (z - mean) / n
    variances = torch.linalg.eigvalsh(covariance)
    if float(variances.min()) <= 1e-14 * float(variances.max()):
        raise UserError(
            "The latents don't vary in some direction, so their KL from the prior is infinite; "
            "use fewer latent dimensions, or the sliced distance.",
            code="degenerate-latents",
        )
    from_mean = 0.5 * float(mean.square().sum())
    from_covariance = 0.5 * float((variances - 1 - variances.log()).sum())
    return GaussianKL(
        value=from_mean + from_covariance,
        from_mean=from_mean,
        from_covariance=from_covariance,
        reference=dimensions * (dimensions + 3) / (4 * n),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class AggregateKL:
    """KL(q(z) || p(z)) in nats; in expectation it is between `lower` and `upper`."""

    upper: float
    """The estimate with q as the mixture of M posteriors, including the posterior that the latent
    was drawn from. It is the KL of that mixture, which by convexity is at least the KL of the true
    q and at most the rate."""
    upper_interval: Interval
    lower: float
    """The estimate with q as the mixture without the posterior that the latent was drawn from. By
    Jensen's inequality, log q is then too low."""
    lower_interval: Interval
    components: int
    """M; with a larger M, `lower` and `upper` are closer to each other."""
    seed: int


def aggregate_kl(
    mean: LatentSet,
    log_variance: LatentSet,
    *,
    components: int = 5000,
    seed: int = 0,
    log_prior: Callable[[Tensor], Tensor] | None = None,
    max_log_densities: int = MAX_LOG_DENSITIES,
) -> AggregateKL:
    """Bracket KL(q(z) || p(z)) = E_q[log q(z) - log p(z)], with q as a mixture of posteriors: one
    latent is drawn from each of M components, and its log density is computed under all of them.

    Arguments:
        mean: Means of the diagonal Gaussian posteriors, one per image.
        log_variance: Their log variances.
        components: M, the number of posteriors, which are chosen at random; at most the number of
            images.
        seed: Seed of that choice and of the latents.
        log_prior: log p(z) per latent, in nats; None: N(0, I).
        max_log_densities: Log densities computed at a time. It limits memory.

    Raises:
        UserError: Fewer than two posteriors ("too-few-latents"), or values that are not finite,
            as for the point posteriors of an autoencoder ("point-posterior").
    """
    if len(mean) < 2 or components < 2:
        raise UserError(
            f"There are {min(len(mean), components)} posteriors; a mixture needs at least 2.",
            code="too-few-latents",
        )
    if not bool((mean.isfinite() & log_variance.isfinite()).all()):
        raise UserError(
            "Some posteriors have means or variances that are not finite. The posterior of an "
            "autoencoder is a point without a density; use the sliced distance for it.",
            code="point-posterior",
        )
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(mean), generator=generator)[:components]
    mu, log_var = mean[chosen].double(), log_variance[chosen].double()
    m, dimensions = mu.shape
    eps = torch.randn(m, dimensions, generator=generator, dtype=torch.float64)
    z = mu + (0.5 * log_var).exp() * eps
    prior = -0.5 * (z.square() + LOG_2PI).sum(1) if log_prior is None else log_prior(z).double()
    precision = (-log_var).exp()
    constant = (mu.square() * precision + log_var + LOG_2PI).sum(1)
    with_own, without_own = torch.empty_like(prior), torch.empty_like(prior)  # log q(z)
    rows = max(1, max_log_densities // m)
    for start in range(0, m, rows):
        part = slice(start, start + rows)
        squared = z[part].square() @ precision.T - 2 * z[part] @ (mu * precision).T
        log_q = -0.5 * (squared + constant)
        with_own[part] = log_q.logsumexp(1) - math.log(m)
        count = len(log_q)
        log_q[torch.arange(count), torch.arange(start, start + count)] = -torch.inf
        without_own[part] = log_q.logsumexp(1) - math.log(m - 1)
    upper, lower = with_own - prior, without_own - prior
    return AggregateKL(
        upper=float(upper.mean()),
        upper_interval=bootstrap(upper, seed=seed),
        lower=float(lower.mean()),
        lower_interval=bootstrap(lower, seed=seed),
        components=m,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class SlicedDistance:
    """A sliced 2-Wasserstein distance in units of z, and the distance between two sets from the
    prior as its reference."""

    value: float
    interval: Interval
    """From the spread over bootstrap resamples of latents and of directions, by Student's t; it is
    conservative if both distributions are nearly equal."""
    reference: float
    """Mean distance between two sets of n latents from the prior."""
    reference_interval: Interval
    """Contains the distance between two new sets from the prior in 95 of 100 cases."""
    n: int
    projections: int
    seed: int


def sliced_wasserstein(
    a: LatentSet, b: OtherLatentSet, *, projections: int = 64, seed: int = 0
) -> float:
    """Return the root mean square, over random directions, of the 2-Wasserstein distance between
    the projections of the two sets. For Gaussians with equal covariance it is
    |m_a - m_b| / sqrt(Z) (Bonneel et al., 2015).

    Raises:
        UserError: Sets of different size or dimension ("shape-mismatch").
    """
    if a.shape != b.shape:
        raise UserError(
            f"The sets have shapes {tuple(a.shape)} and {tuple(b.shape)}; give sets of equal size "
            "and dimension.",
            code="shape-mismatch",
        )
    generator = torch.Generator().manual_seed(seed)
    directions = _directions(a.shape[1], projections, generator)
    return _quantile_distance(a.double() @ directions, b.double() @ directions)


def prior_sliced_distance(
    z: LatentSet,
    *,
    draw: Callable[[int, torch.Generator], Tensor] | None = None,
    projections: int = 64,
    repeats: int = 20,
    seed: int = 0,
    confidence: float = 0.95,
) -> SlicedDistance:
    """Measure the sliced distance between encoded data and equally many latents from the prior,
    and, as a reference, the sliced distance between two such sets from the prior.

    It is defined for every encoder, including that of an autoencoder, whose posteriors are points.

    Arguments:
        z: Encoded data, one latent per image.
        draw: Draws n latents from the prior; None: N(0, I).
        projections: Number of random directions.
        repeats: Number of distances between consecutive sets for the reference, and of resamples
            for the interval.
        seed: Seed of all random numbers.
        confidence: Confidence of both intervals.

    Raises:
        UserError: Fewer than two latents or repeats ("too-few-latents"), or values that are not
            finite ("not-finite").
    """
    n, dimensions = z.shape
    if n < 2 or repeats < 2:
        raise UserError(
            f"There are {n} latents and {repeats} repeats; the distance and its spread need at "
            "least 2 of each.",
            code="too-few-latents",
        )
    _require_finite(z)
    generator = torch.Generator().manual_seed(seed)
    directions = _directions(dimensions, projections, generator)

    def projected_prior() -> Tensor:
        if draw is not None:
            return draw(n, generator).double() @ directions
        return torch.randn(n, dimensions, generator=generator, dtype=torch.float64) @ directions

    def resampled(x: Tensor) -> Tensor:
        return x[torch.randint(n, (n,), generator=generator)]

    data, prior = z.double() @ directions, projected_prior()
    value = _quantile_distance(data, prior)
    squares = torch.stack(
        [_squared_distances(resampled(data), resampled(prior)) for _ in range(repeats)]
    )
    references = torch.empty(repeats)
    for i in range(repeats):
        previous, prior = prior, projected_prior()
        references[i] = _quantile_distance(previous, prior)
    # the distance between means differs between directions, however large n is
    chosen = torch.randint(projections, (repeats, projections), generator=generator)
    resamples = squares.gather(1, chosen).mean(1).sqrt()
    width = student_quantile(confidence, repeats - 1)  # both spreads are of few values
    # the spread is that of few resamples of n values, whose own variance is estimated
    degrees = 1 / (1 / (repeats - 1) + 1 / (n - 1))
    half = student_quantile(confidence, degrees) * float(resamples.std()) * (n / (n - 1)) ** 0.5
    reference = float(references.mean())
    reference_half = width * float(references.std()) * (1 + 1 / repeats) ** 0.5
    return SlicedDistance(
        value=value,
        # a low value has a low spread: the upper end is that on a log scale, to second order
        interval=(max(0.0, value - half), math.hypot(value + half, half)),
        reference=reference,
        reference_interval=(max(0.0, reference - reference_half), reference + reference_half),
        n=n,
        projections=projections,
        seed=seed,
    )


def _require_finite(z: Tensor) -> None:
    if not bool(z.isfinite().all()):
        raise UserError(
            "Some latents are not finite; check the encoder's weights.", code="not-finite"
        )


def _directions(dimensions: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw unit vectors, as columns, uniformly on the sphere."""
    normal = torch.randn(dimensions, count, generator=generator, dtype=torch.float64)
    return normal / normal.norm(dim=0)


def _quantile_distance(a: Tensor, b: Tensor) -> float:
    return float(_squared_distances(a, b).mean().sqrt())


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared 2-Wasserstein distance along each direction."""
    # NumPy sorts in less than half of the time that torch takes
    first, second = (torch.from_numpy(np.sort(x.detach().numpy(), 0)) for x in (a, b))
    return (first - second).square().mean(0)
