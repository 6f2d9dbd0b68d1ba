"""Planes through a latent space.

A plane is an origin o and two orthonormal axes A (rows): p = A (z - o), z = o + A^T p.

References:
    On lines and planes of closest fit (Pearson, 1901)
    The use of multiple measurements in taxonomic problems (Fisher, 1936)
    A generalized solution of the orthogonal Procrustes problem (Schönemann, 1966)
"""

from dataclasses import dataclass, replace

import torch
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from latentarium.errors import UserError
from latentarium.shapes import (
    LabelSet,
    LatentSet,
    LatentVector,
    OtherLatentSet,
    PerPoint,
    PlaneAxes,
    Points,
)

MAX_COORDINATE = 1e6
"""Largest coordinate of a point on a map; beyond it, networks overflow."""
SHRINKAGE = 1e-3
"""Share of the average variance that is added to the within-class covariance, so that constant
dimensions don't make it singular."""
MIN_SINE = 1e-6
"""If the sine of the angle between two directions is smaller, they count as parallel."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A plane in the latent space, float64."""

    origin: LatentVector
    axes: PlaneAxes
    """Orthonormal rows."""
    variance_share: float
    """The share of the latents' variance within the plane."""

    def project(self, z: LatentSet) -> Points:
        """Return the coordinates of each latent's projection onto the plane, in units of z."""
        return (z.detach().cpu().double() - self.origin) @ self.axes.T

    def unproject(self, points: Points) -> LatentSet:
        """Return points of the plane as latents."""
        return self.origin + points.double() @ self.axes

    def distance(self, z: LatentSet) -> PerPoint:
        """Return the distance of latents from the plane, in units of z."""
        z = z.detach().cpu().double()
        return (z - self.unproject(self.project(z))).norm(dim=1)


def principal_plane(z: LatentSet) -> Plane:
    """Return the plane of largest variance through the mean (Pearson, 1901).

    Raises:
        UserError: There are fewer than three latents, or fewer than two dimensions (code
            "too-few-latents"); or latents are not finite or all equal (code "degenerate-latents").
    """
    _require_spread(z)
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(z.detach().cpu().double().numpy())
    return _plane(z, torch.from_numpy(pca.components_))


def linear_discriminant_plane(z: LatentSet, labels: LabelSet) -> Plane:
    """Return the plane through the mean that separates the classes best (Fisher, 1936).

    It maximizes the variance between classes relative to the variance within classes. With two
    classes, the second axis is the direction of largest variance orthogonal to the first.

    Raises:
        UserError: See `principal_plane`; or there are fewer than two classes (code
            "too-few-classes").
    """
    _require_spread(z)
    latents = z.detach().cpu().double()
    num_classes = len(labels.unique())
    if num_classes < 2:
        raise UserError(
            "The labels have one class, so there is nothing to separate: give labels of at least "
            "2 classes, or use principal_plane.",
            code="too-few-classes",
        )
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE)
    lda.fit(latents.numpy(), labels.cpu().numpy())
    directions = torch.from_numpy(lda.scalings_)[:, :2].T
    if num_classes == 2:
        first = directions[0] / directions[0].norm()
        centred = latents - latents.mean(0)
        rest = principal_plane(centred - (centred @ first)[:, None] * first)
        directions = torch.stack([first, rest.axes[0]])
    return _plane(z, directions)


def aligned_plane(plane: Plane, z: LatentSet, target: Points) -> Plane:
    """Rotate and mirror a plane's axes so that the map matches another map of the same images.

    This is the orthogonal Procrustes problem (Schönemann, 1966). Distances on the map do not
    change.

    Arguments:
        plane: A plane through the latents.
        z: The latents.
        target: Coordinates of the same images on the other map.
    """
    here = plane.project(z)
    there = target.double()
    u, _, v = torch.linalg.svd((here - here.mean(0)).T @ (there - there.mean(0)))
    return replace(plane, axes=(u @ v).T @ plane.axes)


def anchor_plane(z: LatentSet, anchors: OtherLatentSet) -> Plane:
    """Return the plane through three latents, the anchors.

    The first anchor is the origin, and the first axis points to the second anchor. The second axis
    is the component of the direction to the third anchor that is orthogonal to the first axis.

    Arguments:
        z: The latents for which `Plane.variance_share` is computed.
        anchors: Three latents.

    Raises:
        UserError: See `principal_plane`; or the anchors are not three finite latents (code
            "invalid-anchors") or are on one line (code "collinear-anchors").
    """
    _require_spread(z)
    if len(anchors) != 3 or not bool(anchors.isfinite().all()):
        raise UserError(
            f"{len(anchors)} anchors are given; they must be exactly three finite latents.",
            code="invalid-anchors",
        )
    anchors = anchors.detach().cpu().double()
    directions = anchors[1:] - anchors[0]
    # the sine of the angle between them; nan if an anchor equals the first one
    unit = directions / directions.norm(dim=1, keepdim=True)
    sine = torch.linalg.qr(unit.T, mode="r").R[1, 1]
    if not float(sine.abs()) > MIN_SINE:
        raise UserError(
            "The three anchors are on one line, so they span no plane: move one of them.",
            code="collinear-anchors",
        )
    return _plane(z, directions, origin=anchors[0])


def _plane(z: LatentSet, directions: Tensor, origin: Tensor | None = None) -> Plane:
    """Return the plane spanned by two directions (2, Z); the first is that of the first axis.

    The default origin is the mean of the latents.
    """
    q, r = torch.linalg.qr(directions.T)
    axes = (q * r.diagonal().sign()).T
    latents = z.detach().cpu().double()
    mean = latents.mean(0)
    centred = latents - mean
    share = (centred @ axes.T).square().sum() / centred.square().sum()
    origin = mean if origin is None else origin
    return Plane(origin=origin, axes=axes, variance_share=float(share))


def _require_spread(z: LatentSet) -> None:
    n, dimensions = z.shape
    if dimensions < 2 or n < 3:
        raise UserError(
            f"{n} latents of {dimensions} dimensions span no plane: give at least 3 latents of at "
            "least 2 dimensions.",
            code="too-few-latents",
        )
    if not bool(z.isfinite().all()) or bool((z == z[0]).all()):
        raise UserError(
            "Some latents are not finite, or all latents are equal: check the model's weights.",
            code="degenerate-latents",
        )
