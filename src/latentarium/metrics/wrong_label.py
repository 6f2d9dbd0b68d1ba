"""How well a discriminator rejects real images under a wrong label.

    AUC(c, k) = P(D(x_c, c) > D(x_k, c)) + 1/2 P(tie)

is the probability that the discriminator, given class c, scores a real image of class c higher
than one of class k. The hardest pair is selected for its value, so its interval is simultaneous
over all pairs, which share images; see `stats.shares`.

References:
    The meaning and use of the area under a ROC curve (Hanley and McNeil, 1982)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.metrics.conditional import require_labels
from latentarium.shapes import ClassCounts, ClassTable, Images, LabelSet, Pixels
from latentarium.stats.intervals import expanded_percentiles, normal_quantile
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import mean_over_pairs, simultaneous


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
    """Interval of the AUC of the pair with the minimum, simultaneous over all pairs; it is
    conservative."""
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
        resamples: Number of bootstrap resamples for the mean; each class is resampled
            separately.
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
    require_labels(labels, num_classes)
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
    smallest = int(counts[present].min())
    return WrongLabelAUC(
        table=aucs[0],
        mean=float(pairs[0].mean()),
        mean_interval=expanded_percentiles(pairs[1:].mean(1), smallest, confidence),
        minimum=float(pairs[0].min()),
        minimum_interval=mean_over_pairs(
            float(pairs[0].min()),
            int(counts[condition]),
            int(counts[true]),
            simultaneous(confidence, pairs.shape[1]),
        ),
        minimum_pair=(condition, true),
        counts=counts,
        resamples=resamples,
        seed=seed,
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
