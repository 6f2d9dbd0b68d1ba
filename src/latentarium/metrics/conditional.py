"""Whether a model makes what it was asked for, and whether it refuses what it was not.

    adherence      share of images judged to be the class asked for (GAN-test)
    wrong label    AUC(c, k) = P(D(x_c, c) > D(x_k, c)) + 1/2 P(=): how well the discriminator
                   tells real images of class c from real images of class k, both under c
    histogram      which classes appear when nothing was asked for
    per class      density and coverage within each class: one can be obeyed and collapsed

References:
    How good is my GAN? (Shmelkov, Schmid and Alahari, 2018), https://arxiv.org/abs/1807.09499
    The meaning and use of the area under a ROC curve (Hanley and McNeil, 1982)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.metrics.fidelity import DensityCoverage, density_coverage
from latentarium.shapes import (
    ClassCounts,
    ClassTable,
    CountTable,
    FeatureSet,
    Images,
    Labels,
    LabelSet,
    OtherFeatureSet,
    OtherLabelSet,
    Pixels,
)
from latentarium.stats.intervals import Interval, normal_quantile, wilson


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Asked against judged."""

    table: CountTable
    """Row: asked; column: judged."""
    shares: tuple[float | None, ...]
    """Per class, the share judged to be it; None where it was never asked for."""
    intervals: tuple[Interval | None, ...]
    adherence: float
    """The share over all images."""
    adherence_interval: Interval
    worst_class: int
    """The class with the lowest share among those asked for."""
    n: int


def confusion(asked: LabelSet, judged: LabelSet, num_classes: int) -> Confusion:
    """Counts how often each class was asked for, and what the judge saw instead.

    Raises:
        UserError: No images, or labels outside 0 to num_classes - 1.
    """
    _require_labels(asked, num_classes)
    _require_labels(judged, num_classes)
    cells = asked.long() * num_classes + judged.long()
    table = torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits, totals = table.diagonal().tolist(), table.sum(1).tolist()
    pairs = list(zip(hits, totals, strict=True))
    shares = tuple(hit / total if total else None for hit, total in pairs)
    seen = {c: share for c, share in enumerate(shares) if share is not None}
    return Confusion(
        table=table,
        shares=shares,
        intervals=tuple(wilson(hit, total) if total else None for hit, total in pairs),
        adherence=sum(hits) / sum(totals),
        adherence_interval=wilson(sum(hits), sum(totals)),
        worst_class=min(seen, key=seen.__getitem__),
        n=sum(totals),
    )


@dataclass(frozen=True, kw_only=True)
class WrongLabelAUC:
    """How well a discriminator refuses real images under a wrong label; 1: always."""

    table: ClassTable
    """Row: the condition c; column: the true class k; the diagonal is 0.5 by definition, and nan
    stands where a class has no image."""
    mean: float
    """Over the pairs c != k."""
    mean_interval: Interval
    minimum: float
    minimum_interval: Interval
    """By bootstrap, which draws a minimum downwards: read it as pessimistic."""
    minimum_pair: tuple[int, int]
    """The condition and the true class that it refuses least well."""
    counts: ClassCounts
    """Images per class."""
    resamples: int
    seed: int


