"""Responses of a kind that the search for best responses does not try."""

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from latentarium.data.batches import Batches
from latentarium.data.dataset import Data
from latentarium.evaluation.duality_gap import held_out_losses
from latentarium.evaluation.game_protocol import GameProtocol
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.rng import Noise
from latentarium.training.game import play_move

SCALES = (0.7, 0.9, 0.96, 1.04, 1.15, 1.5)
"""Factors of a layer in a line search."""
Optimizers = dict[str, Callable[[list[nn.Parameter]], Optimizer]]


def optimizers(rate: float) -> Optimizers:
    """Return optimizers around a learning rate of Adam."""
    return {
        **{
            f"SGD {factor:g}": lambda p, f=factor: SGD(p, f * rate, momentum=0.9)
            for factor in (0.03, 1.0, 10.0, 30.0)
        },
        **{
            f"Adam .5 {factor:g}": lambda p, f=factor: Adam(p, f * rate, betas=(0.5, 0.9))
            for factor in (0.02, 0.5, 2.0, 5.0)
        },
        **{
            f"Adam .9 {factor:g}": lambda p, f=factor: Adam(p, f * rate, betas=(0.9, 0.999))
            for factor in (0.2, 2.0)
        },
        "RMSprop": lambda p: RMSprop(p, 0.3 * rate, alpha=0.9),
    }


def strongest_gains(
    model: LatentModel,
    data: Data,
    protocol: GameProtocol,
    *,
    moves: int,
    batch_size: int,
    every: int = 1,
) -> dict[str, float]:
    """Return the largest gain of each player that other responses reach.

    Learning rates warm up and then fall to 0. Gains are those on the images that the protocol
    measures on, and the largest one is chosen on these images too, which favours the adversary.

    Arguments:
        model: The model.
        data: Its data.
        protocol: The protocol whose gains they are compared with.
        moves: The number of moves of a response.
        batch_size: Images in a batch of a response.
        every: Only every so many optimizers and scales are tried.
    """
    held_out = Batches(data.validation, protocol.batch_size, protocol.seed)
    train = Batches(data.train, batch_size, seed=protocol.seed + 1)
    measuring = range(protocol.num_batches)

    def loss(player: Player, model: LatentModel) -> float:
        return float(held_out_losses(player, model, held_out, measuring, protocol.seed).mean())

    gains: dict[str, float] = {}
    for index, player in enumerate(model.players()):
        unchanged = copy.deepcopy(model).train()
        before = loss(unchanged.players()[index], unchanged)
        losses = [before]
        for make in list(optimizers(protocol.optimizer.learning_rate).values())[::every]:
            response = copy.deepcopy(model).train()
            responder = response.players()[index]
            optimizer = make(list(responder.part.parameters()))
            schedule = LambdaLR(
                optimizer, lambda k: min(1.0, (k + 1) / (0.1 * moves)) * (1 - k / moves)
            )
            for move in range(moves):
                noise = Noise("adversary", move)
                play_move(responder, response, optimizer, train.draw(move), noise)
                schedule.step()
            for _ in _scaled_layers(responder.part, SCALES[::every]):
                losses.append(loss(responder, response))
        gains[player.name] = before - min(value for value in losses if value == value)
    return gains


def _scaled_layers(part: nn.Module, scales: Sequence[float]) -> Iterator[float]:
    """Scale the last layers of a player in turn, for a line search over each of them."""
    yield 1.0
    layers = [m for m in part.modules() if any(True for _ in m.parameters(recurse=False))]
    for layer in layers[-2:]:
        saved = [p.detach().clone() for p in layer.parameters(recurse=False)]
        for scale in scales:
            with torch.no_grad():
                for parameter, value in zip(layer.parameters(recurse=False), saved, strict=True):
                    parameter.copy_(scale * value)
            yield scale
        with torch.no_grad():
            for parameter, value in zip(layer.parameters(recurse=False), saved, strict=True):
                parameter.copy_(value)
