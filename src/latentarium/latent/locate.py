"""Locate an image on a map: its posterior, its reconstruction, its neighbours and its class."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.data.dataset import to_float
from latentarium.distributions import DiagonalGaussian
from latentarium.latent.encoded import ELLIPSE_SIGMAS, EncodedData
from latentarium.latent.gaussians import Ellipse, FittedGaussian
from latentarium.latent.initial_latents import pixel_mse
from latentarium.latent.neighbours import Neighbours
from latentarium.latent.planes import Plane
from latentarium.latent.scores import ScoredImages
from latentarium.shapes import ClassWeights, Images, LatentSet, Pixels
from latentarium.unchecked import unchecked_inputs

NUM_NEIGHBOURS = 8


@dataclass(frozen=True, kw_only=True)
class Location:
    """The position of one image on a map, and its neighbours."""

    z: LatentSet
    """(1, Z), the posterior's mean."""
    point: tuple[float, float]
    """Coordinates of z on the plane."""
    distance_to_plane: float
    """Distance of z from the plane, in units of z."""
    ellipses: tuple[Ellipse, ...]
    """The posterior on the plane, at one and two standard deviations; empty if the posterior
    is a point."""
    reconstruction: Pixels
    error: float
    """Mean over pixels of (reconstruction - image)^2, both in [-1, 1]."""
    scores: np.ndarray
    """The reconstruction's scores, float32 (1, `SCORE_COLUMNS`)."""
    neighbours: Neighbours
    """The nearest training images, by number."""
    class_probabilities: ClassWeights
    """p(y | z) under the class Gaussians, weighted by the classes' shares of the data; empty
    without class Gaussians."""


def locate(
    encoded: EncodedData, decode_scored: Callable[[LatentSet, Images], ScoredImages],
    x: Images, plane: Plane,
) -> Location:  # fmt: skip
    """Locate an image on a plane.

    Arguments:
        encoded: A model's encoded data.
        decode_scored: Decodes latents, and scores the decoded images as reconstructions of the
            given images.
        x: One image (1, C, H, W), in [-1, 1].
        plane: The plane of the map.
    """
    with torch.no_grad(), unchecked_inputs():
        posterior = encoded.model.encode(x.to(encoded.model.device))
    z = posterior.mean.cpu()
    decoded = decode_scored(z, x)
    pixels = torch.from_numpy(decoded.pixels)
    x1, x2 = plane.project(z)[0].tolist()
    gaussian = isinstance(posterior, DiagonalGaussian)
    return Location(
        z=z,
        point=(x1, x2),
        distance_to_plane=float(plane.distance(z)),
        ellipses=_ellipses(plane, posterior) if gaussian else (),
        reconstruction=pixels,
        error=float(pixel_mse(to_float(pixels), x)),
        scores=decoded.scores,
        neighbours=encoded.neighbours(z, NUM_NEIGHBOURS),
        class_probabilities=_class_probabilities(encoded, z),
    )


def _ellipses(plane: Plane, posterior: DiagonalGaussian) -> tuple[Ellipse, ...]:
    covariance = posterior.log_variance[0].double().cpu().exp().diag()
    gaussian = FittedGaussian(mean=posterior.mean[0].double().cpu(), covariance=covariance, n=1)
    return tuple(gaussian.ellipse(plane, sigmas) for sigmas in ELLIPSE_SIGMAS)


def _class_probabilities(encoded: EncodedData, z: LatentSet) -> ClassWeights:
    fitted = encoded.gaussians
    if fitted is None:
        return torch.empty(0)
    counts = torch.tensor([float(gaussian.n) for gaussian in fitted.gaussians]).double()
    return (fitted.log_prob(z)[0] + counts.log()).softmax(0)
