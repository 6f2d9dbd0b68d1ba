"""The search for a best response: the parameters of one player that lower its loss the most while
all other players are fixed.

Copies of the player are trained at several learning rates. Up to each length, the learning rate
of a copy rises and then falls to 0, so that the noise of large steps is gone when the copies are
scored on held-out batches. The best third of them is trained further (successive halving;
Jamieson and Talwalkar, 2016), on larger batches, because a player near its optimum
gains only what the noise of its gradient leaves; the learning rate grows with the batch (Goyal et
al., 2017). The search ends early if a longer response gains hardly more. In addition, the last
layer of the unchanged player and of the best copy is rescaled, which changes how confident a
discriminator or a decoder is. Every response that was scored is a candidate, and so is the
unchanged player.

References:
    Non-stochastic best arm identification and hyperparameter optimization (Jamieson and Talwalkar,
    2016), https://arxiv.org/abs/1502.07943
    Accurate, large minibatch SGD: training ImageNet in 1 hour (Goyal et al., 2017),
    https://arxiv.org/abs/1706.02677
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from latentarium.config import OptimizerConfig
from latentarium.data.batches import Batches
from latentarium.data.dataset import Split
from latentarium.models.base import LatentModel
from latentarium.models.game import Player
from latentarium.optimizers import Adam
from latentarium.rng import Noise
from latentarium.training.game import play_move
from latentarium.training.precision import at_precision

RATE_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Learning rates of responses, as factors of the rate of the training."""
LENGTHS = (1 / 8, 1 / 4, 1.0)
"""The lengths after which candidates are scored, as shares of all moves."""
BATCH_FACTORS = (1, 4, 4)
"""The batch size up to each length, as a multiple of the first one. Rates are compared on large
batches before the longest response, because small batches favour rates that are too small for it.
"""
KEPT = 1 / 3
"""The share of candidates that is trained further after each length, rounded up."""
MIN_MOMENTUM = 0.5
"""The smallest first beta of the optimizer. Players of a game are often trained without momentum;
a response is ordinary minimization, and momentum removes noise."""
WARM_UP = 0.1
"""The learning rate rises during this share of the moves up to a length."""
MANY_MOVES = 100
"""If there are at least so many moves up to a length, terms that are part of some moves of the
training only, such as gradient penalties, are part of as many of these moves. With fewer moves,
the responses would be worse."""
MIN_PROGRESS = 0.1
"""The search ends after a length that increases the gain by less than this share."""
SCALE_RANGE = (0.25, 4.0)
"""Smallest and largest factor of the last layer."""
SCALE_TRIALS = 10
"""Number of factors that are tried."""
MAX_FINALISTS = 3
"""Number of responses that are compared on all batches that a choice may depend on."""

Score = Callable[["Candidate"], float]
"""The mean loss of a candidate on held-out batches."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response of a player.

    Arguments:
        state: The tensors of the player's part, by name.
        rate: The largest learning rate of the last moves; 0 if the player was not trained.
        steps: The number of moves.
        scale: The factor of the last layer.
    """

    state: dict[str, Tensor]
    rate: float = 0.0
    steps: int = 0
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Search:
    """The effort of a search.

    Arguments:
        steps: The number of moves of the longest responses; 0: the player is not changed.
        batch_size: Images in a batch of the first moves.
        rates: The learning rates as factors of that of the optimizer, for batches of this size.
        optimizer: The optimizer.
        seed: The seed of batches and noise.
        precision: The precision of the moves. Losses on held-out batches are float32 in any case.
    """

    steps: int
    batch_size: int
    optimizer: OptimizerConfig
    rates: Sequence[float] = RATE_FACTORS
    seed: int = 0
    precision: str = "float32"

    @property
    def lengths(self) -> list[int]:
        """The numbers of moves after which candidates are scored."""
        lengths = {int(share * self.steps) for share in LENGTHS}
        return sorted(length for length in lengths if length > 0)

    def batch_sizes(self, num_images: int) -> list[int]:
        """Return the batch size up to each length, which grows.

        Arguments:
            num_images: The number of training images, which is the largest size.
        """
        factors = BATCH_FACTORS[-len(self.lengths) :] if self.lengths else ()
        return [min(num_images, factor * self.batch_size) for factor in factors]


