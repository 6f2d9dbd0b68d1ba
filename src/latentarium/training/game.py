"""One round of the game that trains a model: each player takes one optimizer step.

In its move, a player minimizes its own loss over its own parameters. The parameters of the other
players get no gradient, and their running statistics do not change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from latentarium.data.batches import Batch, Batches
from latentarium.models.game import Loss, Player
from latentarium.rng import Noise
from latentarium.training.distributed import Distributed
from latentarium.unchecked import unchecked_inputs


@dataclass(frozen=True)
class Move:
    """The result of one player's move.

    Arguments:
        loss: The loss before the step, without gradient.
        measurements: Parameter deltas and norms; empty unless they were requested.
    """

    loss: Loss
    measurements: dict[str, Tensor]


def play_round(
    model: nn.Module,
    players: Sequence[Player],
    optimizers: Mapping[str, Optimizer],
    batches: Batches,
    *,
    step: int,
    seed: int,
    learning_rate: float,
    distributed: Distributed,
    measure: bool = False,
) -> dict[str, Move]:
    """Let each player move once, in order.

    Batches and noise are functions of (seed, step, player), so that a resumed run repeats exactly
    what an uninterrupted one would have done.

    Arguments:
        model: The model that all players are parts of.
        players: The players, in the order of their moves.
        optimizers: The optimizer of each player, by the player's name.
        batches: The training data.
        step: The number of this round, from 0.
        seed: The run's seed.
        learning_rate: The learning rate of all players in this round.
        distributed: The processes that train together.
        measure: Whether to measure parameter deltas and norms, which takes a copy of all
            parameters before each move.

    Returns:
        The move of each player, by the player's name.
    """
    moves: dict[str, Move] = {}
    for index, player in enumerate(players):
        batch = replace(batches.draw(step * len(players) + index), step=step, move=step)
        noise = Noise(seed, step, player.name, device=distributed.device, shard=distributed.shard)
        optimizer = optimizers[player.name]
        optimizer.param_groups[0]["lr"] = learning_rate
        before = copy_parameters(model) if measure else None
        loss = play_move(player, model, optimizer, batch, noise, distributed.all_reduce_gradients)
        measurements: dict[str, Tensor] = {}
        if before is not None:
            measurements = parameter_deltas(player, model, before) | norms(player)
        moves[player.name] = Move(Loss(loss.total.detach(), loss.terms), measurements)
    return moves


def play_move(
    player: Player,
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    noise: Noise,
    all_reduce_gradients: Callable[[nn.Module], None] | None = None,
) -> Loss:
    """Take one optimizer step on a player's loss.

    Arguments:
        player: The player to move.
        model: The model that contains the player.
        optimizer: The optimizer of the player's parameters.
        batch: The images, with labels if the model uses them.
        noise: The random numbers of this move.
        all_reduce_gradients: Averages the gradients of a module over all processes; None for a
            single process.

    Returns:
        The loss before the step.
    """
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = None  # optimizer.zero_grad takes ten times as long
    with freeze_others(player, model), unchecked_inputs():
        loss = player.loss(batch, noise)
        loss.total.backward()
    if all_reduce_gradients is not None:
        all_reduce_gradients(player.part)
    optimizer.step()
    return loss


@contextmanager
def freeze_others(player: Player, model: nn.Module) -> Iterator[None]:
    """Freeze the parameters and the buffers of all other players until the block ends."""
    if player.part is model:  # single player: nothing to freeze
        yield
        return
    own_parameters = {id(p) for p in player.part.parameters()}
    required_grad = [(p, p.requires_grad) for p in model.parameters()]
    own_buffers = {id(b) for b in player.part.buffers()}
    saved_buffers = [(b, b.clone()) for b in model.buffers() if id(b) not in own_buffers]
    for parameter, _ in required_grad:
        parameter.requires_grad_(id(parameter) in own_parameters)
    try:
        yield
    finally:
        for parameter, required in required_grad:
            parameter.requires_grad_(required)
        for buffer, value in saved_buffers:  # batch normalization updates them in the forward pass
            buffer.copy_(value)


def held_out_loss(player: Player, model: nn.Module, batch: Batch, noise: Noise) -> Loss:
    """Return the player's loss in evaluation mode.

    No parameter, gradient or running statistic of the model changes.
    """
    was_training = model.training
    model.eval()
    try:
        # no torch.no_grad, because gradient penalties need d/dx
        with freeze_others(player, model), unchecked_inputs():
            loss = player.loss(batch, noise)
    finally:
        model.train(was_training)
    return Loss(loss.total.detach(), loss.terms)


def copy_parameters(model: nn.Module) -> dict[int, Tensor]:
    """Return copies of all parameters by their `id`, for `parameter_deltas`."""
    return {id(p): p.detach().clone() for p in model.parameters()}


def parameter_deltas(
    player: Player, model: nn.Module, before: dict[int, Tensor]
) -> dict[str, Tensor]:
    """Return the largest absolute change of the player's parameters and of all other parameters.

    Arguments:
        player: The player that moved.
        model: The model after the move.
        before: `copy_parameters` before the move.

    Returns:
        own_delta: The change of the player's own parameters. other_delta: The change of all other
        parameters, which is 0 unless freezing failed.
    """
    own = {id(p) for p in player.part.parameters()}
    largest = {"own_delta": torch.zeros(()), "other_delta": torch.zeros(())}
    for parameter in model.parameters():
        key = "own_delta" if id(parameter) in own else "other_delta"
        delta = (parameter.detach() - before[id(parameter)]).abs().max().cpu()
        largest[key] = torch.maximum(largest[key], delta)
    return largest


def norms(player: Player) -> dict[str, Tensor]:
    """Return the Euclidean norms of a player's parameters and of its last gradient.

    Returns:
        gradient: The norm of the vector of all gradients, at most `max_gradient_norm`. weights:
        The norm of the vector of all parameters.
    """
    parameters = list(player.part.parameters())
    gradients = [p.grad for p in parameters if p.grad is not None]
    return {"gradient": _norm(gradients), "weights": _norm(parameters)}


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    parts = [torch.linalg.vector_norm(t.detach()) for t in tensors]
    return torch.linalg.vector_norm(torch.stack(parts)) if parts else torch.zeros(())
