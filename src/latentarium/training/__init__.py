"""Training: the training loop, the cost estimate, logging and checkpoints."""

from latentarium.training.cost import CostEstimate, estimate
from latentarium.training.logging import Reporter
from latentarium.training.loop import finish, train
from latentarium.training.together import TrainedRun, Training, train_together

__all__ = [
    "CostEstimate",
    "Reporter",
    "TrainedRun",
    "Training",
    "estimate",
    "finish",
    "train",
    "train_together",
]
