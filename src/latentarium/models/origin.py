"""Facts about the training of a model that its measurements depend on."""

from dataclasses import dataclass
from typing import Literal

from latentarium.config import OptimizerConfig

WeightsKind = Literal["ema", "raw"]
"""ema: an exponential moving average of the weights during training; raw: the weights of one
step."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The training that a model comes from.

    Arguments:
        weights: The kind of the model's weights.
        optimizer: The optimizer of the training.
        precision: The precision of the training.
    """

    weights: WeightsKind
    optimizer: OptimizerConfig
    precision: str = "float32"
