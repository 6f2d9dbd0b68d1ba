"""The digit of a sample can be chosen with a conditional GAN, but not with a GAN."""

from typing import ClassVar

import numpy as np
import torch

from latentarium import charts
from latentarium.metrics.conditional import (
    Confusion,
    LabelHistogram,
    confusion,
    label_histogram,
)
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, zeros_to_nan
from latentarium.tour.results import ClaimResult, Condition, Figure

MIN_SHARE, MAX_SHARE = 0.05, 0.20
"""A digit counts as dropped if the GAN's share of it is lower, and as favoured if it is higher."""


@register("claim", "label-control")
class LabelControl(Claim):
    """Requested and predicted labels of the CGAN, and the histogram of the GAN's labels."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "gan", "cgan")
    order: ClassVar[float] = 90
    seconds: ClassVar[float] = 7

    def measure(self, tour: TourContext) -> ClaimResult:
        names, classifier = tour.data.card.classes, tour.classifier
        classes = len(names)
        histogram = label_histogram(tour.predicted_labels["gan"], classes)
        cgan = confusion(tour.requested_labels, tour.predicted_labels["cgan"], classes)
        gan = confusion(tour.requested_labels, tour.predicted_labels["gan"], classes)
        worst_share = cgan.shares[cgan.worst_class]
        assert worst_share is not None  # every class is requested
        return ClaimResult(
            title="The digit can be chosen with a CGAN, but not with a GAN",
            statement=(
                "What a GAN generates depends on its random numbers alone. A conditional GAN is "
                "given a label and generates the requested digit."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="CGAN samples classified as the requested digit", unit="share",
                        value=cgan.adherence, interval=cgan.adherence_interval, n=cgan.n,
                        extractor=classifier.name, reference=classifier.accuracy,
                        note="reference: the classifier's accuracy on real test images",
                    ),
                    relation=">=", threshold=0.985,
                ),
                Condition(
                    number=Measurement(
                        name="CGAN samples classified as the requested digit, worst digit: "
                        f"{names[cgan.worst_class]}",
                        unit="share", value=worst_share,
                        interval=cgan.worst_interval, conservative=True,
                        n=cgan.n // classes, extractor=classifier.name,
                    ),
                    relation=">=", threshold=0.95,
                ),
                Condition(
                    number=Measurement(
                        name="GAN samples that match a requested digit by chance", unit="share",
                        value=gan.adherence, interval=gan.adherence_interval, n=gan.n,
                        better="neither",
                        extractor=classifier.name,
                    ),
                    relation="<=", threshold=0.15,
                ),
                Condition(
                    number=Measurement(
                        name="Rarest digit of the GAN", unit="share", n=histogram.n,
                        value=min(histogram.shares),
                        interval=histogram.simultaneous_intervals[int(np.argmin(histogram.shares))],
                        conservative=True,
                    ),
                    relation=">=", threshold=MIN_SHARE,
                ),
                Condition(
                    number=Measurement(
                        name="Most common digit of the GAN", unit="share", n=histogram.n,
                        value=max(histogram.shares),
                        interval=histogram.simultaneous_intervals[int(np.argmax(histogram.shares))],
                        conservative=True,
                    ),
                    relation="<=", threshold=MAX_SHARE,
                ),
            ),
            evidence=(
                Measurement(name="Entropy of the GAN's digits", value=histogram.entropy,
                            unit="nats", reference=histogram.max_entropy, better="higher",
                            note="reference: ln 10, all digits equally often"),
            ),
            protocol=(
                f"{tour.n:,} samples of each model; for the CGAN every digit is requested equally "
                "often. The labels are predicted by the classifier, whose accuracy on real test "
                f"images is {classifier.accuracy:.2%}."
            ),
            explanation=(
                "In the table a row is the requested digit and a column the digit that the "
                "classifier sees. Everything off the diagonal is a miss."
            ),
            figures=_histogram_table_and_samples(tour, histogram, cgan),
        )  # fmt: skip


def _histogram_table_and_samples(
    tour: TourContext, histogram: LabelHistogram, cgan: Confusion
) -> tuple[Figure, ...]:
    classes, requested = tour.data.card.classes, tour.requested_labels
    percent = 100 * np.asarray(cgan.table.double() / cgan.table.sum(1, keepdim=True))
    samples = tour.samples["cgan"]
    rows = torch.cat([samples[requested == c][:COLUMNS] for c in range(len(classes))])
    band = (100 * MIN_SHARE, 100 * MAX_SHARE, "neither dropped nor favoured")
    return (
        Figure(
            caption="The digits that the GAN generates (shaded: 5 % to 20 %).",
            alt="Ten bars, one for each digit, all between 5 and 20 percent.",
            content=charts.bar_chart(
                classes, [100 * s for s in histogram.shares],
                [charts.SYSTEM_COLOURS["gan"]] * len(classes), "% of samples",
                intervals=[(100 * a, 100 * b) for a, b in histogram.intervals],
                band=band, show="{:.1f}",
            ),
        ),
        Figure(
            caption="CGAN: requested digit (row) and predicted digit (column), in percent of "
            "the row.",
            alt="A ten by ten table with nearly everything on the diagonal.",
            content=charts.heat_map(
                zeros_to_nan(percent), "requested", "predicted", show="{:.1f}", high=100.0
            ),
        ),
        Figure(
            caption="CGAN: one row for each requested digit.",
            alt="Ten rows of ten digits, in order.",
            content=charts.image_grid(rows, COLUMNS),
        ),
        Figure(
            caption="GAN: the digits come in random order.",
            alt="A hundred digits in no order.",
            content=charts.image_grid(tour.samples["gan"][: len(rows)], COLUMNS),
        ),
    )  # fmt: skip
