"""The distance of a game from its equilibrium: the duality gap.

For players i with losses L_i(theta), each of which controls theta_i:

    gain_i      = L_i(theta) - min over theta_i' of L_i(theta_i', theta_-i)
    duality gap = sum over i of gain_i

A game is at a Nash equilibrium exactly if every gain is zero. For a single player the sum is the
optimality gap; for a zero-sum game of two players it is the duality gap max - min; for other games
it is also known as NashConv or exploitability. See docs/duality-gap.md.

The minimum is estimated by a best response: copies of the player are trained for K steps, at
several learning rates, while the other players are frozen. The best copy, or the unchanged player
if no copy is better, is selected on held-out batches other than those on which the gain is
measured. Each gain is therefore a lower bound, in the unit of the loss, and depends on K.

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
from scipy.stats import t as student_t
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
from latentarium.unchecked import unchecked_inputs

RATE_FACTORS = (1.0, 0.1, 0.01)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The decrease of loss that a player can reach by changing only its own parameters.

    Arguments:
        player: The name of the player.
        before: The player's loss on held-out images.
        after: The player's loss after the best response.
        gain: before - after, at least 0, since keeping the parameters is a response too.
        interval: 95 % interval of before - after over held-out batches (Student's t), cut off at
            0. If no response lowers the loss, it is from 0 to the upper end of the interval of the
            best response that was tried.
        rate: The learning rate of the best response; 0 if no response lowers the loss.
    """

    player: str
    before: float
    after: float
    gain: float
    interval: tuple[float, float]
    rate: float


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """The sum of the players' gains.

    Arguments:
        total: The sum.
        interval: The sums of the lower and of the upper ends of the gains' intervals.
        gains: The gain of each player.
        response_steps: The number of steps of a best response.
    """

    total: float
    interval: tuple[float, float]
    gains: tuple[Gain, ...]
    response_steps: int


def estimate_duality_gap(
    model: LatentModel,
    train: Split,
    held_out: Split,
    *,
    optimizer: OptimizerConfig,
    rates: Sequence[float] = RATE_FACTORS,
    response_steps: int = 100,
    batch_size: int = 64,
    num_batches: int = 20,
    seed: int = 0,
) -> DualityGap:
    """Estimate a lower bound on each player's gain from changing only its own parameters.

    Arguments:
        model: The model whose players are examined; it is not changed.
        train: The images that best responses are trained on.
        held_out: The images on which losses are measured, with the same noise before and after
            the best response.
        optimizer: Learning rate and betas of the best responses.
        rates: Factors of that learning rate. A response is trained for each factor, with a
            constant learning rate. Large steps reach a distant best response within K steps, but
            would overshoot a close best response.
        response_steps: K, the number of steps of a best response.
        batch_size: Images in a batch, for training and measuring.
        num_batches: Held-out batches to measure on, at least 2. The response is selected on
            equally many other batches.
        seed: The seed of batches and noise.

    Raises:
        UserError: There are too few images, or fewer than 2 batches (code "too-few-batches").
    """
    if num_batches < 2:
        raise UserError(
            f"num_batches is {num_batches}; an interval needs at least 2.", code="too-few-batches"
        )
    quantile = float(student_t.ppf(0.975, num_batches - 1))
    gains = []
    for index, player in enumerate(model.players()):
        batches = Batches(held_out, batch_size, seed, model.device)
        selection = range(num_batches, 2 * num_batches)
        current = copy.deepcopy(model).train()
        current_loss = float(
            held_out_losses(current.players()[index], current, batches, selection, seed).mean()
        )
        best, best_loss, best_rate = current, math.inf, 0.0
        for factor in rates:
            candidate = copy.deepcopy(model).train()
            responder = candidate.players()[index]
            settings = replace(optimizer, learning_rate=factor * optimizer.learning_rate)
            _train_response(
                responder, candidate, train, settings, response_steps, batch_size, seed
            )
            loss = float(held_out_losses(responder, candidate, batches, selection, seed).mean())
            if loss < best_loss:
                best, best_loss, best_rate = candidate, loss, settings.learning_rate
        before, after = (
            held_out_losses(m.players()[index], m, batches, range(num_batches), seed)
            for m in (current, best)
        )
        difference = before - after
        half_width = quantile * float(difference.std()) / num_batches**0.5
        mean = float(difference.mean())
        improves = best_loss < current_loss
        gain = max(0.0, mean) if improves else 0.0
        gains.append(
            Gain(
                player=player.name,
                before=float(before.mean()),
                after=float(after.mean()) if improves else float(before.mean()),
                gain=gain,
                interval=(
                    max(0.0, mean - half_width) if improves else 0.0,
                    max(gain, mean + half_width),
                ),
                rate=best_rate if improves else 0.0,
            )
        )
    return DualityGap(
        total=sum(g.gain for g in gains),
        interval=(sum(g.interval[0] for g in gains), sum(g.interval[1] for g in gains)),
        gains=tuple(gains),
        response_steps=response_steps,
    )


def held_out_losses(
    player: Player, model: nn.Module, batches: Batches, indices: Iterable[int], seed: int
) -> PerSample:
    """Return the player's loss on each of these held-out batches, in float64.

    The noise is a function of the seed and the batch's index only.
    """
    losses: list[Tensor] = []
    # no torch.no_grad: a gradient penalty needs the gradient with respect to the image
    with freeze_others(player, model), unchecked_inputs():
        for index in indices:
            noise = Noise("held-out", seed, index, device=batches.device)
            losses.append(player.loss(batches.draw(index), noise).total.detach())
    return torch.stack(losses).cpu().double()


def _train_response(
    player: Player,
    model: nn.Module,
    train: Split,
    config: OptimizerConfig,
    steps: int,
    batch_size: int,
    seed: int,
) -> None:
    """Train one player for some steps while the others are frozen."""
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