def wrong_label_auc(
    score: Callable[[Tensor, Tensor], Tensor],
    images: Images | Pixels,
    labels: LabelSet,
    num_classes: int,
    *,
    resamples: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
    batch_size: int = 500,
) -> WrongLabelAUC:
    """Scores every real image under every condition, and compares right with wrong.

    Arguments:
        score: From images in [-1, 1] and labels to one logit each; higher is more accepted.
        images: Real ones, held out; uint8 is converted.
        labels: Their true classes.
        num_classes: K; classes without an image are left out.
        resamples: Bootstrap sets, in which each class is resampled within itself.
        seed: Of the bootstrap.
        confidence: Of the intervals.
        batch_size: Images scored at once: memory, not meaning.

    Raises:
        UserError: Fewer than two classes with images, or a score that is not finite.
    """
    if num_classes < 2:
        raise UserError("A wrong label needs a second class: give data with at least 2 classes.")
    normal_quantile(confidence)  # for its check
    _require_labels(labels, num_classes)
    counts = torch.bincount(labels, minlength=num_classes)
    present = counts > 0
    if int(present.sum()) < 2:
        raise UserError("A wrong label needs images of at least 2 classes: give more of them.")
    rows = [torch.nonzero(labels == c).squeeze(1) for c in range(num_classes)]
    generator = torch.Generator().manual_seed(seed)
    weights = [_resampled_weights(max(1, len(r)), resamples, generator) for r in rows]
    # the first set is the sample itself; the same sets serve every condition
    aucs = torch.full((resamples + 1, num_classes, num_classes), 0.5, dtype=torch.float64)
    aucs[:, ~present] = aucs[:, :, ~present] = torch.nan
    measured = present.nonzero().squeeze(1).tolist()
    for c in measured:
        scores = _scores(score, images, c, batch_size)
        for k in measured:
            if k != c:
                aucs[:, c, k] = _weighted_auc(
                    scores[rows[c]], scores[rows[k]], weights[c], weights[k]
                )
    off_diagonal = ~torch.eye(num_classes, dtype=torch.bool) & present & present[:, None]
    pairs = aucs[:, off_diagonal]
    condition, true = torch.nonzero(off_diagonal)[int(pairs[0].argmin())].tolist()
    return WrongLabelAUC(
        table=aucs[0],
        mean=float(pairs[0].mean()),
        mean_interval=_percentiles(pairs[1:].mean(1), confidence),
        minimum=float(pairs[0].min()),
        minimum_interval=_percentiles(pairs[1:].amin(1), confidence),
        minimum_pair=(condition, true),
        counts=counts,
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class LabelHistogram:
    """Which classes appear."""

    counts: tuple[int, ...]
    shares: tuple[float, ...]
    intervals: tuple[Interval, ...]
    entropy: float
    """Of the shares, in nats; log K where all classes are equally frequent."""
    max_entropy: float
    n: int


def label_histogram(judged: LabelSet, num_classes: int) -> LabelHistogram:
    """Counts the classes that a judge saw.

    Raises:
        UserError: No images, or labels outside 0 to num_classes - 1.
    """
    _require_labels(judged, num_classes)
    counts, n = torch.bincount(judged, minlength=num_classes).tolist(), len(judged)
    shares = tuple(count / n for count in counts)
    return LabelHistogram(
        counts=tuple(counts),
        shares=shares,
        intervals=tuple(wilson(count, n) for count in counts),
        entropy=-sum(p * math.log(p) for p in shares if p > 0),
        max_entropy=math.log(num_classes),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class ClassManifold:
    """Density and coverage within each class."""

    density: tuple[float | None, ...]
    """In label order; 1 is expected where both sets come from one distribution. None for a class
    with too few images."""
    coverage: tuple[float | None, ...]
    coverage_intervals: tuple[Interval | None, ...]
    expected_coverage: tuple[float | None, ...]
    """Where both sets come from one distribution, at these sizes."""
    worst_class: int
    """The class whose coverage is smallest beside what is expected, of those measured."""
    n: tuple[int, ...]
    """Real images of each class."""
    n_fake: tuple[int, ...]
    k: int


def class_manifold(
    real: FeatureSet,
    labels: LabelSet,
    fake: OtherFeatureSet,
    asked: OtherLabelSet,
    num_classes: int,
    k: int = 5,
) -> ClassManifold:
    """Density and coverage (see `distances`) of each class by itself.

    Arguments:
        real: Features of real images.
        labels: Their classes.
        fake: Features of generated images.
        asked: The classes that they were asked for.
        num_classes: K; a class is measured that has more than k real images, and at least one
            generated.
        k: Neighbours that a ball reaches to.

    Raises:
        UserError: No class has enough images.
    """
    _require_labels(labels, num_classes)
    _require_labels(asked, num_classes)
    found: dict[int, DensityCoverage] = {}
    expected: dict[int, float] = {}
    sizes = []
    for c in range(num_classes):
        own, made = real[labels == c], fake[asked == c]
        sizes.append((len(own), len(made)))
        if len(own) > k and len(made) > 0:
            found[c] = density_coverage(own, made, k)
            expected[c] = expected_coverage(len(own), len(made), k)
    if not found:
        raise UserError(
            f"No class has more than {k} real images and a generated one, which density and "
            f"coverage with k = {k} need: give more images."
        )
    every = range(num_classes)
    return ClassManifold(
        density=tuple(found[c].density if c in found else None for c in every),
        coverage=tuple(found[c].coverage if c in found else None for c in every),
        coverage_intervals=tuple(
            found[c].coverage_interval if c in found else None for c in every
        ),
        expected_coverage=tuple(expected.get(c) for c in every),
        worst_class=max(found, key=lambda c: expected[c] - found[c].coverage),
        n=tuple(own for own, _ in sizes),
        n_fake=tuple(made for _, made in sizes),
        k=k,
    )


def expected_coverage(n: int, m: int, k: int) -> float:
    """Coverage of n real images by m generated ones of the same distribution, exactly.

    A real image is not covered where the k nearest of the n - 1 other real and the m generated
    images are all real, and all orders are equally likely.
    """
    missed = math.prod((n - 1 - i) / (n - 1 + m - i) for i in range(k))
    return 1 - missed


def _require_labels(labels: Labels, num_classes: int) -> None:
    if len(labels) == 0:
        raise UserError("There are no images to count: give at least one label.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise UserError(
            f"Labels run from {low} to {high}, and {num_classes} classes are numbered 0 to "
            f"{num_classes - 1}: give labels in that range."
        )


def _scores(
    score: Callable[[Tensor, Tensor], Tensor], images: Tensor, condition: int, batch_size: int
) -> Tensor:
    parts = []
    with torch.no_grad():
        for part in images.split(batch_size):
            asked = torch.full((len(part),), condition, device=part.device)
            parts.append(score(to_float(part), asked).cpu().double())
    scores = torch.cat(parts)
    if not bool(scores.isfinite().all()):
        raise UserError(f"Some scores under condition {condition} are not finite: check weights.")
    return scores


def _resampled_weights(n: int, resamples: int, generator: torch.Generator) -> Tensor:
    """How often each of n images is drawn, over n; the first row has each image once."""
    drawn = torch.randint(n, (resamples, n), generator=generator)
    counts = torch.zeros(resamples, n, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones_like(counts))
    return torch.cat([torch.ones(1, n, dtype=torch.float64), counts]) / n


def _weighted_auc(right: Tensor, wrong: Tensor, w_right: Tensor, w_wrong: Tensor) -> Tensor:
    """P(right > wrong) + P(right = wrong) / 2, exactly, for each row of weights."""
    ordered, order = wrong.sort()
    mass = torch.nn.functional.pad(w_wrong[:, order].cumsum(1), (1, 0))
    below = mass[:, torch.searchsorted(ordered, right)]
    up_to = mass[:, torch.searchsorted(ordered, right, right=True)]
    return (w_right * (below + up_to) / 2).sum(1).clamp(0, 1)  # sums of shares round past 1


def _percentiles(values: Tensor, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = values.quantile(torch.tensor([tail, 1 - tail], dtype=values.dtype)).tolist()
    return low, high
