"""Gaps: regions of the latent space that the prior reaches and the encoded data does not.

    distance     from z to its k-th nearest code; its percentile among held-out latents says how
                 far that is for this model: 1 is farther than every held-out one
    density      k-nearest-neighbour estimate, log k / (N V_Z r^Z)
    round trip   |E(D(z)) - z|: what the encoder makes of what the decoder made
    stretch      sqrt det J^T J of the decoder: volume of image space per volume of latent space
    gap share    the share of prior draws farther from data than 99 % of held-out latents

References:
    A nonparametric estimate of a multivariate density function (Loftsgaarden and Quesenberry,
    1965)
    An invariant form for the prior probability in estimation problems (Jeffreys, 1946)
    Latent space oddity (Arvanitidis, Hansen and Hauberg, 2018), https://arxiv.org/abs/1710.11379
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.neighbours import nearest
from latentarium.shapes import ClassScores, LatentSet, OtherLatentSet, PerOther, PerPoint
from latentarium.stats.intervals import Interval, bootstrap, wilson

RESAMPLES = 1000
IMAGES = 1024
"""Derivatives of images at once: memory, not meaning."""


def distance_to_data(codes: OtherLatentSet, z: LatentSet, k: int = 5) -> PerPoint:
    """The distance to the k-th nearest code, in units of z. Codes must not contain z itself, so
    measure held-out latents against training codes.

    Raises:
        UserError: As `nearest`.
    """
    return nearest(codes, z, k).distance[:, -1].contiguous()


def percentile_among(distance: PerPoint, held_out: PerOther) -> PerPoint:
    """The share of held-out distances that are smaller, from 0 to 1."""
    ordered = held_out.double().sort().values
    return torch.searchsorted(ordered, distance.double()).double() / len(ordered)


def log_density(codes: OtherLatentSet, z: LatentSet, k: int = 5) -> PerPoint:
    """The log density of the codes at z, in nats, from the ball that reaches to the k-th nearest
    (Loftsgaarden and Quesenberry, 1965). It ranks points well; its level is rough in many
    dimensions. Infinite where k codes lie on z."""
    n, dimensions = codes.shape
    log_ball = 0.5 * dimensions * math.log(math.pi) - math.lgamma(0.5 * dimensions + 1)
    return math.log(k / n) - log_ball - dimensions * distance_to_data(codes, z, k).log()


@dataclass(frozen=True, kw_only=True)
class GapShare:
    """How much of the prior falls into gaps; 1 - quantile where prior and data agree."""

    share: float
    interval: Interval
    """Over fresh draws of the prior and fresh held-out latents, which the threshold moves with."""
    threshold: float
    """The distance beyond which a latent counts as in a gap."""
    quantile: float
    n: int


def gap_share(
    distance: PerPoint, held_out: PerOther, quantile: float = 0.99, *, seed: int = 0
) -> GapShare:
    """The share of prior draws that lie farther from data than this quantile of held-out latents.

    Arguments:
        distance: Of draws from the prior to the training codes.
        held_out: Of held-out latents to the same codes, with the same k.
        quantile: Share of held-out latents that count as near.
        seed: Of the interval.

    Raises:
        UserError: A quantile outside 0 to 1, or too few held-out latents to find it.
    """
    if not 0 < quantile < 1 or len(held_out) * (1 - quantile) < 1 or len(distance) == 0:
        raise UserError(
            f"The {quantile} quantile of {len(held_out)} held-out latents is beyond the last of "
            "them: give more, or a smaller quantile between 0 and 1, and draws of the prior."
        )
    distance, held_out = distance.double(), held_out.double()
    threshold = float(held_out.quantile(quantile))
    n = len(distance)
    return GapShare(
        share=int((distance > threshold).sum()) / n,
        interval=_beyond(distance, held_out, quantile, seed),
        threshold=threshold,
        quantile=quantile,
        n=n,
    )


def _beyond(distance: Tensor, held_out: Tensor, quantile: float, seed: int) -> Interval:
    """Where 95 % of the shares lie, over resamples of the held-out latents, which give the
    threshold, and over the shares that so many draws beyond it speak for (Jeffreys, 1946)."""
    generator = np.random.default_rng(seed)
    ordered = np.sort(held_out.cpu().numpy())
    n, m = len(distance), len(ordered)
    drawn = np.sort(generator.integers(m, size=(RESAMPLES, m)), axis=1)  # ranks of what is drawn
    place = quantile * (m - 1)
    low, high = drawn[:, math.floor(place)], drawn[:, math.ceil(place)]
    part = place - math.floor(place)
    thresholds = (1 - part) * ordered[low] + part * ordered[high]
    beyond = n - np.searchsorted(np.sort(distance.cpu().numpy()), thresholds, side="right")
    shares = generator.beta(beyond + 0.5, n - beyond + 0.5)
    found = np.quantile(shares, [0.025, 0.975])
    at_threshold = int((distance > float(held_out.quantile(quantile))).sum()) / n
    return min(float(found[0]), at_threshold), max(float(found[1]), at_threshold)


def round_trip_error(
    encode: Callable[[Tensor], Tensor],
    decode: Callable[[Tensor], Tensor],
    z: LatentSet,
    *,
    batch_size: int = 500,
) -> PerPoint:
    """|E(D(z)) - z|, in units of z.

    Arguments:
        encode: From images to one latent each (a posterior's mean).
        decode: From latents to images.
        z: Where to look.
        batch_size: Latents at once: memory, not meaning.
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
    """sqrt det J^T J of the decoder at z, the product of J's singular values: units of image
    distance over units of z, to the power Z. 0 where the decoder is flat in some direction.

    Arguments:
        decode: From latents to anything of one row each, every row by itself: a decoder in
            evaluation mode, not one that normalizes over the batch.
        z: Where to look.
        batch_size: Latents at once: memory, not meaning.
    """
    found = []
    for part in z.detach().split(batch_size):
        columns = _columns(decode, part)
        if columns.shape[2] < columns.shape[1]:  # fewer outputs than latents: a direction is lost
            found.append(torch.zeros(len(part), dtype=torch.float64, device=part.device))
            continue
        gram = columns @ columns.transpose(1, 2)
        found.append((0.5 * torch.linalg.slogdet(gram).logabsdet).exp())
    return torch.cat(found)


def _columns(decode: Callable[[Tensor], Tensor], z: LatentSet) -> Tensor:
    """The columns of the Jacobian at each latent, float64 (N, Z, outputs), some directions in one
    forward-mode pass: rows don't interact, so a direction serves the whole batch, and what all
    directions share is computed once for them."""
    directions = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)

    def along(direction: Tensor) -> Tensor:
        return torch.func.jvp(decode, (z,), (direction.expand_as(z),))[1]

    with torch.no_grad():
        together = max(1, IMAGES // len(z))
        columns = torch.func.vmap(along, chunk_size=together)(directions)
    return columns.flatten(2).transpose(0, 1).double()


def judge_entropy(probabilities: ClassScores) -> PerPoint:
    """How undecided a judge is, in nats: 0 is sure, log K is a guess."""
    return torch.special.entr(probabilities.double()).sum(1)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One stretch of a curve."""

    low: float
    high: float
    distance: float
    """The mean within the bin."""
    quality: float
    """The mean within the bin."""
    interval: Interval
    n: int


def quality_by_distance(
    distance: PerPoint,
    quality: PerPoint,
    bins: int | Sequence[float] = 10,
    *,
    seed: int = 0,
) -> tuple[Bin, ...]:
    """How good the decodes are, against how far from data they come from.

    Arguments:
        distance: Per latent, or its percentile.
        quality: Per latent, in any unit; 0 and 1 for a yes or no (then the interval is Wilson's,
            else a bootstrap of the mean).
        bins: How many, each with as many latents; or their edges, which must hold all distances
            and are the way to compare two models. A value on an edge belongs to the bin above it.
        seed: Of the bootstrap.

    Returns:
        The bins that hold a latent, nearest first.

    Raises:
        UserError: No latents, too many bins, edges that don't rise or don't hold all distances.
    """
    distance, quality = distance.detach().double(), quality.detach().double()
    if len(distance) == 0:
        raise UserError("There is no curve without latents: give at least one.")
    edges = _edges(distance, bins)
    yes_or_no = bool(((quality == 0) | (quality == 1)).all())
    place = torch.searchsorted(edges, distance, right=True).clamp(1, len(edges) - 1) - 1
    curve = []
    for i in range(len(edges) - 1):
        inside = quality[place == i]
        if len(inside) == 0:
            continue
        n = len(inside)
        sure = wilson(int(inside.sum()), n) if yes_or_no else bootstrap(inside, seed=seed)
        curve.append(
            Bin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                distance=float(distance[place == i].mean()),
                quality=float(inside.mean()),
                interval=sure,
                n=n,
            )
        )
    return tuple(curve)


def _edges(distance: Tensor, bins: int | Sequence[float]) -> Tensor:
    if isinstance(bins, int):
        if not 1 <= bins <= len(distance):
            raise UserError(f"{len(distance)} latents don't fill {bins} bins: give fewer bins.")
        shares = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
        return distance.quantile(shares)
    edges = torch.tensor(list(bins), dtype=torch.float64)
    if len(edges) < 2 or not bool((edges.diff() > 0).all()):
        raise UserError("Edges of bins must rise: give at least two, the smallest first.")
    low, high = float(distance.min()), float(distance.max())
    if low < float(edges[0]) or high > float(edges[-1]):
        raise UserError(
            f"Distances run from {low:.4g} to {high:.4g}, beyond the edges {float(edges[0]):.4g} "
            f"to {float(edges[-1]):.4g}: give edges that hold them all."
        )
    return edges
