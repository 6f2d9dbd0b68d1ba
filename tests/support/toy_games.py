"""Games of two numbers, whose equilibria and best responses are known."""

import torch
from torch import nn

from conftest import Mute, tiny_data
from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.evaluation.duality_gap import Exploitability, exploitability
from latentarium.models.game import Loss, Player


class Choice(nn.Module):
    """One number that a player chooses."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


class Toy(Mute):
    """Two players, each with one number, and losses known in closed form."""

    def __init__(self, a: float, b: float, first, second) -> None:
        super().__init__(presets.gan_debug().model, tiny_data().card)
        self.a, self.b = Choice(a), Choice(b)
        self._losses = (first, second)

    def players(self) -> list[Player]:
        def loss(formula):
            def of(batch, noise) -> Loss:
                return Loss(formula(self.a.value, self.b.value), {})

            return of

        names = (("first", self.a), ("second", self.b))
        return [
            Player(name, part, loss(formula))
            for (name, part), formula in zip(names, self._losses, strict=True)
        ]


SLOW = OptimizerConfig(learning_rate=0.05, beta1=0.0, beta2=0.9)


def measure(model, optimizer=SLOW, steps=300) -> Exploitability:
    data = tiny_data()
    return exploitability(
        model,
        data.train,
        data.validation,
        optimizer=optimizer,
        response_steps=steps,
        batch_size=8,
        num_batches=2,
    )
