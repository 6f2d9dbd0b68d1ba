"""Objectives: pure functions that return one value per sample."""

from latentarium.objectives.adversarial import (
    AdversarialLoss,
    Hinge,
    NonSaturating,
    Relativistic,
    build_adversarial_loss,
    squared_gradient,
)
from latentarium.objectives.bounds import importance_weighted_bound
from latentarium.objectives.variational import (
    Inference,
    Objective,
    ObjectiveValue,
    build_objective,
)

__all__ = [
    "AdversarialLoss",
    "Hinge",
    "Inference",
    "NonSaturating",
    "Objective",
    "ObjectiveValue",
    "Relativistic",
    "build_adversarial_loss",
    "build_objective",
    "importance_weighted_bound",
    "squared_gradient",
]
