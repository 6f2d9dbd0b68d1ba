"""Priors, posteriors and likelihoods.

    prior        p(z) or p(z | y)    StandardNormal, ClassGaussian, LearnedMixture, VampPrior,
                                     FlowPrior; fitted after the training: FittedMixturePrior
    posterior    q(z | x)            Point, DiagonalGaussian; both: TwoLevel
    likelihood   p(x | z)            Bernoulli, Gaussian, DiscretizedLogistic

Log densities and divergences are in nats and summed over dimensions: one value per sample.
"""

from latentarium.distributions.base import Distribution
from latentarium.distributions.discretized_logistic import DiscretizedLogistic
from latentarium.distributions.fitted import FittedMixturePrior, FullMixture
from latentarium.distributions.flows import FlowDistribution, FlowPrior
from latentarium.distributions.gaussian import DiagonalGaussian
from latentarium.distributions.likelihoods import (
    Bernoulli,
    Gaussian,
    Likelihood,
    build_likelihood,
)
from latentarium.distributions.mixtures import DiagonalMixture, LearnedMixture, VampPrior
from latentarium.distributions.point import Point
from latentarium.distributions.priors import (
    ClassGaussian,
    Prior,
    PriorContext,
    StandardNormal,
    build_prior,
)
from latentarium.distributions.two_level import TwoLevel

__all__ = [
    "Bernoulli",
    "ClassGaussian",
    "DiagonalGaussian",
    "DiagonalMixture",
    "DiscretizedLogistic",
    "Distribution",
    "FittedMixturePrior",
    "FlowDistribution",
    "FlowPrior",
    "FullMixture",
    "Gaussian",
    "LearnedMixture",
    "Likelihood",
    "Point",
    "Prior",
    "PriorContext",
    "StandardNormal",
    "TwoLevel",
    "VampPrior",
    "build_likelihood",
    "build_prior",
]
