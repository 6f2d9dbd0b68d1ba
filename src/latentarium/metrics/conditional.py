"""Whether a model generates the requested class, and whether it rejects images of other classes.

    adherence      share of samples that the classifier assigns to the requested class (GAN-test)
    wrong label    AUC(c, k) = P(D(x_c, c) > D(x_k, c)) + 1/2 P(tie): how well the discriminator,
                   given class c, distinguishes real images of class c from those of class k
    histogram      which classes appear if no class is requested
    per class      density and coverage within each class, which adherence does not measure: a
                   model may generate the same correct image each time

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
from latentarium.stats.intervals import normal_quantile, wilson
from latentarium.stats.measurement import Interval


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Requested against predicted classes."""

    table: CountTable
    """Row: requested class; column: predicted class."""
    shares: tuple[float | None, ...]
    """For each requested class, the share of its samples that are predicted as that class; None if
    the class was never requested."""
    intervals: tuple[Interval | None, ...]
    adherence: float
    """The share over all images."""
    adherence_interval: Interval
    worst_class: int
    """The requested class with the lowest share."""
    n: int


def confusion(requested: LabelSet, predicted: LabelSet, num_classes: int) -> Confusion:
    """Count how often each pair of requested and predicted class occurs.

    Arguments:
        requested: Class that each image was generated for.
        predicted: Class that the classifier predicts for each image.
        num_classes: K.

    Raises:
        UserError: No images ("no-images"), or labels outside 0 to K - 1 ("invalid-label").
    """
    _require_labels(requested, num_classes)
    _require_labels(predicted, num_classes)
    cells = requested.long() * num_classes + predicted.long()
    table = torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits, totals = table.diagonal().tolist(), table.sum(1).tolist()
    pairs = list(zip(hits, totals, strict=True))
    shares = tuple(hit / total if total else None for hit, total in pairs)
    measured = {c: share for c, share in enumerate(shares) if share is not None}
    return Confusion(
        table=table,
        shares=shares,
        intervals=tuple(wilson(hit, total) if total else None for hit, total in pairs),
        adherence=sum(hits) / sum(totals),
        adherence_interval=wilson(sum(hits), sum(totals)),
        worst_class=min(measured, key=measured.__getitem__),
        n=sum(totals),
    )


@dataclass(frozen=True, kw_only=True)
class WrongLabelAUC:
    """AUC of a discriminator for right against wrong labels of real images; 1 is perfect."""

    table: ClassTable
    """Row: the condition c; column: the true class k. The diagonal is 0.5 by definition; classes
    without images are nan."""
    mean: float
    """Mean over the pairs c != k."""
    mean_interval: Interval
    minimum: float
    minimum_interval: Interval
    """Bootstrap interval of the minimum. It is pessimistic, since a bootstrap biases a minimum
    downwards."""
    minimum_pair: tuple[int, int]
    """Condition and true class of the minimum."""
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
    """Score every real image under every label, and compare the scores of right and wrong labels.

    Arguments:
        score: Maps images in [-1, 1] and labels to one logit each; higher means more real.
        images: Held-out real images; uint8 is converted.
        labels: Their true classes.
        num_classes: K; classes without images are left out.
        resamples: Number of bootstrap resamples; each class is resampled separately.
        seed: Seed of the bootstrap.
        confidence: Confidence of the intervals.
        batch_size: Images scored per call. It limits memory and does not change the result.

    Raises:
        UserError: Fewer than two classes with images ("too-few-classes"), invalid labels (see
            `confusion`), or a score that is not finite ("not-finite").
    """
    if num_classes < 2:
        raise UserError(
            f"num_classes is {num_classes}; a wrong label needs at least 2 classes.",
            code="too-few-classes",
        )
    normal_quantile(confidence)  # raises for an invalid confidence
    _require_labels(labels, num_classes)
    counts = torch.bincount(labels, minlength=num_classes)
    present = counts > 0
    if int(present.sum()) < 2:
        raise UserError(
            "All images have the same class; give images of at least 2 classes.",
            code="too-few-classes",
        )
    rows = [torch.nonzero(labels == c).squeeze(1) for c in range(num_classes)]
    generator = torch.Generator().manual_seed(seed)
    weights = [_resampled_weights(max(1, len(r)), resamples, generator) for r in rows]
    # the first row of weights is for the original images; all conditions use the same resamples
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
    """Numbers and shares of samples in each class."""

    counts: tuple[int, ...]
    shares: tuple[float, ...]
    intervals: tuple[Interval, ...]
    entropy: float
    """Entropy of the shares, in nats; log K if all classes are equally frequent."""
    max_entropy: float
    n: int


