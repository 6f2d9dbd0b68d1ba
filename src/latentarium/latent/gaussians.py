"""Gaussians in the latent space: one for all latents, one for each class, and mixtures.

    single      N(m, S) by maximum likelihood: m is the mean, S = 1/n sum (z - m)(z - m)^T
    per class   N(m_y, S_y), fitted to the latents of each class
    mixture     sum over components of w_j N(m_j, S_j), by expectation maximization

A covariance can be shrunk towards a multiple of the identity with the same trace,
S' = (1 - s) S + s (tr S / Z) I, so that it is not singular if there are few latents or if a
dimension is constant. All computations are in float64; sampled latents are float32.

References:
    A well-conditioned estimator for large-dimensional covariance matrices (Ledoit and Wolf, 2004)
    Maximum likelihood from incomplete data via the EM algorithm (Dempster, Laird and Rubin, 1977)
"""

import math
from dataclasses import dataclass

import torch
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
from latentarium.warning_filter import ignore_warnings

LOG_2PI = math.log(2 * math.pi)
SHRINKAGE = 1e-3
"""Large enough that a constant dimension doesn't make a class's covariance singular."""


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """A Gaussian projected onto a plane, drawn at a Mahalanobis radius."""

    centre: tuple[float, float]
    major: float
    """Half the major axis, in units of z."""
    minor: float
    """Half the minor axis, in units of z."""
    angle: float
    """Angle from the plane's first axis to the major axis, in radians, in (-pi/2, pi/2]."""
    sigmas: float
    """Mahalanobis radius; the ellipse contains a share 1 - exp(-sigmas^2 / 2) of the Gaussian."""

    def sample(self, n: int, generator: torch.Generator, truncation: float = 1.0) -> Points:
        """Draw n points from the Gaussian; the truncation scales their deviation from the mean."""
        return self.transform(
            torch.randn(n, 2, generator=generator, dtype=torch.float64), truncation
        )

    def transform(self, eps: Points, truncation: float = 1.0) -> Points:
        """Map standard normal points to points of the Gaussian."""
        std = torch.tensor([self.major, self.minor], dtype=torch.float64) / self.sigmas
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        rotation = torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
        centre = torch.tensor(self.centre, dtype=torch.float64)
        return centre + truncation * (eps * std) @ rotation


@dataclass(frozen=True, kw_only=True)
class FittedGaussian:
    """N(mean, covariance) with a full covariance."""

    mean: LatentVector
    covariance: LatentMatrix
    n: int
    """Number of latents that the Gaussian was fitted to."""

    def sample(self, n: int, generator: torch.Generator, truncation: float = 1.0) -> Latents:
        """Draw n latents; the truncation scales their deviation from the mean."""
        shape = (n, len(self.mean))
        return self.transform(
            torch.randn(shape, generator=generator, dtype=torch.float64), truncation
        )

    def transform(self, eps: LatentSet, truncation: float = 1.0) -> Latents:
        """Map standard normal latents, float64, to latents of the Gaussian."""
        deviation = eps @ torch.linalg.cholesky(self.covariance).T
        return (self.mean + truncation * deviation).float()

    def log_prob(self, z: LatentSet) -> PerPoint:
        """Return log N(z), in nats."""
        factor = torch.linalg.cholesky(self.covariance)
        centred = (z.detach().cpu().double() - self.mean).T
        scaled = torch.linalg.solve_triangular(factor, centred, upper=False)
        half_log_det = factor.diagonal().log().sum()
        return -0.5 * (scaled.square().sum(0) + len(self.mean) * LOG_2PI) - half_log_det

    def ellipse(self, plane: Plane, sigmas: float = 2.0) -> Ellipse:
        """Return the projection of the Gaussian onto a plane."""
        centre = plane.project(self.mean[None])[0].tolist()
        values, vectors = torch.linalg.eigh(plane.axes @ self.covariance @ plane.axes.T)
        minor, major = (sigmas * values.clamp_min(0).sqrt()).tolist()
        angle = math.atan2(float(vectors[1, 1]), float(vectors[0, 1]))
        if angle <= -math.pi / 2 or angle > math.pi / 2:  # angles are modulo pi
            angle -= math.copysign(math.pi, angle)
        return Ellipse(
            centre=(centre[0], centre[1]), major=major, minor=minor, angle=angle, sigmas=sigmas
        )


def single_gaussian(z: LatentSet, shrinkage: float = 0.0) -> FittedGaussian:
    """Fit one Gaussian by maximum likelihood, with the given shrinkage.

    Raises:
        UserError: The shrinkage is outside [0, 1] (code "invalid-shrinkage"), there are fewer than
            two latents (code "too-few-latents"), some latents are not finite (code "not-finite"),
            or the covariance is singular (code "singular-covariance").
    """
    if not 0 <= shrinkage <= 1:
        raise UserError(
            f"shrinkage is {shrinkage}; it must be between 0 and 1.", code="invalid-shrinkage"
        )
    n, dimensions = z.shape
    if n < 2:
        raise UserError(
            f"The number of latents is {n}; a Gaussian needs at least 2.",
            code="too-few-latents",
        )
    if not bool(z.isfinite().all()):
        raise UserError(
            "Some latents are not finite: check the model's weights and the images.",
            code="not-finite",
        )
    z = z.detach().cpu().double()
    mean = z.mean(0)
    covariance = (z - mean).T @ (z - mean) / n
    variance = covariance.trace() / dimensions
    covariance = (1 - shrinkage) * covariance
    covariance += shrinkage * variance * torch.eye(dimensions, dtype=torch.float64)
    values = torch.linalg.eigvalsh(covariance)
    if float(values.min()) <= 1e-13 * float(values.max()):
        raise UserError(
            f"The covariance of {n} latents of {dimensions} dimensions is singular: give more "
            "latents, or a shrinkage above 0.",
            code="singular-covariance",
        )
    return FittedGaussian(mean=mean, covariance=covariance, n=n)


