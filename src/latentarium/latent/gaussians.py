"""Gaussians in the latent space: one for all, one for each class, a mixture.

    one         N(m, S) by maximum likelihood: m the mean, S = 1/n sum (z - m)(z - m)^T
    per class   N(m_y, S_y), each from the latents of its class
    mixture     sum over components of w_j N(m_j, S_j), by expectation maximization

A covariance can be shrunk towards a multiple of the identity with as much variance,
S' = (1 - s) S + s (tr S / Z) I, so that few latents or a dead dimension don't make it singular.
All computations are in float64; samples are float32, as decoders take them.

References:
    A well-conditioned estimator for large-dimensional covariance matrices (Ledoit and Wolf, 2004)
    Maximum likelihood from incomplete data via the EM algorithm (Dempster, Laird and Rubin, 1977)
"""

import math
import warnings
from dataclasses import dataclass

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from latentarium.errors import UserError
from latentarium.latent.planes import Plane
from latentarium.shapes import (
    ClassCovariances,
    ClassMeans,
    ClassScores,
    ClassWeights,
    Labels,
    LabelSet,
    LatentMatrix,
    Latents,
    LatentSet,
    LatentVector,
    PerPoint,
    Points,
)

LOG_2PI = math.log(2 * math.pi)
SHRINKAGE = 1e-3
"""Enough that a dead dimension makes no Gaussian of a class singular."""


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """The shadow of a Gaussian on a plane."""

    centre: tuple[float, float]
    major: float
    """Half the longer axis, in units of z."""
    minor: float
    angle: float
    """Of the major axis against the plane's first, in radians, in (-pi/2, pi/2]."""
    sigmas: float
    """Mahalanobis radius; within it lies a share 1 - exp(-sigmas^2 / 2) of the shadow."""

    def sample(self, n: int, generator: torch.Generator, temperature: float = 1.0) -> Points:
        """Draws n points from the Gaussian on the plane whose ellipse this is."""
        eps = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        reach = torch.tensor([self.major, self.minor], dtype=torch.float64) / self.sigmas
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
        centre = torch.tensor(self.centre, dtype=torch.float64)
        return centre + temperature * (eps * reach) @ turn


@dataclass(frozen=True, kw_only=True)
class FittedGaussian:
    """N(mean, covariance) with a full covariance."""

    mean: LatentVector
    covariance: LatentMatrix
    n: int
    """Latents that it was fitted to."""

    def sample(self, n: int, generator: torch.Generator, temperature: float = 1.0) -> Latents:
        """Draws n latents; the temperature scales their deviation from the mean."""
        eps = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64)
        deviation = eps @ torch.linalg.cholesky(self.covariance).T
        return (self.mean + temperature * deviation).float()

    def log_prob(self, z: LatentSet) -> PerPoint:
        """log N(z), in nats."""
        factor = torch.linalg.cholesky(self.covariance)
        centred = (z.detach().cpu().double() - self.mean).T
        scaled = torch.linalg.solve_triangular(factor, centred, upper=False)
        half_log_det = factor.diagonal().log().sum()
        return -0.5 * (scaled.square().sum(0) + len(self.mean) * LOG_2PI) - half_log_det

    def ellipse(self, plane: Plane, sigmas: float = 2.0) -> Ellipse:
        """Its shadow on a plane."""
        centre = plane.project(self.mean[None])[0].tolist()
        values, vectors = torch.linalg.eigh(plane.axes @ self.covariance @ plane.axes.T)
        minor, major = (sigmas * values.clamp_min(0).sqrt()).tolist()
        angle = math.atan2(float(vectors[1, 1]), float(vectors[0, 1]))
        if angle <= -math.pi / 2 or angle > math.pi / 2:  # an axis has no sense of direction
            angle -= math.copysign(math.pi, angle)
        return Ellipse(
            centre=(centre[0], centre[1]), major=major, minor=minor, angle=angle, sigmas=sigmas
        )


def single_gaussian(z: LatentSet, shrinkage: float = 0.0) -> FittedGaussian:
    """Fits one Gaussian by maximum likelihood, shrunk by the stated share.

    Raises:
        UserError: Values that are not finite, or a covariance that is singular.
    """
    if not 0 <= shrinkage <= 1:
        raise UserError(f"shrinkage is {shrinkage}; give a share from 0 to 1.")
    n, dimensions = z.shape
    if n < 2 or not bool(z.isfinite().all()):
        raise UserError(f"A Gaussian needs at least 2 finite latents; there are {n}.")
    z = z.detach().cpu().double()
    mean = z.mean(0)
    covariance = (z - mean).T @ (z - mean) / n
    spread = covariance.trace() / dimensions
    covariance = (1 - shrinkage) * covariance
    covariance += shrinkage * spread * torch.eye(dimensions, dtype=torch.float64)
    values = torch.linalg.eigvalsh(covariance)
    if float(values.min()) <= 1e-13 * float(values.max()):
        raise UserError(
            f"{n} latents of {dimensions} dimensions lie in a flat, which has no density: give "
            "more latents, or a shrinkage above 0."
        )
    return FittedGaussian(mean=mean, covariance=covariance, n=n)


