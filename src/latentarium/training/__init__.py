"""Training: the training loop, the cost estimate, logging and checkpoints."""

from latentarium.training.cost import CostEstimate, estimate
from latentarium.training.logging import Reporter
from latentarium.training.loop import finish, train
from latentarium.training.together import (
    FollowUp,
    FollowUpResult,
    TrainedRun,
    Training,
    train_and_follow_up,
    train_together,
)

__all__ = [
    "CostEstimate",
    "FollowUp",
    "FollowUpResult",
    "Reporter",
    "TrainedRun",
    "Training",
    "estimate",
    "finish",
    "train",
    "train_and_follow_up",
    "train_together",
]
