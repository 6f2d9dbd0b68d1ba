"""Planes through the latent space, for maps of it.

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

SHRINKAGE = 1e-3
"""Share of the average variance added to the within-class covariance, so that dead dimensions
don't make it singular."""
FLATTEST = 1e-6
"""Sine of the angle between the ways to two anchors, below which they lie on one line."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A plane in the latent space, float64."""

    origin: LatentVector
    axes: PlaneAxes
    """Orthonormal rows."""
    variance_share: float
    """The share of the latents' variance that lies within the plane: what a map can show."""

    def project(self, z: LatentSet) -> Points:
        """The coordinates of the nearest points of the plane, in units of z."""
        return (z.detach().cpu().double() - self.origin) @ self.axes.T

    def unproject(self, points: Points) -> LatentSet:
        """Points of the plane as latents."""
        return self.origin + points.double() @ self.axes

    def distance(self, z: LatentSet) -> PerPoint:
        """How far latents lie off the plane, in units of z."""
        z = z.detach().cpu().double()
        return (z - self.unproject(self.project(z))).norm(dim=1)


def principal_plane(z: LatentSet) -> Plane:
    """The plane through the mean that holds the most variance (Pearson, 1901).

    Raises:
        UserError: Fewer than two dimensions or three latents.
    """
    _require(z)
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(z.detach().cpu().double().numpy())
    return _plane(z, torch.from_numpy(pca.components_))


def linear_discriminant_plane(z: LatentSet, labels: LabelSet) -> Plane:
    """The plane through the mean in which the classes lie farthest apart for their width (Fisher,
    1936). Of two classes, the second axis is the widest direction across the first.

    Raises:
        UserError: As `principal_plane`, or fewer than two classes.
    """
    _require(z)
    codes = z.detach().cpu().double()
    if len(labels.unique()) < 2:
        raise UserError(
            "Classes can't be told apart where there is one: give labels of at least 2 classes, "
            "or use principal_plane."
        )
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE)
    lda.fit(codes.numpy(), labels.cpu().numpy())
    found = torch.from_numpy(lda.scalings_)[:, :2].T
    if len(labels.unique()) == 2:
        first = found[0] / found[0].norm()
        centred = codes - codes.mean(0)
        across = principal_plane(centred - (centred @ first)[:, None] * first)
        found = torch.stack([first, across.axes[0]])
    return _plane(z, found)


def turned(plane: Plane, z: LatentSet, towards: Points) -> Plane:
    """The same plane, its axes turned or mirrored so that the latents' map lies as near as can be
    to another map of the same images (orthogonal Procrustes; Schönemann, 1966). Distances on the
    map stay as they are.

    Arguments:
        plane: Through the latents.
        z: The latents.
        towards: Where the same images lie on the other map.
    """
    here = plane.project(z)
    there = towards.double()
    u, _, v = torch.linalg.svd((here - here.mean(0)).T @ (there - there.mean(0)))
    return replace(plane, axes=(u @ v).T @ plane.axes)


def anchor_plane(z: LatentSet, anchors: OtherLatentSet) -> Plane:
    """The plane through three latents: the first is its origin, the second lies on its first
    axis, and the second axis is what the way to the third adds to that (Gram-Schmidt).

    Arguments:
        z: The latents whose share of variance the plane states.
        anchors: Three latents.

    Raises:
        UserError: As `principal_plane`, not three anchors, or anchors on one line.
    """
    _require(z)
    if len(anchors) != 3 or not bool(anchors.isfinite().all()):
        raise UserError(f"A plane goes through three finite latents: there are {len(anchors)}.")
    anchors = anchors.detach().cpu().double()
    ways = anchors[1:] - anchors[0]
    # of the unit vectors: nan where an anchor is the first one
    across = torch.linalg.qr((ways / ways.norm(dim=1, keepdim=True)).T, mode="r").R[1, 1]
    if not float(across.abs()) > FLATTEST:
        raise UserError("The three anchors lie on one line, which spans no plane: move one.")
    return _plane(z, ways, origin=anchors[0])


def _plane(z: LatentSet, directions: Tensor, origin: Tensor | None = None) -> Plane:
    """Orthonormalizes the rows, keeping the first one's direction; through the mean of the
    latents where no origin is given."""
    q, r = torch.linalg.qr(directions.T)
    axes = (q * r.diagonal().sign()).T
    codes = z.detach().cpu().double()
    mean = codes.mean(0)
    centred = codes - mean
    share = (centred @ axes.T).square().sum() / centred.square().sum()
    origin = mean if origin is None else origin
    return Plane(origin=origin, axes=axes, variance_share=float(share))


def _require(z: LatentSet) -> None:
    n, dimensions = z.shape
    if dimensions < 2 or n < 3:
        raise UserError(
            f"{n} latents of {dimensions} dimensions span no plane: give at least 3 latents of 2 "
            "dimensions."
        )
    if not bool(z.isfinite().all()) or bool((z == z[0]).all()):
        raise UserError("Some latents are not finite, or all are one point: look at the weights.")
