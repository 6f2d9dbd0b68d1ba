"""Games of two numbers whose equilibria and best responses are known in closed form."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.evaluation.best_response import RATE_FACTORS
from latentarium.evaluation.duality_gap import DualityGap, estimate_duality_gap
from latentarium.models.base import LatentModel
from latentarium.models.game import Loss, Player
from support.tiny import ModelStub, tiny_data

Formula = Callable[[Tensor, Tensor], Tensor]
"""A player's loss as a function of both numbers."""


class Number(nn.Module):
    """The one parameter of a player."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


class TwoNumbers(ModelStub):
    """A game of two players, each with one number and a loss of both numbers."""

    def __init__(self, a: float, b: float, first: Formula, second: Formula) -> None:
        super().__init__(presets.gan_debug().model, tiny_data().card)
        self.a, self.b = Number(a), Number(b)
        self._losses = (first, second)

    def players(self) -> list[Player]:
        def loss_of(formula: Formula):
            return lambda batch, noise: Loss(formula(self.a.value, self.b.value), {})

        parts = (("first", self.a), ("second", self.b))
        return [
            Player(name, part, loss_of(formula))
            for (name, part), formula in zip(parts, self._losses, strict=True)
        ]


SLOW = OptimizerConfig(learning_rate=0.05, beta1=0.0, beta2=0.9)


def measure(
    model: LatentModel,
    optimizer: OptimizerConfig = SLOW,
    steps: int = 300,
    rates: Sequence[float] = RATE_FACTORS,
) -> DualityGap:
    """Estimate the duality gap with small batches."""
    data = tiny_data()
    return estimate_duality_gap(
        model,
        data.train,
        data.validation,
        optimizer=optimizer,
        rates=rates,
        response_steps=steps,
        batch_size=8,
        num_batches=2,
    )