@dataclass(frozen=True, kw_only=True)
class ClassGaussians:
    """Each class its own Gaussian."""

    gaussians: tuple[FittedGaussian, ...]
    """In label order."""
    shrinkage: float

    @classmethod
    def fit(
        cls, z: LatentSet, labels: LabelSet, num_classes: int, shrinkage: float = SHRINKAGE
    ) -> "ClassGaussians":
        """Fits each class by maximum likelihood, shrunk by the stated share.

        Raises:
            UserError: A class with fewer than two latents, or a singular covariance.
        """
        labels = labels.to(z.device)
        for c in range(num_classes):
            count = int((labels == c).sum())
            if count < 2:
                raise UserError(
                    f"Class {c} has {count} latents, too few for a Gaussian: give at least 2."
                )
        fitted = (single_gaussian(z[labels == c], shrinkage) for c in range(num_classes))
        return cls(gaussians=tuple(fitted), shrinkage=shrinkage)

    @property
    def means(self) -> ClassMeans:
        return torch.stack([g.mean for g in self.gaussians])

    @property
    def covariances(self) -> ClassCovariances:
        return torch.stack([g.covariance for g in self.gaussians])

    def sample(self, labels: Labels, generator: torch.Generator) -> Latents:
        """Draws one latent from the Gaussian of each label.

        Raises:
            UserError: A label without a Gaussian.
        """
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(self.gaussians):
            raise UserError(
                f"Labels run from {int(labels.min())} to {int(labels.max())}; the Gaussians are "
                f"numbered 0 to {len(self.gaussians) - 1}."
            )
        z = torch.empty(len(labels), len(self.gaussians[0].mean))
        for c, gaussian in enumerate(self.gaussians):
            rows = (labels == c).cpu()
            z[rows] = gaussian.sample(int(rows.sum()), generator)
        return z

    def log_prob(self, z: LatentSet) -> ClassScores:
        """log N(z; m_y, S_y) for every class, in nats."""
        return torch.stack([g.log_prob(z) for g in self.gaussians], dim=1)

    def ellipses(self, plane: Plane, sigmas: float = 2.0) -> tuple[Ellipse, ...]:
        """Each class's shadow on a plane."""
        return tuple(g.ellipse(plane, sigmas) for g in self.gaussians)


@dataclass(frozen=True, kw_only=True)
class FittedMixture:
    """A mixture of Gaussians with full covariances."""

    weights: ClassWeights
    gaussians: tuple[FittedGaussian, ...]
    converged: bool
    """False where the fit ran out of iterations: usable, though not at its best."""

    def sample(self, n: int, generator: torch.Generator) -> Latents:
        """Draws n latents."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        return ClassGaussians(gaussians=self.gaussians, shrinkage=0.0).sample(chosen, generator)

    def log_prob(self, z: LatentSet) -> PerPoint:
        """log of the mixture's density, in nats."""
        scores = torch.stack([g.log_prob(z) for g in self.gaussians], dim=1)
        return (scores + self.weights.log()).logsumexp(1)


def mixture(
    z: LatentSet, components: int, seed: int = 0, *, max_points: int = 20_000
) -> FittedMixture:
    """Fits a mixture by expectation maximization, from a k-means start (scikit-learn).

    Arguments:
        z: Latents.
        components: How many Gaussians.
        seed: Of the start, and of the choice of points.
        max_points: More latents than these are thinned at random: time, at little cost.

    Raises:
        UserError: Fewer latents than components, or values that are not finite.
    """
    if not 1 <= components <= len(z) or not bool(z.isfinite().all()):
        raise UserError(
            f"{len(z)} latents can't carry {components} Gaussians: give 1 to {len(z)} components, "
            "and finite latents."
        )
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:max_points]
    points = z.detach().cpu().double()[order]
    spread = float(points.var(0, correction=0).mean())
    model = GaussianMixture(
        components,
        covariance_type="full",
        # relative to the latents' scale, so that units don't matter
        reg_covar=max(1e-6 * spread, 1e-12),
        max_iter=200,
        random_state=seed % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` says it
        model.fit(points.numpy())
    fitted = tuple(
        FittedGaussian(mean=mean, covariance=covariance, n=len(points))
        for mean, covariance in zip(
            torch.from_numpy(model.means_), torch.from_numpy(model.covariances_), strict=True
        )
    )
    weights = torch.from_numpy(model.weights_)
    return FittedMixture(weights=weights, gaussians=fitted, converged=bool(model.converged_))
