"""The one-sided bound of the gain of a best response, over held-out batches."""

import math
from functools import cache

import torch
from torch import nn

from latentarium import presets
from latentarium.config import OptimizerConfig
from latentarium.data.dataset import Split
from latentarium.evaluation.duality_gap import DualityGap, estimate_duality_gap
from latentarium.models.game import Loss, Player
from support.interval_simulations.registry import Setting, Simulation, Trial, add, mean_of_trials
from support.interval_simulations.samplers import gamma
from support.tiny import ModelStub, tiny_data


class Location(nn.Module):
    """The parameter of the player."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


class Locate(ModelStub):
    """One player, whose loss is its squared distance to the images' pixels."""

    def __init__(self, value: float) -> None:
        super().__init__(presets.gan_debug().model, tiny_data().card)
        self.location = Location(value)

    def players(self) -> list[Player]:
        def loss(batch, noise) -> Loss:
            return Loss((batch.x - self.location.value).square().mean(), {})

        return [Player("location", self.location, loss)]


def images(seed: int, n: int) -> Split:
    pixels = 20 * gamma(seed, 4.0, n, 1, 1, 1)
    return Split(pixels.clamp_max(255).to(torch.uint8), None)


def gain(batches: int) -> Setting:
    optimizer = OptimizerConfig(learning_rate=0.05)

    @cache
    def player() -> tuple[Locate, Split]:
        return Locate(0.2), images(0, 500)

    @cache
    def measured(seed: int) -> DualityGap:
        model, train = player()
        return estimate_duality_gap(
            model, train, images(seed + 1, 32 * batches), optimizer=optimizer, rates=(1.0,),
            response_steps=3, batch_size=16, num_batches=batches,
        )  # fmt: skip

    def setting(draws: int) -> Trial:
        truth = mean_of_trials(lambda seed: measured(seed).total, draws // 20)
        return lambda seed: ((measured(seed).at_least, math.inf), truth)

    return setting


add(
    "gain",
    Simulation(
        title="gain of a best response",
        method="one-sided bound: Student's t over held-out batches",
        keys=("game",),
        fields=("Gain.at_least", "DualityGap.at_least"),
        settings={"5 batches of 16": gain(5), "15 batches of 16": gain(15)},
        trials=200,
        quick_trials=6,
    ),
)
