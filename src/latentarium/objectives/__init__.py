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

__all__ = [
    "AdversarialLoss",
    "Hinge",
    "NonSaturating",
    "Relativistic",
    "build_adversarial_loss",
    "importance_weighted_bound",
    "squared_gradient",
]
