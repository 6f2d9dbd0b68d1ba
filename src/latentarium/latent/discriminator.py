"""Two measures of an image's statistics: a whitened distance and a discriminator."""

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from latentarium.latent.neighbours import NeighbourSearch
from latentarium.shapes import Features, FeatureSet, PerPoint

RIDGE = 0.05
"""Added to the variance of each whitened coordinate, in units of the mean variance."""
HIDDEN_UNITS, EPOCHS, BATCH_SIZE, LEARNING_RATE = 64, 20, 200, 2e-3
MAX_DEVIATIONS = 8.0
"""The discriminator clips statistics at this many standard deviations from their mean."""


class WhitenedDistance:
    """The distance to the k-th nearest of some reference images, in whitened coordinates.

    Arguments:
        reference: Statistics of the reference images.
        k: The neighbour.
    """

    def __init__(self, reference: Features, k: int) -> None:
        x = reference.double().numpy()
        self._standardize = _Standardization(x)
        x = self._standardize(x)
        variances, axes = np.linalg.eigh(np.cov(x.T))
        self._axes = axes / np.sqrt(variances.clip(0) + RIDGE)
        self._k = min(k, len(x))
        self._search = NeighbourSearch((x @ self._axes).astype(np.float32))

    def __call__(self, statistics: Features) -> PerPoint:
        """Return the distance of each image."""
        x = self._standardize(statistics.double().numpy()) @ self._axes
        return self._search(x.astype(np.float32), self._k).distance[:, -1].contiguous()


class Discriminator:
    """Networks with one hidden layer that tell corrupted images from real ones, and whose log odds
    are averaged.

    Arguments:
        real: Statistics of real images.
        corrupted: Statistics of corrupted images.
        seed: Seed of the training.
        networks: Number of networks.
        dropout: Share of the statistics that are replaced by their mean in each pass of the
            training, so that no single one decides.
    """

    def __init__(
        self,
        real: Features,
        corrupted: FeatureSet,
        seed: int = 0,
        *,
        networks: int = 1,
        dropout: float = 0.0,
    ) -> None:
        x = torch.cat([real, corrupted]).double().numpy()
        y = np.repeat([0, 1], [len(real), len(corrupted)])
        self._standardize = _Standardization(x)
        x = self._scale(x)
        trained = [_train(x, y, seed + number, dropout) for number in range(networks)]
        # side by side, the networks are one network
        self._hidden = np.concatenate([network.coefs_[0] for network in trained], 1)
        self._output = np.concatenate([network.coefs_[1] for network in trained]) / networks
        self._first = np.concatenate([network.intercepts_[0] for network in trained])
        self._second = np.mean([network.intercepts_[1] for network in trained], 0)

    def __call__(self, statistics: Features) -> PerPoint:
        """Return the log odds that each image is corrupted."""
        x = self._scale(statistics.double().numpy())
        odds = np.maximum(x @ self._hidden + self._first, 0) @ self._output + self._second
        return torch.from_numpy(odds[:, 0])

    def _scale(self, x: np.ndarray) -> np.ndarray:
        return self._standardize(x).clip(-MAX_DEVIATIONS, MAX_DEVIATIONS)


def _train(x: np.ndarray, y: np.ndarray, seed: int, dropout: float) -> MLPClassifier:
    network = MLPClassifier(
        HIDDEN_UNITS,
        batch_size=min(BATCH_SIZE, len(x)),  # pyright: ignore[reportArgumentType]
        learning_rate_init=LEARNING_RATE,
        random_state=seed,
    )
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        seen = x * (rng.random(x.shape) >= dropout) / (1 - dropout) if dropout else x
        network.partial_fit(seen, y, classes=(0, 1))
    return network


class _Standardization:
    """Maps each column to mean 0 and variance 1, without `StandardScaler.transform`, whose checks
    take longer than the rest of the score of a single image.

    Arguments:
        x: The values whose means and variances are used, float64 (n, columns).
    """

    def __init__(self, x: np.ndarray) -> None:
        scaler = StandardScaler().fit(x)
        self._mean, self._scale = np.asarray(scaler.mean_), np.asarray(scaler.scale_)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x - self._mean) / self._scale
