"""The game that trains a model: its players, and one move of one of them.

Each player minimizes its own loss over its own parameters only. An autoencoder is a game of one
player, a GAN of two.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from latentarium.data.batches import Batch
from latentarium.rng import Noise
from latentarium.shapes import Scalar


@dataclass(frozen=True)
class Loss:
    """What a player minimizes, and the parts worth a line in the log (no gradient)."""

    total: Scalar
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Player:
    """A part of the model and the loss that it minimizes over its own parameters only."""

    name: str
    part: nn.Module
    loss: Callable[[Batch, Noise], Loss]


@contextmanager
def only(player: Player, model: nn.Module) -> Iterator[None]:
    """Lets gradients reach this player's own parameters and no others, and gives the others
    their running statistics back."""
    if player.part is model:  # a game of one: nobody stands by
        yield
        return
    own = {id(p) for p in player.part.parameters()}
    before = [(p, p.requires_grad) for p in model.parameters()]
    own_buffers = {id(b) for b in player.part.buffers()}
    foreign = [(b, b.clone()) for b in model.buffers() if id(b) not in own_buffers]
    for parameter, _ in before:
        parameter.requires_grad_(id(parameter) in own)
    try:
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
        for buffer, value in foreign:  # running statistics of who merely stood by
            buffer.copy_(value)


def move(
    player: Player,
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    noise: Noise,
    share: Callable[[nn.Module], None] | None = None,
) -> Loss:
    """One move: the player steps down its own loss; nobody else's parameters see a gradient.
    Where several processes train together, `share` averages the gradients of a part over them."""
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = None  # zero_grad does so at ten times the cost
    with only(player, model):
        loss = player.loss(batch, noise)
        loss.total.backward()
    if share is not None:
        share(player.part)
    optimizer.step()
    return loss


def copy_parameters(model: nn.Module) -> dict[int, Tensor]:
    """Copies of all parameters, to see afterwards whose a move changed."""
    return {id(p): p.detach().clone() for p in model.parameters()}


def changes(player: Player, model: nn.Module, before: dict[int, Tensor]) -> dict[str, Tensor]:
    """The largest change of a player's own parameters and of all others'."""
    own = {id(p) for p in player.part.parameters()}
    largest = {"own_change": torch.zeros(()), "foreign_change": torch.zeros(())}
    for parameter in model.parameters():
        key = "own_change" if id(parameter) in own else "foreign_change"
        change = (parameter.detach() - before[id(parameter)]).abs().max().cpu()
        largest[key] = torch.maximum(largest[key], change)
    return largest


def lengths(player: Player) -> dict[str, Tensor]:
    """The Euclidean norms of a player's parameters and of the gradient of its last move, each
    taken as one vector."""
    own = list(player.part.parameters())
    gradients = [p.grad for p in own if p.grad is not None]
    return {"gradient": _norm(gradients), "weights": _norm(own)}


def loss_unmoved(player: Player, model: nn.Module, batch: Batch, noise: Noise) -> Loss:
    """The player's loss in evaluation mode: nobody moves, no running statistics change, no
    gradient is left behind."""
    was_training = model.training
    model.eval()
    try:
        with only(player, model):  # a penalty needs a gradient by the image: grad stays enabled
            loss = player.loss(batch, noise)
    finally:
        model.train(was_training)
    return Loss(loss.total.detach(), loss.terms)


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    norms = [torch.linalg.vector_norm(t.detach()) for t in tensors]
    return torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())
