"""Gaps: regions of the latent space that the prior covers and the encoded data does not.

    distance     from z to its k-th nearest training latent; its percentile is the share of
                 held-out latents with a smaller distance
    density      k-nearest-neighbour estimate, log k / (N V_Z r^Z)
    round trip   |E(D(z)) - z|
    stretch      sqrt det J^T J of the decoder: volume of image space per volume of latent space
    gap share    the share of the prior that is farther from the data than 99 % of held-out latents

References:
    A nonparametric estimate of a multivariate density function (Loftsgaarden and Quesenberry,
    1965)
    Latent space oddity (Arvanitidis, Hansen and Hauberg, 2018), https://arxiv.org/abs/1710.11379
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.neighbours import nearest
from latentarium.shapes import ClassScores, LatentSet, OtherLatentSet, PerOther, PerPoint
from latentarium.stats.intervals import bootstrap, wilson
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import expected_share_beyond, share_beyond

MAX_DERIVATIVES = 1024
"""Maximum number of image derivatives that are computed in one batch, to limit memory."""


def distance_to_data(latents: OtherLatentSet, z: LatentSet, k: int = 5) -> PerPoint:
    """Return the distance from each z to its k-th nearest latent, in units of z.

    The latents must not contain z itself: measure held-out latents against training latents.

    Raises:
        UserError: See `nearest`.
    """
    return nearest(latents, z, k).distance[:, -1].contiguous()


def percentile_among(distance: PerPoint, held_out: PerOther) -> PerPoint:
    """Return the share of held-out values that are smaller than each value, from 0 to 1."""
    return percentile_in_sorted(distance, held_out.double().sort().values)


def percentile_in_sorted(distance: PerPoint, ordered: PerOther) -> PerPoint:
    """Return `percentile_among` held-out values that are sorted already, as float64."""
    return torch.searchsorted(ordered, distance.double()).double() / len(ordered)


def log_density(latents: OtherLatentSet, z: LatentSet, k: int = 5) -> PerPoint:
    """Estimate the log density of the latents at z, in nats (Loftsgaarden and Quesenberry, 1965).

    The estimate uses the volume of the ball around z that reaches to the k-th nearest latent. It
    ranks points well, but its absolute value is inaccurate in many dimensions. It is infinite if
    k latents are equal to z.
    """
    n, dimensions = latents.shape
    log_ball = 0.5 * dimensions * math.log(math.pi) - math.lgamma(0.5 * dimensions + 1)
    return math.log(k / n) - log_ball - dimensions * distance_to_data(latents, z, k).log()


@dataclass(frozen=True, kw_only=True)
class GapShare:
    """The share of the prior that is in gaps."""

    share: float
    interval: Interval
    """95 % interval over new latents of the prior and new held-out latents, which determine the
    threshold."""
    threshold: float
    """The distance beyond which a latent is in a gap."""
    quantile: float
    """The share of held-out latents below the threshold."""
    reference: float
    """The expected share if the prior matches the data, with as many held-out latents; nearly
    1 - quantile."""
    n: int
    """Number of latents of the prior."""


def gap_share(
    distance: PerPoint, held_out: PerOther, quantile: float = 0.99, *, seed: int = 0
) -> GapShare:
    """Return the share of the prior that is farther from the data than most held-out latents.

    Arguments:
        distance: Distances from latents of the prior to the training latents.
        held_out: Distances from held-out latents to the training latents, with the same k.
        quantile: The share of held-out latents that, by definition, are not in a gap.
        seed: Seed of the interval.

    Raises:
        UserError: The quantile is not between 0 and 1, or there are too few latents to estimate
            it (code "too-few-latents").
    """
    if not 0 < quantile < 1 or len(held_out) * (1 - quantile) < 1 or len(distance) == 0:
        raise UserError(
            f"The quantile {quantile} can't be estimated from {len(held_out)} held-out latents "
            f"and {len(distance)} latents of the prior: give more latents, or a smaller quantile "
            "above 0.",
            code="too-few-latents",
        )
    distance, held_out = distance.double(), held_out.double()
    threshold = float(held_out.quantile(quantile))
    n = len(distance)
    return GapShare(
        share=int((distance > threshold).sum()) / n,
        interval=share_beyond(distance, held_out, quantile, seed=seed),
        threshold=threshold,
        quantile=quantile,
        reference=expected_share_beyond(len(held_out), quantile),
        n=n,
    )


def round_trip_error(
    encode: Callable[[Tensor], Tensor],
    decode: Callable[[Tensor], Tensor],
    z: LatentSet,
    *,
    batch_size: int = 500,
) -> PerPoint:
    """Return |E(D(z)) - z|, in units of z.

    Arguments:
        encode: Maps each image to one latent (the mean of its posterior).
        decode: Maps latents to images.
        z: Latents.
        batch_size: Latents per batch; it does not change the result.
    """
    with torch.no_grad():
        parts = [
            (encode(decode(part)).double() - part.double()).norm(dim=1)
            for part in z.split(batch_size)
        ]
    return torch.cat(parts)


def decoder_stretch(
    decode: Callable[[Tensor], Tensor], z: LatentSet, *, batch_size: int = 64
) -> PerPoint:
    """Return sqrt det J^T J of the decoder at z, the product of J's singular values.

    Its unit is (image distance / z)^Z. It is 0 where the decoder is constant in some direction.

    Arguments:
        decode: Maps each latent to one output, which must not depend on the other latents of the
            batch: use a decoder in evaluation mode, without normalization over the batch.
        z: Latents.
        batch_size: Latents per batch; it does not change the result.
    """
    stretches = []
    for part in z.detach().split(batch_size):
        columns = _columns(decode, part)
        if columns.shape[2] < columns.shape[1]:  # J^T J is singular
            stretches.append(torch.zeros(len(part), dtype=torch.float64, device=part.device))
            continue
        gram = columns @ columns.transpose(1, 2)
        stretches.append((0.5 * torch.linalg.slogdet(gram).logabsdet).exp())
    return torch.cat(stretches)


def _columns(decode: Callable[[Tensor], Tensor], z: LatentSet) -> Tensor:
    """Return the columns of the Jacobian at each latent, float64 (N, Z, outputs).

    Outputs don't depend on other latents, so one forward-mode pass differentiates the whole batch
    in one direction. Several directions are computed together by vmap.
    """
    directions = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)

    def derivative(direction: Tensor) -> Tensor:
        return torch.func.jvp(decode, (z,), (direction.expand_as(z),))[1]

    with torch.no_grad():
        chunk_size = max(1, MAX_DERIVATIVES // len(z))
        columns = torch.func.vmap(derivative, chunk_size=chunk_size)(directions)
    return columns.flatten(2).transpose(0, 1).double()


def classifier_entropy(probabilities: ClassScores) -> PerPoint:
    """Return the entropy of class probabilities, in nats: 0 is certain, log K is uniform."""
    return torch.special.entr(probabilities.double()).sum(1)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One bin of a curve."""

    low: float
    high: float
    distance: float
    """Mean distance in the bin."""
    quality: float
    """Mean quality in the bin."""
    interval: Interval
    n: int


