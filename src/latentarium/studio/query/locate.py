"""Where an image lands on a map: its posterior, its reconstruction, and what lies near."""

from dataclasses import dataclass

import numpy as np
import torch

from latentarium.data.dataset import to_float
from latentarium.distributions import DiagonalGaussian
from latentarium.errors import UserError
from latentarium.latent.encoded import SIGMAS
from latentarium.latent.gaussians import Ellipse, FittedGaussian
from latentarium.latent.inversion_start import apart
from latentarium.latent.latent_map import Atlas
from latentarium.latent.neighbours import Neighbours
from latentarium.latent.planes import Plane
from latentarium.shapes import ClassWeights, LatentSet, Pixels

NEIGHBOURS = 8


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Where one image lands."""

    z: LatentSet
    """(1, Z), the posterior's mean."""
    place: tuple[float, float]
    off_plane: float
    """How far z lies off the plane of the map, in units of z."""
    ellipses: tuple[Ellipse, ...]
    """The posterior on the map, at one and two standard deviations; empty for a point."""
    reconstruction: Pixels
    error: float
    """Mean over pixels of (reconstruction - image)^2, both in [-1, 1]."""
    trust: np.ndarray
    """How far to trust the reconstruction, (1, columns of `frames.SCORE_COLUMNS`)."""
    neighbours: Neighbours
    """Training images."""
    classes: ClassWeights
    """p(y | z) by the classes' Gaussians and their shares of the data; empty without labels."""


def land(atlas: Atlas, image: Pixels, *, plane: Plane | None = None) -> Landing:
    """Encodes an image (1, C, H, W), and sees where it lies on the map, or on another plane.

    Raises:
        UserError: The model has no map.
    """
    if not atlas.has_map:
        raise UserError("This model has no encoder, so an image lands nowhere: search it instead.")
    x, plane = to_float(image), plane or atlas.plane
    with atlas.in_turn, torch.no_grad():
        posterior = atlas.model.encode(x.to(atlas.model.device))
        z = posterior.mean.cpu()
        again = atlas.decoded(z, real=x)
        pixels = torch.from_numpy(again.pixels)
        return Landing(
            z=z,
            place=tuple(plane.project(z)[0].tolist()),
            off_plane=float(plane.distance(z)),
            ellipses=_ellipses(plane, posterior)
            if isinstance(posterior, DiagonalGaussian)
            else (),
            reconstruction=pixels,
            error=float(apart(to_float(pixels), x)),
            trust=again.trust,
            neighbours=atlas.neighbours(z, NEIGHBOURS),
            classes=_classes(atlas, z),
        )


def _ellipses(plane: Plane, posterior: DiagonalGaussian) -> tuple[Ellipse, ...]:
    covariance = posterior.log_variance[0].double().cpu().exp().diag()
    gaussian = FittedGaussian(mean=posterior.mean[0].double().cpu(), covariance=covariance, n=1)
    return tuple(gaussian.ellipse(plane, sigmas) for sigmas in SIGMAS)


def _classes(atlas: Atlas, z: LatentSet) -> ClassWeights:
    if atlas.gaussians is None:
        return torch.empty(0)
    shares = torch.tensor([float(one.n) for one in atlas.gaussians.gaussians]).double()
    return (atlas.gaussians.log_prob(z)[0] + shares.log()).softmax(0)
