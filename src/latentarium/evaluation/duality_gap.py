"""How far a game is from its equilibrium.

For players i with losses L_i(theta), each over its own theta_i:

    gain_i      = L_i(theta) - min over theta_i' of L_i(theta_i', theta_-i)
    exploitability = sum over i of gain_i

A game is at a Nash equilibrium exactly where every gain is zero. For one player the sum is the
optimality gap; for a zero-sum game of two it is the duality gap. The minimum is estimated by a
best response: copies of the player trained for K steps at several rates while the others stand
still, from where it is; the best of them, or staying, is chosen on other held-out images than
those that it is measured on. So each gain is a lower bound, in the loss's own unit, and K travels
with it.

References:
    A domain agnostic measure for monitoring and evaluating GANs (Grnarova et al., 2019),
    https://arxiv.org/abs/1811.05512
    Note on noncooperative convex games (Nikaido and Isoda, 1955)
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import t as student
from torch import Tensor, nn
from torch.optim import Adam

from latentarium.config import OptimizerConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.rng import Noise
from latentarium.shapes import PerSample
from latentarium.training.game import freeze_others, play_move

RATES = (1.0, 0.1, 0.01)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What one player could still gain by moving alone."""

    player: str
    before: float
    """Its loss where it stands, on held-out images."""
    after: float
    """Its loss after the best response."""
    gain: float
    """before - after, at least 0: not moving is a response too."""
    interval: tuple[float, float]
    """95 % of the difference, over held-out batches (Student's t), cut at 0; where the best
    response was to stay, up to what the best of the others might gain."""
    rate: float
    """Learning rate of the best response; 0 where it was to stay."""


@dataclass(frozen=True, kw_only=True)
class Exploitability:
    """The sum of the players' gains, and each of them."""

    total: float
    interval: tuple[float, float]
    gains: tuple[Gain, ...]
    response_steps: int


def exploitability(
    model: LatentModel,
    train: Split,
    held_out: Split,
    *,
    optimizer: OptimizerConfig,
    rates: Sequence[float] = RATES,
    response_steps: int = 100,
    batch_size: int = 64,
    num_batches: int = 20,
    seed: int = 0,
) -> Exploitability:
    """Measures how much each player could gain by moving alone.

    Arguments:
        model: Where the game stands; it is not changed.
        train: What the best responses train on.
        held_out: What the losses are measured on, before and after with the same noise.
        optimizer: Rate and betas of the best responses.
        rates: Parts of that rate which are tried, each constant: what is far from its best
            response gets there with large steps, and what is near would be thrown off by them.
        response_steps: K, the moves of a best response.
        batch_size: Images in a move, and in a held-out batch.
        num_batches: Held-out batches to measure on, at least 2, and as many others to choose on.
        seed: Of batches and noise.

    Raises:
        UserError: There are too few images or batches.
    """
    if num_batches < 2:
        raise UserError(f"num_batches is {num_batches}; give at least 2, for the interval.")
    quantile = float(student.ppf(0.975, num_batches - 1))
    gains = []
    for index, player in enumerate(model.players()):
        held = Batches(held_out, batch_size, seed, model.device)
        others = range(num_batches, 2 * num_batches)
        here = copy.deepcopy(model).train()
        staying = float(held_out_losses(here.players()[index], here, held, others, seed).mean())
        best, least, rate = here, math.inf, 0.0
        for part in rates:
            alone = copy.deepcopy(model).train()
            responder = alone.players()[index]
            tried = replace(optimizer, learning_rate=part * optimizer.learning_rate)
            _respond(responder, alone, train, tried, response_steps, batch_size, seed)
            reached = float(held_out_losses(responder, alone, held, others, seed).mean())
            if reached < least:
                best, least, rate = alone, reached, tried.learning_rate
        before, after = (
            held_out_losses(m.players()[index], m, held, range(num_batches), seed)
            for m in (here, best)
        )
        difference = before - after
        half = quantile * float(difference.std()) / num_batches**0.5
        mean = float(difference.mean())
        moves = least < staying
        gain = max(0.0, mean) if moves else 0.0
        gains.append(
            Gain(
                player=player.name,
                before=float(before.mean()),
                after=float(after.mean()) if moves else float(before.mean()),
                gain=gain,
                interval=(max(0.0, mean - half) if moves else 0.0, max(gain, mean + half)),
                rate=rate if moves else 0.0,
            )
        )
    return Exploitability(
        total=sum(g.gain for g in gains),
        interval=(sum(g.interval[0] for g in gains), sum(g.interval[1] for g in gains)),
        gains=tuple(gains),
        response_steps=response_steps,
    )


def held_out_losses(
    player: Player, model: nn.Module, held: Batches, which: Iterable[int], seed: int
) -> PerSample:
    """The player's loss on each of these held-out batches, with noise that is a function of the
    batch alone."""
    losses: list[Tensor] = []
    with freeze_others(player, model):
        for k in which:
            noise = Noise("held-out", seed, k, device=held.device)
            losses.append(player.loss(held.draw(k), noise).total.detach())
    return torch.stack(losses).cpu().double()


def _respond(
    player: Player,
    model: nn.Module,
    train: Split,
    config: OptimizerConfig,
    steps: int,
    batch_size: int,
    seed: int,
) -> None:
    """Lets one player move alone; the others stand still."""
    device = next(model.parameters()).device
    batches = Batches(train, batch_size, seed, device)
    adam = Adam(
        player.part.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
    for step in range(steps):
        noise = Noise("response", seed, step, player.name, device=device)
        play_move(player, model, adam, batches.draw(step), noise)
