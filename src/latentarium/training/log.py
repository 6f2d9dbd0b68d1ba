"""What a run says of itself while it trains."""

import math
from typing import Any

import torch
from torch import Tensor

from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.models.game import Loss
from latentarium.training.world import World


class Record:
    """Losses between two rows of the log, read from the device only when a row is due."""

    def __init__(self) -> None:
        self._totals: dict[str, list[tuple[int, Tensor]]] = {}
        self._terms: dict[str, dict[str, list[Tensor]]] = {}
        self._last: dict[str, dict[str, Tensor]] = {}

    def add(self, player: str, step: int, loss: Loss) -> None:
        """Notes the loss of one move."""
        self._totals.setdefault(player, []).append((step, loss.total.detach()))
        terms = self._terms.setdefault(player, {})
        for name, value in loss.terms.items():
            terms.setdefault(name, []).append(value)

    def note(self, player: str, values: dict[str, Tensor]) -> None:
        """Notes what is measured at the row's own step only, such as the last move's gradient."""
        self._last.setdefault(player, {}).update(values)

    def check(self) -> None:
        """Stops at the first loss that is not finite.

        Raises:
            UserError: It names the player and the step.
        """
        for player, totals in self._totals.items():
            values = torch.stack([total for _, total in totals])
            bad = (~torch.isfinite(values)).nonzero()
            if len(bad):
                step = totals[int(bad[0])][0]
                raise UserError(
                    f"The {player}'s loss is not finite at step {step + 1}. The last checkpoint "
                    "is intact; lower the learning rate"
                    + (" or raise r1 and r2" if player in ("discriminator", "generator") else "")
                    + " and train into a new folder."
                )

    def flush(self, world: World, step: int, images: int, rate: float) -> dict[str, Any]:
        """The row of this step: means since the last one, over all processes; then starts
        anew."""
        names, means = [], []
        for player, totals in self._totals.items():
            names.append((player, "total"))
            means.append(torch.stack([total for _, total in totals]).mean())
            for name, terms in self._terms[player].items():
                names.append((player, name))
                means.append(torch.stack(terms).mean())
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
                raise UserError(
                    f"The {player}'s loss is not finite before step {step} in another process; "
                    "the last checkpoint is intact."
                )
        self._totals, self._terms, self._last = {}, {}, {}
        return row


class Reporter:
    """Where progress goes; this one is silent, the command line has one that speaks."""

    def start(self, config: Config, step: int) -> None:
        """Training begins or resumes at this step."""

    def update(self, step: int, row: dict[str, Any]) -> None:
        """A row was logged."""

    def end(self, seconds: float) -> None:
        """Training ended."""
