"""The distance of a game from its equilibrium: the duality gap.

For players i with losses L_i(theta), each of which controls theta_i:

    gain_i      = L_i(theta) - min over theta_i' of L_i(theta_i', theta_-i)
    duality gap = sum over i of gain_i

A game is at a Nash equilibrium exactly if every gain is zero. For a single player the sum is the
optimality gap; for a zero-sum game of two players it is the duality gap max - min; for other games
it is also known as NashConv or exploitability. See docs/game.md.

The minimum is unknown, so it is replaced by the loss after the best response that
`best_response` finds. It is chosen on held-out batches other than those on which the gain is
measured. Each gain is therefore a lower bound, in the unit of the loss, and its confidence bound
is one-sided.

References:
    A domain agnostic measure for monitoring and evaluating GANs (Grnarova et al., 2019),
    https://arxiv.org/abs/1811.05512
    Note on noncooperative convex games (Nikaido and Isoda, 1955)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from scipy.stats import t as student_t
from torch import Tensor, nn

from latentarium.config import OptimizerConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.errors import UserError
from latentarium.evaluation.best_response import (
    RATE_FACTORS,
    Candidate,
    Score,
    Search,
    best_response,
)
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.rng import Noise
from latentarium.shapes import PerSample
from latentarium.training.game import freeze_others
from latentarium.unchecked import unchecked_inputs
from latentarium.workers import run_together

SCREENING_SHARE = 3
"""Responses are dropped by their losses on one in this many of the batches for choosing."""
LONG_SEARCH = 1_000_000_000
"""Moves times images times parameters; a search with more takes longer than the start of a
process."""
MAX_COPIED_DATA = 512 << 20
"""Bytes of training images that are copied to other processes, for all players together."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The decrease of loss that a player can reach by changing only its own parameters.

    Arguments:
        player: The name of the player.
        before: The player's loss on held-out images.
        after: The player's loss after the best response that was found.
        gain: before - after, at least 0, since keeping the parameters is a response too.
        at_least: One-sided 95 % confidence bound of the gain of this response, and therefore of
            the largest possible gain (Student's t over held-out batches); at least 0.
        rate: The largest learning rate of the response; 0 if the player was not trained.
        steps: The number of its moves.
        scale: The factor of its last layer; 1 if it was not rescaled.
    """

    player: str
    before: float
    after: float
    gain: float
    at_least: float
    rate: float
    steps: int
    scale: float


@dataclass(frozen=True, kw_only=True)
class DualityGap:
    """The sum of the players' gains.

    Arguments:
        total: The sum.
        at_least: One-sided 95 % confidence bound of the duality gap.
        gains: The gain of each player.
        response_steps: The number of moves of the longest responses.
    """

    total: float
    at_least: float
    gains: tuple[Gain, ...]
    response_steps: int


def estimate_duality_gap(
    model: LatentModel,
    train: Split,
    held_out: Split,
    *,
    optimizer: OptimizerConfig,
    rates: Sequence[float] = RATE_FACTORS,
    response_steps: int = 200,
    batch_size: int = 64,
    num_batches: int = 15,
    seed: int = 0,
) -> DualityGap:
    """Estimate a lower bound on each player's gain from changing only its own parameters.

    Arguments:
        model: The model whose players are examined; it is not changed.
        train: The images that best responses are trained on.
        held_out: The images on which losses are measured, with the same noise before and after
            the best response.
        optimizer: Learning rate and betas of the best responses.
        rates: Factors of that learning rate. A response is trained for each factor.
        response_steps: The number of moves of the longest responses; 0: no response, so that
            every gain is 0.
        batch_size: Images in a batch, for measuring and for the first moves of a response.
        num_batches: Held-out batches to measure on, at least 2. The response is chosen on equally
            many other batches; they have other images if there are at least
            2 * num_batches * batch_size held-out images.
        seed: The seed of batches and noise.

    Raises:
        UserError: There are too few images, or fewer than 2 batches (code "too-few-batches").
    """
    search = Search(
        steps=response_steps, batch_size=batch_size, optimizer=optimizer, rates=rates, seed=seed
    )
    return estimate_duality_gaps([model], train, held_out, search, num_batches)[0]


def estimate_duality_gaps(
    models: Sequence[LatentModel], train: Split, held_out: Split, search: Search, num_batches: int
) -> list[DualityGap]:
    """Estimate the duality gaps of several models of the same kind, such as those of snapshots.

    The players of all models are measured at the same time, which keeps all processor cores busy.

    Arguments:
        models: The models.
        train: The images that best responses are trained on.
        held_out: The images on which losses are measured.
        search: The effort of the search for best responses.
        num_batches: Held-out batches, as for `estimate_duality_gap`.

    Raises:
        UserError: As for `estimate_duality_gap`.
    """
    if num_batches < 2:
        raise UserError(
            f"num_batches is {num_batches}; an interval needs at least 2.", code="too-few-batches"
        )
    model = models[0]
    batches = Batches(held_out, search.batch_size, search.seed, model.device)
    num_parameters = sum(p.numel() for p in model.parameters())
    long = search.steps * search.batch_size * num_parameters > LONG_SEARCH
    # discriminators, which are the first players, take the longest
    indices = range(len(model.players()))
    tasks = [
        partial(_measure_player, one, train, batches, search, num_batches, index)
        for index in indices
        for one in models
    ]
    copied = len(tasks) * train.images.nbytes
    copyable = model.device.type == "cpu" and copied <= MAX_COPIED_DATA
    results = run_together(tasks, long=long and copyable)
    return [_sum(results[number :: len(models)], search.steps) for number in range(len(models))]


def _sum(results: Sequence[tuple[Gain, PerSample]], response_steps: int) -> DualityGap:
    """Return the duality gap: the sum of the gains of all players."""
    gains = tuple(gain for gain, _ in results)
    decreases = torch.stack([decrease for _, decrease in results]).sum(0)
    # the players are measured on the same batches, so their gains are not independent
    _, at_least = _mean_and_bound(decreases)
    return DualityGap(
        total=sum(g.gain for g in gains),
        at_least=at_least,
        gains=gains,
        response_steps=response_steps,
    )


def _measure_player(
    model: LatentModel, train: Split, batches: Batches, search: Search, count: int, index: int
) -> tuple[Gain, PerSample]:
    """Search for the best response of a player, and measure it.

    Arguments:
        model: The model.
        train: The images that responses are trained on.
        batches: Held-out batches, of which the first `count` are measured on. Responses are
            chosen on the next `count`.
        search: The effort.
        count: The number of batches.
        index: The number of the player.

    Returns:
        The gain, and the decrease of the loss on each batch.
    """

    def losses(candidate: Candidate, indices: range) -> PerSample:
        return held_out_losses(candidate.player, candidate.model, batches, indices, search.seed)

    def mean_loss(indices: range) -> Score:
        return lambda candidate: float(losses(candidate, indices).mean())

    measuring, choosing = range(count), range(count, 2 * count)
    screening = choosing[: -(-count // SCREENING_SHARE)]
    response = best_response(
        model, index, train, search, mean_loss(screening), mean_loss(choosing)
    )
    candidate = Candidate.of(model, index)
    before = losses(candidate, measuring)
    after = before
    if response is not None:
        candidate.load(response)
        after = losses(candidate, measuring)
    gain, at_least = _mean_and_bound(before - after)
    measured = Gain(
        player=candidate.player.name,
        before=float(before.mean()),
        after=float(after.mean()),
        gain=gain,
        at_least=at_least,
        rate=response.rate if response else 0.0,
        steps=response.steps if response else 0,
        scale=response.scale if response else 1.0,
    )
    return measured, before - after


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


def _mean_and_bound(values: Tensor) -> tuple[float, float]:
    """Return the mean, and the lower end of its one-sided 95 % interval; both at least 0.

    Cutting off at 0 is valid, since no gain is negative.
    """
    count = len(values)
    margin = float(student_t.ppf(0.95, count - 1)) * float(values.std()) / count**0.5
    mean = float(values.mean())
    return max(0.0, mean), max(0.0, mean - margin)
