"""Whether a model copies its training images.

    nearer to training   share of samples whose nearest image, among equally many training and
                         held-out images, is a training image; 1/2 without memorization
    near-copies          share of samples whose distance to the nearest training image is at most
                         the q quantile of that distance for held-out images; q without
                         memorization

Distances are Euclidean distances between pixels in [-1, 1]. Features of a classifier that was
trained on the training images would be biased towards these images.

Samples with the same nearest image are not independent. Let c_j be the number of samples whose
nearest image is j. If the images are split at random into two halves of m, the share has mean 1/2
and variance (1/n^2) (m/2) sum_j (c_j - c)^2 / (2m - 1), exactly. This gives the interval for a
model without memorization.

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
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson, expected_share_beyond, share_beyond

MAX_DISTANCES = 1 << 24
"""Distances computed at a time: 64 MiB of float32."""
MAX_REFERENCE_VALUES = 1 << 26
"""Pixel values of references converted to floats at a time: 256 MiB."""
NUM_CLOSEST = 20


@dataclass(frozen=True, kw_only=True)
class NearerToTraining:
    """The share of samples that are nearer to training images than to held-out images."""

    nearer_to_training: float
    """Share of samples; a tie counts as half."""
    nearer_interval: Interval
    """Interval for the given images; samples with the same nearest image count as one
    observation."""
    null_interval: Interval
    """Contains the share for 95 % of the models without memorization."""
    references: int
    """m, the number of training images and of held-out images that samples are compared with."""
    closest: tuple[tuple[int, int, float], ...]
    """The samples nearest to a training image: (sample, training image, distance)."""
    n: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Memorization(NearerToTraining):
    """Also the share of samples that are near-copies of training images."""

    near_copies: float
    """Share of samples that are near-copies."""
    near_copies_interval: Interval
    """Interval over new samples and new held-out images, which determine the threshold."""
    near_copies_reference: float
    """Expected share of new real images, with as many held-out images: nearly q, or more if
    distances of held-out images equal the threshold."""
    threshold: float
    """Distance up to which a sample counts as a near-copy."""


def measure_memorization(
    samples: Images,
    train: ImageSet,
    held_out: OtherImageSet,
    *,
    quantile: float = 0.01,
    seed: int = 0,
    max_distances: int = MAX_DISTANCES,
) -> Memorization:
    """Compare samples with the images that the model was trained on, and with held-out images.

    Arguments:
        samples: Generated images, in [-1, 1].
        train: All images that the model was trained on; uint8 is converted.
        held_out: Real images that the model was not trained on.
        quantile: q, the share of held-out images that count as near-copies.
        seed: Seed of the choice of m training images.
        max_distances: Distances computed at a time. It limits memory.

    Raises:
        UserError: No samples, no training images, or too few held-out images for the quantile
            ("too-few-images"); or samples that are not finite ("not-finite").
    """
    _require_images(samples, train, held_out)
    min_held_out = math.ceil(1 / quantile)
    if len(held_out) < min_held_out:
        raise UserError(
            f"There are {len(held_out)} held-out images; give at least {min_held_out}, so that "
            f"the {quantile:.0%} quantile of their distances can be estimated.",
            code="too-few-images",
        )
    nearer, distance = _compare(samples, train, held_out, seed, max_distances)
    nearest_to_held_out = nearest_images(held_out, train, max_distances=max_distances)
    real_distance = pixel_distances(held_out, train, nearest_to_held_out)
    threshold = float(real_distance.quantile(quantile))
    # <=, not <: the threshold is 0 if held-out images repeat training images
    near = distance <= threshold
    return Memorization(
        **vars(nearer),
        near_copies=float(near.double().mean()),
        near_copies_interval=share_beyond(
            -distance, -real_distance, 1 - quantile, closed=True, limit=0.0, seed=seed
        ),
        near_copies_reference=max(
            float((real_distance <= threshold).double().mean()),
            expected_share_beyond(len(held_out), 1 - quantile),
        ),
        threshold=threshold,
    )


def nearer_to_training(
    samples: Images,
    train: ImageSet,
    held_out: OtherImageSet,
    *,
    seed: int = 0,
    max_distances: int = MAX_DISTANCES,
) -> NearerToTraining:
    """Return the part of `measure_memorization` that needs only a few held-out images.

    Arguments and errors are those of `measure_memorization`.
    """
    _require_images(samples, train, held_out)
    return _compare(samples, train, held_out, seed, max_distances)[0]


def _require_images(samples: Tensor, train: Tensor, held_out: Tensor) -> None:
    if not len(samples) or not len(train) or not len(held_out):
        raise UserError(
            f"There are {len(samples)} samples, {len(train)} training images and {len(held_out)} "
            "held-out images; give at least 1 of each.",
            code="too-few-images",
        )
    if not bool(samples.isfinite().all()):
        raise UserError(
            "Some samples are not finite; check the losses in the training log.",
            code="not-finite",
        )


def _compare(
    samples: Tensor, train: Tensor, held_out: Tensor, seed: int, max_distances: int
) -> tuple[NearerToTraining, Tensor]:
    """Return the share of samples that are nearer to training images, and the distance of each
    sample to its nearest training image."""
    m = min(len(train), len(held_out))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(train), generator=generator)  # the first m are the references
    train = train[order]
    held_out = held_out[torch.randperm(len(held_out), generator=generator)]

    among_references, among_all = _nearest(samples, train, m, max_distances)
    to_train = pixel_distances(samples, train, among_references)
    among_held_out = nearest_images(samples, held_out[:m], max_distances=max_distances)
    to_held_out = pixel_distances(samples, held_out, among_held_out)
    wins = (to_train < to_held_out).double() + 0.5 * (to_train == to_held_out).double()
    share, effective_n, null_half = _null_spread(wins, among_references, among_held_out, m)

    distance = pixel_distances(samples, train, among_all)
    closest = distance.argsort()[:NUM_CLOSEST].tolist()
    nearer = NearerToTraining(
        nearer_to_training=share,
        nearer_interval=clopper_pearson(share, effective_n),
        null_interval=(max(0.0, 0.5 - null_half), min(1.0, 0.5 + null_half)),
        references=m,
        closest=tuple((i, int(order[among_all[i]]), float(distance[i])) for i in closest),
        n=len(samples),
        seed=seed,
    )
    return nearer, distance


def nearest_images(
    points: ImageSet, references: OtherImageSet, *, max_distances: int = MAX_DISTANCES
) -> LabelSet:
    """Return the index of the reference that is nearest to each image.

    Distances are Euclidean in float32; pixels are converted to floats in blocks.
    """
    return _nearest(points, references, len(references), max_distances)[1]


def pixel_distances(points: ImageSet, references: OtherImageSet, index: LabelSet) -> PerPoint:
    """Return the Euclidean distance of each image to the reference with the given index, between
    pixels in [-1, 1], in float64."""
    parts = [
        (_flat(p).double() - _flat(references[i]).double()).norm(dim=1)
        for p, i in zip(points.split(500), index.split(500), strict=True)
    ]
    return torch.cat(parts)


def _null_spread(
    wins: Tensor, nearest_train: Tensor, nearest_held_out: Tensor, m: int
) -> tuple[float, float, float]:
    """Return the share of wins, its effective sample size, and half the width of the interval for
    a model without memorization.

    Arguments:
        wins: 1 for each sample that is nearer to a training image, 0.5 for a tie.
        nearest_train: Index of each sample's nearest training image, 0 to m - 1.
        nearest_held_out: Index of each sample's nearest held-out image.
        m: References in each of the two sets.
    """
    n = float(len(wins))
    counts = torch.zeros(2 * m, dtype=torch.float64)
    counts.index_add_(0, nearest_train, wins)
    counts.index_add_(0, nearest_held_out + m, 1 - wins)
    variance = float(counts.var(correction=1)) * m / 2 / n**2
    # ties would make the effective size exceed the number of samples
    effective_n = min(n, n**2 / float(counts.square().sum()))
    return float(wins.mean()), effective_n, normal_quantile(0.95) * math.sqrt(variance)


def _flat(images: Tensor) -> Tensor:
    return to_float(images).flatten(1)


def _nearest(
    points: Tensor, references: Tensor, m: int, max_distances: int
) -> tuple[Tensor, Tensor]:
    """Return, for each point, the index of the nearest among the first m references and the index
    of the nearest among all references."""
    size = references[0].numel()
    origin = _flat(references[:m]).mean(0)  # centred values round less
    smallest = torch.full((len(points),), torch.inf)
    nearest = torch.zeros(len(points), dtype=torch.int64)
    among_first = nearest
    rows = max(1, MAX_REFERENCE_VALUES // size)
    # m is a block boundary, so that the result for the first m can be copied there
    for start, end in pairwise(sorted({*range(0, len(references), rows), m, len(references)})):
        targets = (_flat(references[start:end]) - origin).T.contiguous()
        norms = targets.square().sum(0)
        for at in torch.arange(len(points)).split(max(1, max_distances // max(size, end - start))):
            part = slice(int(at[0]), int(at[-1]) + 1)
            # |p|^2 is left out: it is the same for all references of a point
            height = torch.addmm(norms, _flat(points[part]) - origin, targets, alpha=-2)
            low, index = height.min(1)
            nearest[part] = torch.where(low < smallest[part], index + start, nearest[part])
            smallest[part] = torch.minimum(low, smallest[part])
        if end == m:
            among_first = nearest.clone()
    return among_first, nearest
