"""How well a discriminator rejects real images under a wrong label.

    AUC(c, k) = P(D(x_c, c) > D(x_k, c)) + 1/2 P(tie)

is the probability that the discriminator, given class c, scores a real image of class c higher
than one of class k.

The variance of the mean over all pairs is that of DeLong, DeLong and Clarke-Pearson (1988), from
each image's part in all of its comparisons. It is near zero if few comparisons are wrong, so the
interval allows for one more image that loses all of its comparisons; see `stats.shares`. The
hardest pair is selected for its value, so its interval is simultaneous over all pairs, which share
images.

References:
    The meaning and use of the area under a ROC curve (Hanley and McNeil, 1982)
    Comparing the areas under two or more correlated receiver operating characteristic curves
    (DeLong, DeLong and Clarke-Pearson, 1988)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.metrics.conditional import require_labels
from latentarium.shapes import ClassCounts, ClassTable, Images, LabelSet, Pixels
from latentarium.stats.intervals import normal_quantile
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import mean_over_pairs, simultaneous, weighted_share


@dataclass(frozen=True, kw_only=True)
class WrongLabelAUC:
    """AUC of a discriminator for right against wrong labels of real images; 1 is perfect."""

    table: ClassTable
    """Row: the condition c; column: the true class k. The diagonal is 0.5 by definition; classes
    without images are nan."""
    mean: float
    """Mean over the pairs c != k."""
    mean_interval: Interval
    """It is conservative near 1."""
    minimum: float
    minimum_interval: Interval
    """Interval of the AUC of the pair with the minimum, simultaneous over all pairs; it is
    conservative."""
    minimum_pair: tuple[int, int]
    """Condition and true class of the minimum."""
    counts: ClassCounts
    """Images per class."""


def wrong_label_auc(
    score: Callable[[Tensor, Tensor], Tensor],
    images: Images | Pixels,
    labels: LabelSet,
    num_classes: int,
    *,
    confidence: float = 0.95,
    batch_size: int = 500,
) -> WrongLabelAUC:
    """Score every real image under every label, and compare the scores of right and wrong labels.

    Arguments:
        score: Maps images in [-1, 1] and labels to one logit each; higher means more real.
        images: Held-out real images; uint8 is converted.
        labels: Their true classes.
        num_classes: K; classes without images are left out.
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
    table = torch.full((num_classes, num_classes), 0.5, dtype=torch.float64)
    table[~present] = table[:, ~present] = torch.nan
    parts = torch.zeros(len(labels), dtype=torch.float64)
    measured = present.nonzero().squeeze(1).tolist()
    for c in measured:
        scores = _scores(score, images, c, batch_size)
        for k in measured:
            if k != c:
                right, wrong = scores[rows[c]], scores[rows[k]]
                wins = _wins(right, wrong)
                parts[rows[c]] += wins
                parts[rows[k]] += 1 - _wins(wrong, right)
                table[c, k] = wins.mean()
    off_diagonal = ~torch.eye(num_classes, dtype=torch.bool) & present & present[:, None]
    pairs = table[off_diagonal]
    condition, true = torch.nonzero(off_diagonal)[int(pairs.argmin())].tolist()
    mean = min(1.0, float(pairs.mean()))  # rounding may exceed 1
    return WrongLabelAUC(
        table=table,
        mean=mean,
        mean_interval=weighted_share(
            mean,
            sum(
                _variance_of_mean(parts[rows[c]] / len(pairs), 2 / len(measured)) for c in measured
            ),
            2 / (len(measured) * int(counts[present].min())),
            confidence,
        ),
        minimum=float(pairs.min()),
        minimum_interval=mean_over_pairs(
            float(pairs.min()),
            int(counts[condition]),
            int(counts[true]),
            simultaneous(confidence, len(pairs)),
        ),
        minimum_pair=(condition, true),
        counts=counts,
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


def _wins(scores: Tensor, others: Tensor) -> Tensor:
    """Return, for each score, the share of others that are lower; a tie counts as half."""
    ordered = others.sort().values
    below = torch.searchsorted(ordered, scores)
    up_to = torch.searchsorted(ordered, scores, right=True)
    return (below + up_to).double() / (2 * len(others))


def _variance_of_mean(values: Tensor, limit: float) -> float:
    """Return the estimated variance of the mean of independent values from 0 to the limit."""
    n = len(values)
    if n > 1:
        return float(values.var()) / n
    return float(values) * (limit - float(values))  # the largest possible (Bhatia and Davis, 2000)
