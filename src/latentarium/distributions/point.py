"""A point: the posterior of an autoencoder."""

from dataclasses import dataclass

from latentarium.distributions.base import Distribution
from latentarium.rng import Noise
from latentarium.shapes import Latents


@dataclass(frozen=True)
class Point(Distribution):
    """Distributions with all their mass in one point, which have no density.

    Arguments:
        mean: The points.
    """

    has_density = False
    mean: Latents

    def sample(self, noise: Noise, scale: float = 1.0) -> Latents:
        """Return the point itself."""
        return self.mean
