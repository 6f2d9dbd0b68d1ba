"""Training: the training loop, the cost estimate, logging and checkpoints."""

from latentarium.training.cost import CostEstimate, estimate
from latentarium.training.logging import Reporter
from latentarium.training.loop import finish, train

__all__ = ["CostEstimate", "Reporter", "estimate", "finish", "train"]