@dataclass
class Candidate:
    """A copy of the model in which one player moves.

    Arguments:
        model: The copy.
        index: The number of the player.
        optimizer: The player's optimizer; None for a player that is not trained.
        factor: The factor of the learning rate, for the first batch size.
    """

    model: LatentModel
    index: int
    optimizer: Adam | None = None
    factor: float = 1.0
    rate: float = 0.0
    steps: int = 0
    diverged: bool = False

    @classmethod
    def of(
        cls,
        model: LatentModel,
        index: int,
        optimizer: OptimizerConfig | None = None,
        factor: float = 1.0,
    ) -> "Candidate":
        """Return a copy of a model, in training mode, with an optimizer of one player."""
        candidate = cls(copy.deepcopy(model).train(), index, factor=factor)
        if optimizer is not None:
            candidate.optimizer = Adam(
                candidate.player.part.parameters(),
                lr=optimizer.learning_rate,
                betas=(max(MIN_MOMENTUM, optimizer.beta1), optimizer.beta2),
                fused=True,
            )
        return candidate

    @property
    def player(self) -> Player:
        """The player that moves."""
        return self.model.players()[self.index]

    def train(self, until: int, rate: float, batches: Batches, search: Search) -> None:
        """Move until the given number of moves, with seed and precision of the search.

        The learning rate rises to `rate` and falls to 0 meanwhile. A candidate whose loss is not
        finite has diverged, and does not move any more.
        """
        assert self.optimizer is not None
        (player,) = at_precision([self.player], search.precision)
        first, count = self.steps, until - self.steps
        self.rate = rate
        while self.steps < until and not self.diverged:
            done = self.steps - first
            warm_up = min(1.0, (done + 1) / (WARM_UP * count))
            self.optimizer.param_groups[0]["lr"] = rate * warm_up * (1 - done / count)
            noise = Noise("response", search.seed, self.steps, player.name, device=batches.device)
            batch = batches.draw(self.steps)
            if count >= MANY_MOVES:
                batch = replace(batch, move=self.steps)
            loss = play_move(player, self.model, self.optimizer, batch, noise)
            self.steps += 1
            self.diverged = not math.isfinite(float(loss.total.detach()))

    def response(self) -> Response:
        """Return a copy of the player's present state as a response."""
        state = {name: tensor.clone() for name, tensor in self.player.part.state_dict().items()}
        return Response(state=state, rate=self.rate, steps=self.steps)

    def load(self, response: Response) -> None:
        """Set the player to the state of a response."""
        self.player.part.load_state_dict(response.state)

    def rescaled(self, factor: float) -> AbstractContextManager[None]:
        """Multiply the player's last layers by a factor until the block ends."""
        parameters = [p for layer in last_layers(self.player) for p in layer.parameters()]
        return _replaced(parameters, [factor * p.detach() for p in parameters])


