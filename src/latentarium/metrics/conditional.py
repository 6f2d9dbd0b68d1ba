"""Whether a model generates the requested class, and all of the class.

    adherence      share of samples that the classifier assigns to the requested class (GAN-test)
    histogram      which classes appear if no class is requested
    per class      density and coverage within each class, which adherence does not measure: a
                   model may generate the same correct image each time

The worst class is selected for its value, so its interval is simultaneous over all classes; see
`stats.shares`.

References:
    How good is my GAN? (Shmelkov, Schmid and Alahari, 2018), https://arxiv.org/abs/1807.09499
"""

import math
from dataclasses import dataclass

import torch

from latentarium.errors import UserError
from latentarium.metrics.fidelity import DensityCoverage, density_coverage
from latentarium.shapes import (
    CountTable,
    FeatureSet,
    Labels,
    LabelSet,
    OtherFeatureSet,
    OtherLabelSet,
)
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson, simultaneous


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
    worst_interval: Interval
    """Interval of the worst class's share, simultaneous over all requested classes; it is
    conservative."""
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
    require_labels(requested, num_classes)
    require_labels(predicted, num_classes)
    cells = requested.long() * num_classes + predicted.long()
    table = torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits, totals = table.diagonal().tolist(), table.sum(1).tolist()
    pairs = list(zip(hits, totals, strict=True))
    shares = tuple(hit / total if total else None for hit, total in pairs)
    measured = {c: share for c, share in enumerate(shares) if share is not None}
    worst = min(measured, key=measured.__getitem__)
    adherence = sum(hits) / sum(totals)
    return Confusion(
        table=table,
        shares=shares,
        intervals=tuple(
            clopper_pearson(hit / total, total) if total else None for hit, total in pairs
        ),
        adherence=adherence,
        adherence_interval=clopper_pearson(adherence, sum(totals)),
        worst_class=worst,
        worst_interval=clopper_pearson(
            measured[worst], totals[worst], simultaneous(0.95, len(measured))
        ),
        n=sum(totals),
    )


@dataclass(frozen=True, kw_only=True)
class LabelHistogram:
    """Numbers and shares of samples in each class."""

    counts: tuple[int, ...]
    shares: tuple[float, ...]
    intervals: tuple[Interval, ...]
    simultaneous_intervals: tuple[Interval, ...]
    """Intervals that contain the shares of all classes at once, for the rarest and the commonest
    class; they are conservative."""
    entropy: float
    """Entropy of the shares, in nats; log K if all classes are equally frequent."""
    max_entropy: float
    n: int


def label_histogram(predicted: LabelSet, num_classes: int) -> LabelHistogram:
    """Count how often each class is predicted.

    Raises:
        UserError: No images ("no-images"), or labels outside 0 to K - 1 ("invalid-label").
    """
    require_labels(predicted, num_classes)
    counts, n = torch.bincount(predicted, minlength=num_classes).tolist(), len(predicted)
    shares = tuple(count / n for count in counts)
    return LabelHistogram(
        counts=tuple(counts),
        shares=shares,
        intervals=tuple(clopper_pearson(share, n) for share in shares),
        simultaneous_intervals=tuple(
            clopper_pearson(share, n, simultaneous(0.95, num_classes)) for share in shares
        ),
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
    worst_interval: Interval
    """Interval of the worst class's coverage, simultaneous over all measured classes; it is
    conservative."""
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
    require_labels(labels, num_classes)
    require_labels(requested, num_classes)
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
    worst = max(measured, key=lambda c: expected[c] - measured[c].coverage)
    return PerClassDensityCoverage(
        density=tuple(measured[c].density if c in measured else None for c in classes),
        coverage=tuple(measured[c].coverage if c in measured else None for c in classes),
        coverage_intervals=tuple(
            measured[c].coverage_interval if c in measured else None for c in classes
        ),
        expected_coverage=tuple(expected.get(c) for c in classes),
        worst_class=worst,
        worst_interval=clopper_pearson(
            measured[worst].coverage,
            measured[worst].effective_n,
            simultaneous(0.95, len(measured)),
        ),
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


def require_labels(labels: Labels, num_classes: int) -> None:
    """Check that there are labels and that all are from 0 to K - 1.

    Raises:
        UserError: There are none ("no-images"), or a label is out of range ("invalid-label").
    """
    if len(labels) == 0:
        raise UserError("There are no labels; give at least 1 image.", code="no-images")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise UserError(
            f"The labels range from {low} to {high}; with {num_classes} classes they must be "
            f"from 0 to {num_classes - 1}.",
            code="invalid-label",
        )
