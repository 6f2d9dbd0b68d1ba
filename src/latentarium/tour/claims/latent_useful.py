"""The autoencoder's latent is useful: nearest neighbours in it have the same label."""

from typing import ClassVar

import torch

from latentarium import charts
from latentarium.data.dataset import to_float
from latentarium.latent.neighbours import knn_accuracy, nearest
from latentarium.models.interpolation import lerp
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, first_of_each_class
from latentarium.tour.results import ClaimResult, Condition, Figure

PIXEL_IMAGES = 5000
"""Test images classified by their nearest neighbours in pixel space, which is slow."""
QUERIES, NEIGHBOURS = 5, 9
INTERPOLATED = ((3, 8), (4, 9), (1, 7))


@register("claim", "latent-useful")
class LatentUseful(Claim):
    """A k-nearest-neighbour classifier on the autoencoder's latents is accurate."""

    systems: ClassVar[tuple[str, ...]] = ("ae",)
    order: ClassVar[float] = 20
    seconds: ClassVar[float] = 14

    def measure(self, tour: TourContext) -> ClaimResult:
        train, test = tour.data.train, tour.data.test
        assert train.labels is not None
        assert test.labels is not None
        accuracy = knn_accuracy(
            tour.train_latents("ae"), train.labels, tour.test_latents("ae"), test.labels
        )
        pixel_accuracy = knn_accuracy(
            to_float(train.images).flatten(1),
            train.labels,
            to_float(test.images[:PIXEL_IMAGES]).flatten(1),
            test.labels[:PIXEL_IMAGES],
        )
        return ClaimResult(
            title="The latent is useful, though no label was used",
            statement=(
                "The autoencoder never saw a label, but images of the same digit are close to "
                "each other in its latent space: the nearest neighbours predict the digit."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Test digits classified correctly by their 10 nearest latents",
                        value=accuracy.value, interval=accuracy.interval, unit="share",
                        n=accuracy.n,
                    ),
                    relation=">=", threshold=0.95,
                ),
            ),
            evidence=(
                Measurement(name="Classified correctly by their 10 nearest neighbours in pixels",
                            value=pixel_accuracy.value, interval=pixel_accuracy.interval,
                            unit="share", n=pixel_accuracy.n, better="higher"),
                Measurement(name="Classified correctly by chance", value=0.1, unit="share",
                            better="neither"),
            ),
            protocol=(
                "The label of each test image is predicted from the 10 nearest latents (Euclidean "
                "distance) of the 55,000 training images."
            ),
            explanation=(
                "Search, clustering, anomaly detection and interpolation all work in the latent "
                "space, because similar images have nearby latents."
            ),
            figures=_neighbours_and_interpolations(tour),
        )  # fmt: skip


def _neighbours_and_interpolations(tour: TourContext) -> tuple[Figure, ...]:
    train, test, latents = tour.data.train, tour.data.test, tour.test_latents("ae")
    assert test.labels is not None
    firsts = first_of_each_class(test.labels, COLUMNS)
    queries = firsts[:QUERIES]
    neighbours = nearest(tour.train_latents("ae"), latents[queries], NEIGHBOURS).index
    rows = torch.cat(
        [
            torch.cat([test.images[query : query + 1], train.images[row]])
            for query, row in zip(queries, neighbours, strict=True)
        ]
    )
    ends = latents[firsts]
    interpolations = torch.cat(
        [tour.decode("ae", lerp(ends[a], ends[b], COLUMNS)) for a, b in INTERPOLATED]
    )
    return (
        Figure(
            caption="First column: a test digit. The other columns: the nine training images "
            "whose latents are nearest to it.",
            alt="Five rows, each with a digit and nine similar ones.",
            content=charts.image_grid(to_float(rows), 1 + NEIGHBOURS),
            wide=True,
        ),
        Figure(
            caption="Linear interpolations in the latent space: 3 to 8, 4 to 9, 1 to 7. In the "
            "middle the line may cross a gap.",
            alt="Three rows of ten images that turn one digit into another.",
            content=charts.image_grid(interpolations, COLUMNS),
            wide=True,
        ),
    )