@contextmanager
def _replaced(parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> Iterator[None]:
    """Give parameters other values until the block ends."""
    saved = [parameter.detach().clone() for parameter in parameters]
    _copy(values, parameters)
    try:
        yield
    finally:
        _copy(saved, parameters)


@torch.no_grad()
def _copy(values: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
    for value, parameter in zip(values, parameters, strict=True):
        parameter.copy_(value)


def last_layers(player: Player) -> list[nn.Module]:
    """Return the last linear or convolutional layer of each head of a player.

    A head without such a layer is left out.
    """
    layers: list[nn.Module] = []
    for head in player.heads or (player.part,):
        linear = [
            module
            for module in head.modules()
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
        ]
        layers += linear[-1:]
    return layers


@dataclass
class Finalists:
    """The responses with the lowest losses so far, the best first."""

    entries: list[tuple[float, Response]] = field(default_factory=list)

    @property
    def lowest(self) -> float:
        """The lowest loss; infinity without responses."""
        return self.entries[0][0] if self.entries else math.inf

    def add(self, loss: float, make: Callable[[], Response]) -> float:
        """Add a response if it is among the best ones.

        Returns:
            The loss, or infinity if it is not finite.
        """
        if not math.isfinite(loss):
            return math.inf
        if len(self.entries) < MAX_FINALISTS or loss < self.entries[-1][0]:
            self.entries.append((loss, make()))
            self.entries.sort(key=lambda entry: entry[0])
            del self.entries[MAX_FINALISTS:]
        return loss


def best_response(
    model: LatentModel, index: int, train: Split, search: Search, screen: Score, choose: Score
) -> Response | None:
    """Search for the best response of a player.

    Arguments:
        model: The model; it is not changed.
        index: The number of the player.
        train: The images that responses are trained on.
        search: The effort.
        screen: The loss on some of the batches that the choice may depend on. It decides which
            responses are dropped.
        choose: The loss on all of these batches. It decides between the unchanged player and the
            remaining `MAX_FINALISTS` responses.

    Returns:
        The best response; None if no response is better than the unchanged player.
    """
    if search.steps == 0:
        return None
    finalists = Finalists()
    candidate = Candidate.of(model, index)
    unchanged = candidate.response()
    _train_candidates(model, index, train, search, screen, finalists, screen(candidate))
    if last_layers(candidate.player):
        for response in [unchanged, *(response for _, response in finalists.entries[:1])]:
            _rescale(candidate, response, screen, finalists)
    candidate.load(unchanged)
    best, best_loss = None, choose(candidate)
    for _, response in finalists.entries:
        candidate.load(response)
        loss = choose(candidate)
        if loss < best_loss:
            best, best_loss = response, loss
    return best


def _train_candidates(
    model: LatentModel,
    index: int,
    train: Split,
    search: Search,
    screen: Score,
    finalists: Finalists,
    unchanged_loss: float,
) -> None:
    """Train a candidate at each learning rate, and keep the best after each length."""
    candidates = [Candidate.of(model, index, search.optimizer, factor) for factor in search.rates]
    gain = 0.0
    for length, size in zip(search.lengths, search.batch_sizes(len(train)), strict=True):
        batches = Batches(train, size, search.seed, model.device)
        growth = max(1.0, size / search.batch_size)
        losses: dict[int, float] = {}
        for number, candidate in enumerate(candidates):
            rate = candidate.factor * growth * search.optimizer.learning_rate
            candidate.train(length, rate, batches, search)
            losses[number] = finalists.add(screen(candidate), candidate.response)
        order = sorted(losses, key=lambda number: losses[number])
        kept = order[: math.ceil(KEPT * len(order))]
        candidates = [candidates[n] for n in kept if not candidates[n].diverged]
        previous, gain = gain, unchanged_loss - finalists.lowest
        if previous > 0 and gain < (1 + MIN_PROGRESS) * previous:
            break


def _rescale(
    candidate: Candidate, response: Response, screen: Score, finalists: Finalists
) -> None:
    """Search for the factor of a response's last layers that lowers its loss the most."""
    candidate.load(response)

    def loss(log_scale: float) -> float:
        scale = math.exp(log_scale)
        with candidate.rescaled(scale):

            def make() -> Response:
                return replace(response, state=candidate.response().state, scale=scale)

            return finalists.add(screen(candidate), make)

    low, high = map(math.log, SCALE_RANGE)
    minimize_scalar(loss, bounds=(low, high), method="bounded", options={"maxiter": SCALE_TRIALS})
