"""The discriminator rejects real images under a wrong label."""

from typing import ClassVar

import torch

from latentarium import charts
from latentarium.data.dataset import to_float
from latentarium.metrics.wrong_label import wrong_label_auc
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult, Condition, Figure

CONDITION, WRONG = 4, (3, 5, 6)
"""The example: a requested 4, and the digits that must be rejected."""


@register("claim", "wrong-label-refused")
class WrongLabelRefused(Claim):
    """The discriminator scores real images higher under the right label than under a wrong one."""

    systems: ClassVar[tuple[str, ...]] = ("cgan",)
    order: ClassVar[float] = 100
    seconds: ClassVar[float] = 3

    def measure(self, tour: TourContext) -> ClaimResult:
        model, test = tour.model("cgan"), tour.data.test
        names = tour.data.card.classes
        assert test.labels is not None
        auc = wrong_label_auc(model.discriminate, test.images, test.labels, model.num_classes)
        condition, shown = auc.minimum_pair
        return ClaimResult(
            title="The wrong label is refused, however real the image",
            statement=(
                "A real 3 is a perfect image, but not of a 4: under the label 4 the discriminator "
                "rejects real 3s, and also real 5s and 6s."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Right class scored above wrong class (AUC), mean over all pairs",
                        value=auc.mean, interval=auc.mean_interval,
                        conservative=True, n=len(test),
                    ),
                    relation=">=", threshold=0.99,
                ),
                Condition(
                    number=Measurement(
                        name=f"The hardest pair: a real {names[shown]} under the label "
                        f"{names[condition]}",
                        value=auc.minimum, interval=auc.minimum_interval,
                        conservative=True, n=len(test),
                    ),
                    relation=">=", threshold=0.95,
                ),
            ),
            evidence=tuple(
                Measurement(name=f"Real {k}s against real {CONDITION}s under the label "
                            f"{CONDITION} (AUC)", value=float(auc.table[CONDITION, k]),
                            better="higher")
                for k in WRONG
            ),
            protocol=(
                "All real test images. For each label c and each other class k: the probability "
                "that the discriminator scores a real image of class c above one of class k, both "
                "under the label c (area under the ROC curve; 0.5 is guessing). The weights of "
                "the discriminator are their moving average."
            ),
            explanation=(
                "In training the discriminator also sees real images under wrong labels and "
                "learns to reject them (Reed et al., 2016). Realism and agreement with the label "
                "are two separate requirements."
            ),
            figures=(
                Figure(
                    caption="AUC for every pair: label (row) and true class (column).",
                    alt="A ten by ten table of values near one.",
                    content=charts.heat_map(
                        auc.table.numpy(), "label", "true class of the image", show="{:.3f}",
                        low=0.9, high=1.0, skip_diagonal=True,
                    ),
                ),
                Figure(
                    caption=f"The discriminator's mean score of real digits under the label "
                    f"{CONDITION}, in ascending order.",
                    alt=f"Bars below zero for all digits but {CONDITION}.",
                    content=_score_chart(tour),
                ),
            ),
        )  # fmt: skip


def _score_chart(tour: TourContext) -> str:
    model, test, names = tour.model("cgan"), tour.data.test, tour.data.card.classes
    assert test.labels is not None
    with torch.no_grad():
        x = to_float(test.images)
        scores = model.discriminate(x, torch.full((len(x),), CONDITION))
    means = [float(scores[test.labels == k].mean()) for k in range(len(names))]
    order = sorted(range(len(means)), key=lambda k: means[k])
    colours = [charts.ROLE_COLOURS["real" if k == CONDITION else "discriminator"] for k in order]
    return charts.signed_bar_chart(
        [names[k] for k in order],
        [means[k] for k in order],
        colours,
        f"score under the label {CONDITION}",
    )