def quality_by_distance(
    distance: PerPoint,
    quality: PerPoint,
    bins: int | Sequence[float] = 10,
    *,
    seed: int = 0,
) -> tuple[Bin, ...]:
    """Return the quality of decoded images as a function of their distance to the data.

    Arguments:
        distance: Distance of each latent, or its percentile.
        quality: Quality of each image, in any unit. If all values are 0 or 1, the interval is
            Wilson's, otherwise it is a bootstrap interval of the mean.
        bins: The number of bins, which then contain equal numbers of latents; or the edges of the
            bins, which must include all distances. Use the same edges to compare two models. A
            value on an edge is in the bin above the edge.
        seed: Seed of the bootstrap.

    Returns:
        The bins that are not empty, nearest first.

    Raises:
        UserError: There are no latents (code "too-few-latents"); or the number of bins is out of
            range, or the edges do not increase or do not include all distances (code
            "invalid-bins").
    """
    distance, quality = distance.detach().double(), quality.detach().double()
    if len(distance) == 0:
        raise UserError(
            "There are no distances, so there is no curve: give at least one distance.",
            code="too-few-latents",
        )
    edges = _edges(distance, bins)
    binary = bool(((quality == 0) | (quality == 1)).all())
    bin_index = torch.searchsorted(edges, distance, right=True).clamp(1, len(edges) - 1) - 1
    curve = []
    for i in range(len(edges) - 1):
        inside = quality[bin_index == i]
        if len(inside) == 0:
            continue
        n = len(inside)
        interval = wilson(int(inside.sum()), n) if binary else bootstrap(inside, seed=seed)
        curve.append(
            Bin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                distance=float(distance[bin_index == i].mean()),
                quality=float(inside.mean()),
                interval=interval,
                n=n,
            )
        )
    return tuple(curve)


def _edges(distance: Tensor, bins: int | Sequence[float]) -> Tensor:
    if isinstance(bins, int):
        if not 1 <= bins <= len(distance):
            raise UserError(
                f"bins is {bins}; it must be from 1 to {len(distance)}, the number of latents.",
                code="invalid-bins",
            )
        shares = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
        return distance.quantile(shares)
    edges = torch.tensor(list(bins), dtype=torch.float64)
    if len(edges) < 2 or not bool((edges.diff() > 0).all()):
        raise UserError(
            f"The edges of the bins are {edges.tolist()}; give at least two edges, in increasing "
            "order.",
            code="invalid-bins",
        )
    low, high = float(distance.min()), float(distance.max())
    if low < float(edges[0]) or high > float(edges[-1]):
        raise UserError(
            f"The distances are from {low:.4g} to {high:.4g}, but the edges of the bins are from "
            f"{float(edges[0]):.4g} to {float(edges[-1]):.4g}: give edges that include all "
            "distances.",
            code="invalid-bins",
        )
    return edges
