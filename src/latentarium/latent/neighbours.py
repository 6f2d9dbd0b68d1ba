"""Who lies near whom in the latent space, and whether neighbours share a label."""

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
from latentarium.stats.intervals import wilson
from latentarium.stats.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest codes of each query, nearest first."""

    distance: NeighbourDistances
    """Euclidean, in units of z, float64."""
    index: NeighbourIndices
    """Rows of the codes."""


def nearest(codes: OtherLatentSet, query: LatentSet, k: int = 5) -> Neighbours:
    """The k nearest codes of each query, exact, with memory that does not grow with their product.

    A query that is itself among the codes is its own nearest, at distance 0.

    Raises:
        UserError: k is not between 1 and the number of codes, or values are not finite.
    """
    require_codes(codes, k)
    if not bool(query.isfinite().all()):
        raise UserError("Some latents are not finite: look at the weights or the images.")
    search = NearestNeighbors(n_neighbors=k).fit(codes.detach().cpu().double().numpy())
    distance, index = search.kneighbors(query.detach().cpu().double().numpy())
    return Neighbours(distance=torch.from_numpy(distance), index=torch.from_numpy(index))


def knn_accuracy(
    train_z: LatentSet,
    train_y: LabelSet,
    test_z: OtherLatentSet,
    test_y: OtherLabelSet,
    k: int = 10,
) -> Measurement:
    """The share of test latents whose label most of their k nearest training latents have; a tie
    goes to the smaller label. With a Wilson interval over the test latents.

    Raises:
        UserError: As `nearest`.
    """
    require_codes(train_z, k)
    require_codes(test_z, 1)
    classifier = KNeighborsClassifier(n_neighbors=k)
    classifier.fit(train_z.detach().cpu().double().numpy(), train_y.cpu().numpy())
    judged = classifier.predict(test_z.detach().cpu().double().numpy())
    hits, n = int((judged == test_y.cpu().numpy()).sum()), len(test_y)
    return Measurement(
        name="k-nearest-neighbour accuracy",
        value=hits / n,
        interval=wilson(hits, n),
        unit="share",
        n=n,
        protocol=f"knn-accuracy-k{k}-train{len(train_y)}",
    )


def require_codes(codes: LatentSet, k: int) -> None:
    """Checks that k neighbours can be found among the codes."""
    if not 1 <= k <= len(codes):
        raise UserError(f"k is {k}, and there are {len(codes)} codes: give 1 to {len(codes)}.")
    if not bool(codes.isfinite().all()):
        raise UserError("Some latents are not finite: look at the weights or the images.")
