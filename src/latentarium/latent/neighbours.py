"""Nearest neighbours in the latent space, and how well they predict a label."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.neighbors import KDTree, KNeighborsClassifier, NearestNeighbors

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

MAX_TREE_DIMENSIONS = 15
"""A tree is faster than comparing all pairs in at most this many dimensions."""
MAX_PRODUCT_QUERIES = 2
"""Up to this many queries are compared with all points in one matrix product; for more of them,
scikit-learn's search is faster."""
SPARE_CANDIDATES = 16
"""Points that a matrix product selects in addition to the k nearest, because it rounds."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest latents of each query, nearest first."""

    distance: NeighbourDistances
    """Euclidean, in units of z, float64."""
    index: NeighbourIndices
    """Row numbers of the neighbours."""


class NeighbourSearch:
    """Exact search for the nearest of some fixed points, fast for a single query too.

    For a single query, the checks of scikit-learn's `kneighbors` take longer than the search.

    Arguments:
        points: Finite float32 or float64 (N, D).
    """

    def __init__(self, points: np.ndarray) -> None:
        self._tree: KDTree | None = None
        if points.shape[1] <= MAX_TREE_DIMENSIONS:
            self._tree = KDTree(points)
            return
        self._points = points
        self._centre = points.mean(0)  # the product below rounds less near the origin
        self._centred = points - self._centre
        self._half_squares = np.square(self._centred).sum(1) / 2
        self._estimator = NearestNeighbors(algorithm="brute").fit(points)

    def __call__(self, query: np.ndarray, k: int) -> Neighbours:
        """Return the k nearest points of each query (n, D); k is at most the number of points."""
        if self._tree is not None:
            distance, index = self._tree.query(query, k)
        elif len(query) <= MAX_PRODUCT_QUERIES:
            distance, index = self._by_product(query, k)
        else:
            distance, index = self._estimator.kneighbors(query, k)
        return Neighbours(
            distance=torch.from_numpy(distance.astype(np.float64, copy=False)),
            index=torch.from_numpy(index),
        )

    def _by_product(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        # |x - q|^2 / 2 without the term that is the same for all points
        products = (query - self._centre).astype(self._centred.dtype) @ self._centred.T
        order = self._half_squares - products
        selected = min(k + SPARE_CANDIDATES, len(self._points))
        index = np.argpartition(order, selected - 1, axis=1)[:, :selected]
        index.sort(axis=1)
        offsets = self._points[index].astype(np.float64) - query[:, None]
        distance = np.sqrt(np.square(offsets).sum(2))
        ranks = distance.argsort(axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distance, ranks, 1), np.take_along_axis(index, ranks, 1)


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
