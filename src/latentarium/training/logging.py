"""Reports of a training: log rows, the progress file, and the base class of reporters."""

import contextlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from latentarium.data.dataset import Data
from latentarium.errors import NonFiniteError, UserError
from latentarium.models.game import Player
from latentarium.run import Run
from latentarium.texts import Text
from latentarium.training.distributed import Distributed
from latentarium.training.game import Move

TOTAL = "total"
PREFIX = "log."
"""Prefix of the tensors of losses in a checkpoint."""
StoredLoss = Tensor | float
"""A float for a loss on the CPU, where thousands of scalar tensors would fragment the memory. A
tensor for a loss on a GPU, where conversion to a float would wait for the device."""


class LossLogger:
    """Collects the losses between two rows of the log.

    Losses on a GPU are read only when a row is due.
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._totals: dict[str, list[StoredLoss]] = {}
        self._terms: dict[str, dict[str, list[StoredLoss]]] = {}
        self._measurements: dict[str, dict[str, Tensor]] = {}

    def add(self, step: int, moves: Mapping[str, Move]) -> None:
        """Add the losses and the measurements of one round.

        Arguments:
            step: The number of the round, from 0.
            moves: The move of each player, by the player's name.
        """
        self._steps.append(step)
        for player, move in moves.items():
            self._totals.setdefault(player, []).append(_store(move.loss.total))
            terms = self._terms.setdefault(player, {})
            for name, value in move.loss.terms.items():
                terms.setdefault(name, []).append(_store(value))
            self.add_measurements(player, move.measurements)

    def add_measurements(self, player: str, values: Mapping[str, Tensor]) -> None:
        """Add values to log unchanged; unlike losses, they are not averaged over steps."""
        self._measurements.setdefault(player, {}).update(values)

    def require_finite(self) -> None:
        """Check all losses since the last row.

        Raises:
            NonFiniteError: A loss is infinite or NaN; the error names the player and the step.
        """
        for player, totals in self._totals.items():
            non_finite = (~torch.isfinite(_stack(totals))).nonzero()
            if len(non_finite):
                step = self._steps[int(non_finite[0])]
                raise NonFiniteError(
                    Text(
                        "The {player}'s loss is not finite at step {step}",
                        player=player,
                        step=str(step + 1),
                    ),
                    Text(
                        "lower the learning rate or raise r1 and r2 and train into a new folder"
                        if player in ("discriminator", "generator")
                        else "lower the learning rate and train into a new folder"
                    ),
                )

    def to_tensors(self, distributed: Distributed) -> dict[str, Tensor]:
        """Return the losses since the last row, with which `restore` continues to collect.

        Arguments:
            distributed: The processes over which losses are averaged; each must call this method.
        """
        tensors: dict[str, Tensor] = {}
        for player, totals in self._totals.items():
            for name, values in {TOTAL: totals, **self._terms[player]}.items():
                tensors[f"{PREFIX}{player}.{name}"] = _stack(values)
        return dict(zip(tensors, distributed.mean(list(tensors.values())), strict=True))

    def restore(
        self,
        tensors: Mapping[str, Tensor],
        players: Iterable[Player],
        step: int,
        device: torch.device,
    ) -> None:
        """Continue with the losses that `to_tensors` returned.

        Arguments:
            tensors: The tensors of a checkpoint. Those of earlier versions have no losses, and the
                next row is then the mean since the checkpoint.
            players: The players.
            step: Number of rounds so far.
            device: The device of the training.
        """
        for player in players:
            prefix = f"{PREFIX}{player.name}."
            stored = {
                k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)
            }
            if TOTAL not in stored:
                continue
            lists = {name: _unstack(tensor, device) for name, tensor in stored.items()}
            self._totals[player.name] = lists.pop(TOTAL)
            self._terms[player.name] = lists
            self._steps = list(range(step - len(self._totals[player.name]), step))

    def flush(
        self,
        distributed: Distributed,
        *,
        step: int,
        images: int,
        learning_rate: float,
        keep: bool = False,
    ) -> dict[str, Any]:
        """Return the log row of a step, and start to collect the losses of the next row.

        Arguments:
            distributed: The processes over which losses are averaged; each must call this method.
            step: Number of rounds so far.
            images: Number of images that each player has seen so far.
            learning_rate: The learning rate of the last round.
            keep: Whether to keep the losses for the next row. If a training is extended, the row
                of its former last step then does not shorten the next one.

        Returns:
            step, images, learning_rate, and for each player a dict of its mean loss (`total`), its
            mean terms and its measurements. A value that is not finite is None.

        Raises:
            NonFiniteError: The mean loss of a player is not finite.
        """
        names, means = [], []
        for player, totals in self._totals.items():
            names.append((player, TOTAL))
            means.append(_stack(totals).mean())
            for name, terms in self._terms[player].items():
                names.append((player, name))
                means.append(_stack(terms).mean())
        means = distributed.mean(means)
        row: dict[str, Any] = {"step": step, "images": images, "learning_rate": learning_rate}
        for (player, name), mean in zip(names, means, strict=True):
            row.setdefault(player, {})[name] = float(mean)
        for player, values in self._measurements.items():
            row[player] |= {name: float(value) for name, value in values.items()}
        for player in self._totals:
            row[player] = {k: v if math.isfinite(v) else None for k, v in row[player].items()}
        for player in self._totals:
            if row[player]["total"] is None:
                self.require_finite()
                raise NonFiniteError(
                    f"The {player}'s loss is not finite in another process, before step {step}",
                    "lower the learning rate and train into a new folder",
                )
        self._measurements = {}
        if not keep:
            self._steps, self._totals, self._terms = [], {}, {}
        return row


def _store(value: Tensor) -> StoredLoss:
    return value.item() if value.device.type == "cpu" else value.detach()


def _unstack(tensor: Tensor, device: torch.device) -> list[StoredLoss]:
    return tensor.tolist() if device.type == "cpu" else list(tensor.to(device).unbind())


def _stack(values: list[StoredLoss]) -> Tensor:
    numbers = [v for v in values if isinstance(v, float)]
    if numbers:
        return torch.tensor(numbers)
    return torch.stack([v for v in values if torch.is_tensor(v)])


def player_losses(row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the values of each player in a row of the log, by the players' names."""
    return {name: part for name, part in row.items() if isinstance(part, dict) and "total" in part}


class ProgressFile:
    """Writes step and elapsed time to progress.json for live monitoring.

    The rows of the log may be minutes apart.

    Arguments:
        run: The run.
        interval: Shortest time between two writes, in seconds of training.
    """

    def __init__(self, run: Run, interval: float = 1.0) -> None:
        self._run, self._interval, self._written = run, interval, -math.inf

    def update(self, step: int, seconds: float, *, force: bool = False) -> None:
        """Write the file if the interval has passed, or in any case with `force`.

        A failed write is ignored, because the next checkpoint will report a full disk.
        """
        if force or not 0 <= seconds - self._written < self._interval:
            self._written = seconds
            with contextlib.suppress(UserError):
                self._run.save_progress(step, seconds)


class Reporter:
    """Receives the progress of a training; the methods of this base class do nothing."""

    def describe_data(self, data: Data) -> None:
        """Report what is noted on the training data, before the training starts."""

    def start(self, run: Run, step: int) -> None:
        """Report that the training starts, or resumes at this step."""

    def update(self, step: int, row: dict[str, Any]) -> None:
        """Report that a row of the log was written."""

    def end(self, seconds: float) -> None:
        """Report that the training has ended after this many seconds."""
