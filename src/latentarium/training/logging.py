"""What a run says of itself while it trains."""

import contextlib
import math
from typing import Any

import torch
from torch import Tensor

from latentarium.config import Config
from latentarium.errors import NonFiniteError, UserError
from latentarium.models.game import Loss
from latentarium.run import Run
from latentarium.training.distributed import World

Kept = Tensor | float
"""A number on a GPU, or read: thousands of tiny tensors would leave the memory full of holes."""


def _kept(value: Tensor) -> Kept:
    return value.item() if value.device.type == "cpu" else value.detach()


def _together(values: list[Kept]) -> Tensor:
    numbers = [v for v in values if isinstance(v, float)]
    return (
        torch.tensor(numbers)
        if numbers
        else torch.stack([v for v in values if torch.is_tensor(v)])
    )


class Record:
    """Losses between two rows of the log, read from a GPU only when a row is due."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._totals: dict[str, list[Kept]] = {}
        self._terms: dict[str, dict[str, list[Kept]]] = {}
        self._last: dict[str, dict[str, Tensor]] = {}

    def add(self, player: str, step: int, loss: Loss) -> None:
        """Notes the loss of one move."""
        if not self._steps or self._steps[-1] != step:
            self._steps.append(step)
        self._totals.setdefault(player, []).append(_kept(loss.total))
        terms = self._terms.setdefault(player, {})
        for name, value in loss.terms.items():
            terms.setdefault(name, []).append(_kept(value))

    def note(self, player: str, values: dict[str, Tensor]) -> None:
        """Notes what is measured at the row's own step only, such as the last move's gradient."""
        self._last.setdefault(player, {}).update(values)

    def check(self) -> None:
        """Stops at the first loss that is not finite.

        Raises:
            NonFiniteError: It names the player and the step.
        """
        for player, totals in self._totals.items():
            bad = (~torch.isfinite(_together(totals))).nonzero()
            if len(bad):
                step = self._steps[int(bad[0])]
                raise NonFiniteError(
                    f"The {player}'s loss is not finite at step {step + 1}",
                    "lower the learning rate"
                    + (" or raise r1 and r2" if player in ("discriminator", "generator") else "")
                    + " and train into a new folder",
                )

    def flush(self, world: World, step: int, images: int, rate: float) -> dict[str, Any]:
        """The row of this step: means since the last one, over all processes; then starts
        anew."""
        names, means = [], []
        for player, totals in self._totals.items():
            names.append((player, "total"))
            means.append(_together(totals).mean())
            for name, terms in self._terms[player].items():
                names.append((player, name))
                means.append(_together(terms).mean())
        means = world.mean(means)
        row: dict[str, Any] = {"step": step, "images": images, "learning_rate": rate}
        for (player, name), mean in zip(names, means, strict=True):
            row.setdefault(player, {})[name] = float(mean)
        for player, values in self._last.items():
            row[player] |= {name: float(value) for name, value in values.items()}
        for player in self._totals:
            row[player] = {k: v if math.isfinite(v) else None for k, v in row[player].items()}
        for player in self._totals:
            if row[player]["total"] is None:
                self.check()
                raise NonFiniteError(
                    f"The {player}'s loss is not finite before step {step} in another process",
                    "lower the learning rate and train into a new folder",
                )
        self._steps, self._totals, self._terms, self._last = [], {}, {}, {}
        return row


def losses_of(row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Of a row of the log, what it says of each player, by their names."""
    return {name: part for name, part in row.items() if isinstance(part, dict) and "total" in part}


class Heartbeat:
    """Says in the run's folder how far training is, at most once a second: the first row of the
    log may be minutes away."""

    EVERY = 1.0

    def __init__(self, run: Run) -> None:
        self._run, self._last = run, -math.inf

    def beat(self, step: int, seconds: float, *, now: bool = False) -> None:
        """After a step; `now` even if it was said just before. A disk that is full is for
        checkpoints to tell."""
        if now or not 0 <= seconds - self._last < self.EVERY:
            self._last = seconds
            with contextlib.suppress(UserError):
                self._run.save_progress(step, seconds)


class Reporter:
    """Where progress goes; this one is silent, the command line has one that speaks."""

    def start(self, config: Config, step: int) -> None:
        """Training begins or resumes at this step."""

    def update(self, step: int, row: dict[str, Any]) -> None:
        """A row was logged."""

    def end(self, seconds: float) -> None:
        """Training ended."""
