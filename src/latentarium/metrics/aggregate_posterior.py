"""How far the aggregate posterior q(z) = E over x of q(z | x) is from the prior p(z).

    gaussian_kl    KL(N(m, S) || N(0, I)) with the mean and covariance of q(z)
    aggregate_kl   KL(q(z) || p(z)), bracketed by two Monte Carlo estimates
    sliced         sliced 2-Wasserstein distance of encoded data from draws of the prior

With the exact moments of q, KL(q || N(0, I)) = KL(q || N(m, S)) + KL(N(m, S) || N(0, I)): so the
first is the part of the gap that mean and covariance show. It is 0 for any q with zero mean and
unit covariance, however many holes it has. It is no estimate of the whole KL.

References:
    ELBO surgery (Hoffman and Johnson, 2016)
    Isolating sources of disentanglement in VAEs (Chen et al., 2018), arxiv.org/abs/1802.04942
    Sliced and Radon Wasserstein barycenters of measures (Bonneel et al., 2015)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import LatentSet, OtherLatentSet
from latentarium.stats.intervals import Interval, bootstrap, normal_quantile

BLOCK = 1 << 22
"""Log densities held at once: 32 MiB of float64."""
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class GaussianKL:
    """The part of the prior gap that mean and covariance show, in nats."""

    value: float
    from_mean: float
    """|m|^2 / 2."""
    from_covariance: float
    """(tr S - Z - log det S) / 2."""
    floor: float
    """Z (Z + 3) / (4 n): what n draws of N(0, I) itself get, to first order in 1 / n."""
    n: int


def gaussian_kl(z: LatentSet) -> GaussianKL:
    """KL from N(0, I) to the single Gaussian fitted to z by maximum likelihood; see above for
    what it is not.

    Arguments:
        z: Draws of the aggregate posterior (one per image), not the posteriors' means.

    Raises:
        UserError: Too few latents, or a direction in which they don't vary: the KL is infinite.
    """
    n, dimensions = z.shape
    if n <= dimensions or not bool(z.isfinite().all()):
        raise UserError(
            f"{n} latents can't fill a covariance of {dimensions} dimensions: give more than "
            f"{dimensions}, all of them finite."
        )
    z = z.double()
    mean = z.mean(0)
    covariance = (z - mean).T @ (z - mean) / n
    variances = torch.linalg.eigvalsh(covariance)
    if float(variances.min()) <= 1e-14 * float(variances.max()):
        raise UserError(
            "The latents don't vary in some direction, so their KL from the prior is infinite: "
            "use fewer latent dimensions, or a sliced distance."
        )
    from_mean = 0.5 * float(mean.square().sum())
    from_covariance = 0.5 * float((variances - 1 - variances.log()).sum())
    return GaussianKL(
        value=from_mean + from_covariance,
        from_mean=from_mean,
        from_covariance=from_covariance,
        floor=dimensions * (dimensions + 3) / (4 * n),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class AggregateKL:
    """KL(q(z) || p(z)) in nats, between `lower` and `upper` in expectation."""

    upper: float
    """With q as the mixture of M posteriors, the sample's own among them. It is the KL of that
    mixture, which a convexity argument puts above that of the true q; at most the rate."""
    upper_interval: Interval
    lower: float
    """With the sample's own posterior left out, which puts log q too low by Jensen's
    inequality."""
    lower_interval: Interval
    components: int
    """M; the bracket closes as it grows."""
    seed: int


def aggregate_kl(
    mean: LatentSet,
    log_variance: LatentSet,
    *,
    components: int = 5000,
    seed: int = 0,
    log_prior: Callable[[Tensor], Tensor] | None = None,
) -> AggregateKL:
    """Brackets KL(q(z) || p(z)) = E over q of log q(z) - log p(z), with q as a mixture of
    posteriors: one draw from each of M components, its log density under all of them.

    Arguments:
        mean: Of the diagonal Gaussian posteriors, one per image.
        log_variance: Likewise. Point posteriors have an infinite KL: use the sliced distance.
        components: M, at most the number of images; those used are drawn at random.
        seed: Of that choice and of the draws.
        log_prior: log p(z) per sample, in nats; None: N(0, I).

    Raises:
        UserError: Fewer than two posteriors, or values that are not finite.
    """
    if len(mean) < 2 or components < 2:
        raise UserError("A mixture of posteriors needs at least 2 of them: give more images.")
    if not bool((mean.isfinite() & log_variance.isfinite()).all()):
        raise UserError(
            "Some posteriors are not finite; a point posterior has no density: use the sliced "
            "distance for an autoencoder."
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
    with_own, without_own = torch.empty_like(prior), torch.empty_like(prior)
    rows = max(1, BLOCK // m)
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
    """A sliced 2-Wasserstein distance, in units of z, and what the prior scores against
    itself."""

    value: float
    interval: Interval
    """The value and the spread over bootstrap resamples, by a normal approximation."""
    floor: float
    """The mean of prior against prior at the same n."""
    floor_interval: Interval
    n: int
    projections: int
    seed: int


def sliced_wasserstein(
    a: LatentSet, b: OtherLatentSet, *, projections: int = 64, seed: int = 0
) -> float:
    """The root of the mean, over random directions, of the squared 2-Wasserstein distance of the
    two sets projected on one. For Gaussians with one covariance, |m_a - m_b| / sqrt(Z).

    Raises:
        UserError: Sets of different size or dimension.
    """
    if a.shape != b.shape:
        raise UserError(
            f"Sets of shapes {tuple(a.shape)} and {tuple(b.shape)} have no pairing: give as many "
            "latents of as many dimensions."
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
    """How far encoded data is from as many draws of the prior, beside prior against prior.

    Works for any encoder, also for an autoencoder's points.

    Arguments:
        z: Encoded data, one latent per image.
        draw: Draws n latents from the prior; None: N(0, I).
        projections: Random directions.
        repeats: Pairs of prior draws behind the floor, and resamples behind the interval.
        seed: Of everything drawn.
        confidence: Of both intervals.

    Raises:
        UserError: Fewer than two latents, or values that are not finite.
    """
    n, dimensions = z.shape
    if n < 2 or repeats < 2 or not bool(z.isfinite().all()):
        raise UserError("A distance needs at least 2 finite latents, and 2 repeats for a spread.")
    generator = torch.Generator().manual_seed(seed)
    directions = _directions(dimensions, projections, generator)

    def prior() -> Tensor:
        if draw is not None:
            return draw(n, generator).double() @ directions
        return torch.randn(n, dimensions, generator=generator, dtype=torch.float64) @ directions

    def resampled(x: Tensor) -> Tensor:
        return x[torch.randint(n, (n,), generator=generator)]

    data, reference = z.double() @ directions, prior()
    value = _quantile_distance(data, reference)
    spread = [_quantile_distance(resampled(data), resampled(reference)) for _ in range(repeats)]
    floors = torch.tensor([_quantile_distance(prior(), prior()) for _ in range(repeats)])
    width = normal_quantile(confidence)
    half = width * float(torch.tensor(spread).std())
    floor, floor_half = float(floors.mean()), width * float(floors.std())
    return SlicedDistance(
        value=value,
        interval=(max(0.0, value - half), value + half),
        floor=floor,
        floor_interval=(max(0.0, floor - floor_half), floor + floor_half),
        n=n,
        projections=projections,
        seed=seed,
    )


def _directions(dimensions: int, count: int, generator: torch.Generator) -> Tensor:
    """Unit columns, uniform on the sphere."""
    normal = torch.randn(dimensions, count, generator=generator, dtype=torch.float64)
    return normal / normal.norm(dim=0)


def _quantile_distance(a: Tensor, b: Tensor) -> float:
    return float((a.sort(0).values - b.sort(0).values).square().mean().sqrt())
