"""Play the game: one move of one player, and what is measured about a move."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from latentarium.data.batches import Batch
from latentarium.models.game import Loss, Player
from latentarium.rng import Noise


@contextmanager
def freeze_others(player: Player, model: nn.Module) -> Iterator[None]:
    """Let gradients reach this player's parameters only, and restore the other players' running
    statistics at the end."""
    if player.part is model:  # single player: nothing to freeze
        yield
        return
    own = {id(p) for p in player.part.parameters()}
    before = [(p, p.requires_grad) for p in model.parameters()]
    own_buffers = {id(b) for b in player.part.buffers()}
    other_buffers = [(b, b.clone()) for b in model.buffers() if id(b) not in own_buffers]
    for parameter, _ in before:
        parameter.requires_grad_(id(parameter) in own)
    try:
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
        for buffer, value in other_buffers:
            buffer.copy_(value)


def play_move(
    player: Player,
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    noise: Noise,
    all_reduce_gradients: Callable[[nn.Module], None] | None = None,
) -> Loss:
    """Move one player: one optimizer step on its own loss and its own parameters.

    With several processes, `all_reduce_gradients` averages the gradients of a part over them.
    """
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = None  # ten times as fast as zero_grad
    with freeze_others(player, model):
        loss = player.loss(batch, noise)
        loss.total.backward()
    if all_reduce_gradients is not None:
        all_reduce_gradients(player.part)
    optimizer.step()
    return loss


def copy_parameters(model: nn.Module) -> dict[int, Tensor]:
    """Return copies of all parameters by id, for `parameter_deltas`."""
    return {id(p): p.detach().clone() for p in model.parameters()}


def parameter_deltas(
    player: Player, model: nn.Module, before: dict[int, Tensor]
) -> dict[str, Tensor]:
    """Return the largest change of the player's own parameters and of all others."""
    own = {id(p) for p in player.part.parameters()}
    largest = {"own_delta": torch.zeros(()), "other_delta": torch.zeros(())}
    for parameter in model.parameters():
        key = "own_delta" if id(parameter) in own else "other_delta"
        delta = (parameter.detach() - before[id(parameter)]).abs().max().cpu()
        largest[key] = torch.maximum(largest[key], delta)
    return largest


def norms(player: Player) -> dict[str, Tensor]:
    """Return the Euclidean norms of the player's parameters and of its last gradient."""
    own = list(player.part.parameters())
    gradients = [p.grad for p in own if p.grad is not None]
    return {"gradient": _norm(gradients), "weights": _norm(own)}


def held_out_loss(player: Player, model: nn.Module, batch: Batch, noise: Noise) -> Loss:
    """Return the player's loss in evaluation mode, leaving no gradient and no statistics."""
    was_training = model.training
    model.eval()
    try:
        with freeze_others(player, model):  # a gradient penalty needs gradients by the image
            loss = player.loss(batch, noise)
    finally:
        model.train(was_training)
    return Loss(loss.total.detach(), loss.terms)


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    vectors = [torch.linalg.vector_norm(t.detach()) for t in tensors]
    return torch.linalg.vector_norm(torch.stack(vectors)) if vectors else torch.zeros(())
