"""Objectives: pure functions that return one value per sample."""

from latentarium.objectives.adversarial import (
    AdversarialLoss,
    Hinge,
    NonSaturating,
    Relativistic,
    build_adversarial_loss,
    squared_gradient,
)

__all__ = [
    "AdversarialLoss",
    "Hinge",
    "NonSaturating",
    "Relativistic",
    "build_adversarial_loss",
    "squared_gradient",
]