@dataclass(frozen=True, kw_only=True)
class ClassGaussians:
    """A Gaussian for each class."""

    gaussians: tuple[FittedGaussian, ...]
    """One per class, in label order."""
    shrinkage: float

    @classmethod
    def fit(
        cls, z: LatentSet, labels: LabelSet, num_classes: int, shrinkage: float = SHRINKAGE
    ) -> "ClassGaussians":
        """Fit each class by maximum likelihood, with the given shrinkage.

        Raises:
            UserError: A class has fewer than two latents (code "too-few-latents"); see also
                `single_gaussian`.
        """
        labels = labels.to(z.device)
        for c in range(num_classes):
            count = int((labels == c).sum())
            if count < 2:
                raise UserError(
                    f"Class {c} has {count} latents; a Gaussian needs at least 2.",
                    code="too-few-latents",
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
        """Draw one latent from the Gaussian of each label.

        Raises:
            UserError: A label has no Gaussian (code "unknown-class").
        """
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(self.gaussians):
            raise UserError(
                f"Labels are between {int(labels.min())} and {int(labels.max())}; they must be "
                f"between 0 and {len(self.gaussians) - 1}.",
                code="unknown-class",
            )
        z = torch.empty(len(labels), len(self.gaussians[0].mean))
        for c, gaussian in enumerate(self.gaussians):
            rows = (labels == c).cpu()
            z[rows] = gaussian.sample(int(rows.sum()), generator)
        return z

    def log_prob(self, z: LatentSet) -> ClassScores:
        """Return log N(z; m_y, S_y) for every class, in nats."""
        return torch.stack([g.log_prob(z) for g in self.gaussians], dim=1)

    def ellipses(self, plane: Plane, sigmas: float = 2.0) -> tuple[Ellipse, ...]:
        """Return the projection of each class's Gaussian onto a plane."""
        return tuple(g.ellipse(plane, sigmas) for g in self.gaussians)


@dataclass(frozen=True, kw_only=True)
class FittedMixture:
    """A mixture of Gaussians with full covariances."""

    weights: ClassWeights
    gaussians: tuple[FittedGaussian, ...]
    converged: bool
    """False if the fit reached its maximum number of iterations; the mixture is still usable."""

    def sample(self, n: int, generator: torch.Generator) -> Latents:
        """Draw n latents."""
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        return ClassGaussians(gaussians=self.gaussians, shrinkage=0.0).sample(chosen, generator)

    def log_prob(self, z: LatentSet) -> PerPoint:
        """Return the log density of the mixture, in nats."""
        scores = torch.stack([g.log_prob(z) for g in self.gaussians], dim=1)
        return (scores + self.weights.log()).logsumexp(1)


def mixture(
    z: LatentSet, components: int, seed: int = 0, *, max_points: int = 20_000
) -> FittedMixture:
    """Fit a mixture by expectation maximization, initialized by k-means (scikit-learn).

    Arguments:
        z: Latents.
        components: Number of Gaussians.
        seed: Seed of the initialization and of the random subset.
        max_points: Maximum number of latents to fit; if there are more, a random subset is used.

    Raises:
        UserError: The number of components is not between 1 and the number of latents (code
            "too-few-latents"), some latents are not finite (code "not-finite"), or nearly all are
            equal (code "singular-covariance").
    """
    if not 1 <= components <= len(z):
        raise UserError(
            f"components is {components}; it must be from 1 to {len(z)}, the number of latents.",
            code="too-few-latents",
        )
    if not bool(z.isfinite().all()):
        raise UserError(
            "Some latents are not finite: check the model's weights and the images.",
            code="not-finite",
        )
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:max_points]
    points = z.detach().cpu().double()[order]
    variance = float(points.var(0, correction=0).mean())
    model = GaussianMixture(
        components,
        covariance_type="full",
        # relative to the latents' scale, so that the fit doesn't depend on their units
        reg_covar=max(1e-6 * variance, 1e-12),
        max_iter=200,
        random_state=seed % 2**32,
    )
    with ignore_warnings():  # that it has not converged, which is reported as `converged`
        try:
            model.fit(points.numpy())
        except ValueError:
            raise UserError(
                f"A mixture can't be fitted to {len(points)} latents that are nearly all equal: "
                "give more different images.",
                code="singular-covariance",
            ) from None
    fitted = tuple(
        FittedGaussian(mean=mean, covariance=covariance, n=len(points))
        for mean, covariance in zip(
            torch.from_numpy(model.means_), torch.from_numpy(model.covariances_), strict=True
        )
    )
    weights = torch.from_numpy(model.weights_)
    return FittedMixture(weights=weights, gaussians=fitted, converged=bool(model.converged_))
