"""Nearest neighbours in the latent space, and how well they predict a label."""

from dataclasses import dataclass

import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from latentarium.errors import UserError
from latentarium.shapes import (
    LabelSet,
    LatentSet,
    NeighbourDistances,
    NeighbourIndices,
    OtherLabelSet,
    OtherLatentSet,
)
from latentarium.stats.measurement import Measurement
from latentarium.stats.shares import clopper_pearson


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest latents of each query, nearest first."""

    distance: NeighbourDistances
    """Euclidean, in units of z, float64."""
    index: NeighbourIndices
    """Row numbers of the neighbours."""


def nearest(latents: OtherLatentSet, query: LatentSet, k: int = 5) -> Neighbours:
    """Return the k nearest latents of each query.

    The search is exact, and does not store the distances of all pairs. A query that is itself
    among the latents is its own nearest neighbour, at distance 0.

    Raises:
        UserError: k is not between 1 and the number of latents (code "too-few-latents"), or some
            latents are not finite (code "not-finite").
    """
    require_neighbours(latents, k)
    _require_finite(query)
    search = NearestNeighbors(n_neighbors=k).fit(latents.detach().cpu().double().numpy())
    distance, index = search.kneighbors(query.detach().cpu().double().numpy())
    return Neighbours(distance=torch.from_numpy(distance), index=torch.from_numpy(index))


def knn_accuracy(
    train_z: LatentSet,
    train_y: LabelSet,
    test_z: OtherLatentSet,
    test_y: OtherLabelSet,
    k: int = 10,
) -> Measurement:
    """Return the accuracy of the k-nearest-neighbour classifier in the latent space, with an
    interval over the test latents. Ties go to the smaller label.

    Raises:
        UserError: See `nearest`.
    """
    require_neighbours(train_z, k)
    require_neighbours(test_z, 1)
    classifier = KNeighborsClassifier(n_neighbors=k)
    classifier.fit(train_z.detach().cpu().double().numpy(), train_y.cpu().numpy())
    predicted = classifier.predict(test_z.detach().cpu().double().numpy())
    hits, n = int((predicted == test_y.cpu().numpy()).sum()), len(test_y)
    return Measurement(
        name="k-nearest-neighbour accuracy",
        value=hits / n,
        interval=clopper_pearson(hits / n, n),
        unit="share",
        n=n,
        protocol=f"knn-accuracy-k{k}-train{len(train_y)}",
    )


def require_neighbours(latents: LatentSet, k: int) -> None:
    """Raise UserError unless k neighbours can be found among the latents."""
    if not 1 <= k <= len(latents):
        raise UserError(
            f"k is {k}; it must be from 1 to {len(latents)}, the number of latents.",
            code="too-few-latents",
        )
    _require_finite(latents)


def _require_finite(latents: LatentSet) -> None:
    if not bool(latents.isfinite().all()):
        raise UserError(
            "Some latents are not finite: check the model's weights and the images.",
            code="not-finite",
        )
