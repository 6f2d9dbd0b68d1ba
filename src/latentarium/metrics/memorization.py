"""Whether a model copies its training images.

    nearer to training   share of samples whose nearest image, among as many training as held-out
                         images, is a training image; 1/2 where nothing is memorized
    near-copies          share of samples nearer to their nearest training image than all but q of
                         held-out real images are to theirs; q where nothing is memorized

Distances are Euclidean between pixels in [-1, 1]: features of a classifier that learned the
training images would favour them.

Samples that share a nearest image are no independent witnesses. With c_j samples whose nearest
image is j, and images that fall into the two halves at random, the share has mean 1/2 and variance
(1/n^2) (m/2) sum_j (c_j - c)^2 / (2m - 1), exactly: the interval that a model without memory would
fall into.

References:
    A non-parametric test to detect data-copying in generative models (Meehan, Chaudhuri and
    Dasgupta, 2020), https://arxiv.org/abs/2004.05675
    Towards GAN benchmarks which require generalization (Gulrajani, Raffel and Metz, 2019),
    https://arxiv.org/abs/2001.03653
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.shapes import Images, ImageSet, LabelSet, OtherImageSet, PerPoint
from latentarium.stats.intervals import Interval, normal_quantile, wilson, wilson_share

BLOCK = 1 << 24
"""Distances held at once: 64 MiB of float32."""
HELD = 1 << 26
"""Pixels of references held as floats at once: 256 MiB."""
SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Memorization:
    """How much nearer samples are to training images than they should be."""

    nearer_to_training: float
    """Share of samples; a tie counts half."""
    nearer_interval: Interval
    """For the images that are there: samples with one nearest image count as one witness."""
    null_interval: Interval
    """Where 95 % of models without memory would fall."""
    references: int
    """m, training images and as many held-out ones."""
    near_copies: float
    """Share of samples."""
    near_copies_interval: Interval
    near_copies_floor: float
    """The share of held-out real images at the same threshold."""
    threshold: float
    """The distance below which a sample counts as a near-copy."""
    closest: tuple[tuple[int, int, float], ...]
    """The samples nearest to a training image: (sample, training image, distance)."""
    n: int
    seed: int


def memorization(
    samples: Images,
    train: ImageSet,
    held_out: OtherImageSet,
    *,
    quantile: float = 0.01,
    seed: int = 0,
) -> Memorization:
    """Compares samples with the images that the model was trained on and with others.

    Arguments:
        samples: The model's, in [-1, 1].
        train: All that it was trained on; uint8 is converted.
        held_out: Real images that it never saw.
        quantile: q, the share of held-out images that count as near-copies.
        seed: Of the choice of m training images.

    Raises:
        UserError: No images, or too few held-out ones for the quantile.
    """
    fewest = math.ceil(1 / quantile)
    if len(samples) == 0 or len(train) == 0:
        raise UserError("Copies need samples and training images: give at least one of each.")
    if not bool(samples.isfinite().all()):
        raise UserError("Some samples are not finite: look at the training's losses.")
    if len(held_out) < fewest:
        raise UserError(
            f"{len(held_out)} held-out images don't show their nearest {quantile:.0%}: give at "
            f"least {fewest}."
        )
    m = min(len(train), len(held_out))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(train), generator=generator)  # the first m are the references
    known, others = train[order], held_out[torch.randperm(len(held_out), generator=generator)]
    drawn = samples

    of_known, of_all = _nearest(drawn, known, m)
    to_known = pixel_distances(drawn, known, of_known)
    to_others_at = nearest_images(drawn, others[:m])
    to_others = pixel_distances(drawn, others, to_others_at)
    wins = (to_known < to_others).double() + 0.5 * (to_known == to_others).double()
    share, witnesses, null_half = _spread(wins, of_known, to_others_at, m)

    distance = pixel_distances(drawn, known, of_all)
    real = pixel_distances(others, known, nearest_images(others, known))
    threshold = float(real.quantile(quantile))
    near = (
        distance <= threshold
    )  # at 0, where held-out images repeat training images, copies count
    best = distance.argsort()[:SHOWN]
    return Memorization(
        nearer_to_training=share,
        nearer_interval=wilson_share(share, witnesses),
        null_interval=(0.5 - null_half, 0.5 + null_half),
        references=m,
        near_copies=float(near.double().mean()),
        near_copies_interval=wilson(int(near.sum()), len(near)),
        near_copies_floor=float((real <= threshold).double().mean()),
        threshold=threshold,
        closest=tuple((i, int(order[of_all[i]]), float(distance[i])) for i in best.tolist()),
        n=len(samples),
        seed=seed,
    )


def _spread(
    wins: Tensor, known_at: Tensor, other_at: Tensor, m: int
) -> tuple[float, float, float]:
    """The share, how many witnesses speak for it, and half the null interval's width."""
    n = float(len(wins))
    counts = torch.zeros(2 * m, dtype=torch.float64)
    counts.index_add_(0, known_at, wins)
    counts.index_add_(0, other_at + m, 1 - wins)
    variance = float(counts.var(correction=1)) * m / 2 / n**2
    witnesses = min(n, n**2 / float(counts.square().sum()))  # a tie is no second witness
    return float(wins.mean()), witnesses, normal_quantile(0.95) * math.sqrt(variance)


def _flat(images: Tensor) -> Tensor:
    return to_float(images).flatten(1)


def nearest_images(points: ImageSet, references: OtherImageSet) -> LabelSet:
    """The number of the reference that is nearest to each image, in float32; pixels become floats
    a block at a time."""
    return _nearest(points, references, len(references))[1]


def _nearest(points: Tensor, references: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """The nearest of the first m references to each point, and the nearest of all."""
    size = references[0].numel()
    middle = _flat(references[:m]).mean(0)  # smaller numbers round less
    least = torch.full((len(points),), torch.inf)
    nearest = torch.zeros(len(points), dtype=torch.int64)
    among_first = nearest
    rows = max(1, HELD // size)
    # the first m end a block
    for start, end in pairwise(sorted({*range(0, len(references), rows), m, len(references)})):
        targets = (_flat(references[start:end]) - middle).T.contiguous()
        norms = targets.square().sum(0)
        for at in torch.arange(len(points)).split(max(1, BLOCK // max(size, end - start))):
            part = slice(int(at[0]), int(at[-1]) + 1)
            # |p|^2 is the same for all references of a point
            height = torch.addmm(norms, _flat(points[part]) - middle, targets, alpha=-2)
            low, index = height.min(1)
            nearest[part] = torch.where(low < least[part], index + start, nearest[part])
            least[part] = torch.minimum(low, least[part])
        if end == m:
            among_first = nearest.clone()
    return among_first, nearest


def pixel_distances(points: ImageSet, references: OtherImageSet, index: LabelSet) -> PerPoint:
    """Euclidean distances between pixels in [-1, 1] to the chosen references."""
    parts = [
        (_flat(p).double() - _flat(references[i]).double()).norm(dim=1)
        for p, i in zip(points.split(500), index.split(500), strict=True)
    ]
    return torch.cat(parts)