def label_histogram(predicted: LabelSet, num_classes: int) -> LabelHistogram:
    """Count how often each class is predicted.

    Raises:
        UserError: No images ("no-images"), or labels outside 0 to K - 1 ("invalid-label").
    """
    _require_labels(predicted, num_classes)
    counts, n = torch.bincount(predicted, minlength=num_classes).tolist(), len(predicted)
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
class PerClassDensityCoverage:
    """Density and coverage within each class."""

    density: tuple[float | None, ...]
    """Values in label order; about 1 if real and generated images have the same distribution. None
    for a class with too few images."""
    coverage: tuple[float | None, ...]
    coverage_intervals: tuple[Interval | None, ...]
    expected_coverage: tuple[float | None, ...]
    """Coverage at these set sizes if real and generated images have the same distribution."""
    worst_class: int
    """The measured class whose coverage is furthest below its expected coverage."""
    n: tuple[int, ...]
    """Real images of each class."""
    n_fake: tuple[int, ...]
    k: int


def per_class_density_coverage(
    real: FeatureSet,
    labels: LabelSet,
    fake: OtherFeatureSet,
    requested: OtherLabelSet,
    num_classes: int,
    k: int = 5,
) -> PerClassDensityCoverage:
    """Compute density and coverage (see `metrics.fidelity`) separately for each class.

    Arguments:
        real: Features of real images.
        labels: Their classes.
        fake: Features of generated images.
        requested: The classes that they were generated for.
        num_classes: K; a class is measured if it has more than k real images and at least one
            generated image.
        k: Neighbour that defines the radius of a ball.

    Raises:
        UserError: No class has enough images ("too-few-images"), or invalid labels (see
            `confusion`).
    """
    _require_labels(labels, num_classes)
    _require_labels(requested, num_classes)
    measured: dict[int, DensityCoverage] = {}
    expected: dict[int, float] = {}
    sizes = []
    for c in range(num_classes):
        class_real, class_fake = real[labels == c], fake[requested == c]
        sizes.append((len(class_real), len(class_fake)))
        if len(class_real) > k and len(class_fake) > 0:
            measured[c] = density_coverage(class_real, class_fake, k)
            expected[c] = expected_coverage(len(class_real), len(class_fake), k)
    if not measured:
        raise UserError(
            f"No class has more than {k} real images and at least 1 generated image, as density "
            f"and coverage with k = {k} require; give more images.",
            code="too-few-images",
        )
    classes = range(num_classes)
    return PerClassDensityCoverage(
        density=tuple(measured[c].density if c in measured else None for c in classes),
        coverage=tuple(measured[c].coverage if c in measured else None for c in classes),
        coverage_intervals=tuple(
            measured[c].coverage_interval if c in measured else None for c in classes
        ),
        expected_coverage=tuple(expected.get(c) for c in classes),
        worst_class=max(measured, key=lambda c: expected[c] - measured[c].coverage),
        n=tuple(n for n, _ in sizes),
        n_fake=tuple(n for _, n in sizes),
        k=k,
    )


def expected_coverage(n: int, m: int, k: int) -> float:
    """Return the exact expected coverage of n real images by m generated images of the same
    distribution.

    A real image is not covered if its k nearest neighbours, among the n - 1 other real images and
    the m generated images, are all real. All orders of these n - 1 + m images by distance are
    equally likely.
    """
    missed = math.prod((n - 1 - i) / (n - 1 + m - i) for i in range(k))
    return 1 - missed


def _require_labels(labels: Labels, num_classes: int) -> None:
    if len(labels) == 0:
        raise UserError("There are no labels; give at least 1 image.", code="no-images")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise UserError(
            f"The labels range from {low} to {high}; with {num_classes} classes they must be "
            f"from 0 to {num_classes - 1}.",
            code="invalid-label",
        )


def _scores(
    score: Callable[[Tensor, Tensor], Tensor], images: Tensor, condition: int, batch_size: int
) -> Tensor:
    parts = []
    with torch.no_grad():
        for part in images.split(batch_size):
            y = torch.full((len(part),), condition, device=part.device)
            parts.append(score(to_float(part), y).cpu().double())
    scores = torch.cat(parts)
    if not bool(scores.isfinite().all()):
        raise UserError(
            f"Some scores under condition {condition} are not finite; check the discriminator's "
            "weights.",
            code="not-finite",
        )
    return scores


def _resampled_weights(n: int, resamples: int, generator: torch.Generator) -> Tensor:
    """Return bootstrap weights of n images, one resample per row, after a row of equal weights."""
    rows = torch.randint(n, (resamples, n), generator=generator)
    counts = torch.zeros(resamples, n, dtype=torch.float64)
    counts.scatter_add_(1, rows, torch.ones_like(counts))
    return torch.cat([torch.ones(1, n, dtype=torch.float64), counts]) / n


def _weighted_auc(right: Tensor, wrong: Tensor, w_right: Tensor, w_wrong: Tensor) -> Tensor:
    """Return P(right > wrong) + P(right = wrong) / 2, exactly, for each row of weights."""
    ordered, order = wrong.sort()
    mass = torch.nn.functional.pad(w_wrong[:, order].cumsum(1), (1, 0))
    below = mass[:, torch.searchsorted(ordered, right)]
    up_to = mass[:, torch.searchsorted(ordered, right, right=True)]
    return (w_right * (below + up_to) / 2).sum(1).clamp(0, 1)  # rounding may exceed 1


def _percentiles(values: Tensor, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = values.quantile(torch.tensor([tail, 1 - tail], dtype=values.dtype)).tolist()
    return low, high
