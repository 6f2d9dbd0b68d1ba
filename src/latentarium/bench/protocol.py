"""What a bench is: a named protocol, its columns, the presets that run it, and published rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student

from latentarium.bench.published import Published
from latentarium.data.dataset import Data
from latentarium.errors import UserError, did_you_mean
from latentarium.metrics.measurement import Interval, Measurement
from latentarium.models.base import LatentModel


@dataclass(frozen=True, kw_only=True)
class Column:
    """A quantity of the table."""

    key: str
    title: str
    unit: str = ""
    ideal: float | None = None
    """What perfect sampling gets at this n, where that is known: the floor, or the ceiling."""
    most: float = math.inf
    """What the quantity can't exceed; none is below 0."""

    def within(self, interval: Interval) -> Interval:
        """An interval cut to what is possible."""
        low, high = interval
        return max(0.0, low), min(1.0 if self.unit == "share" else self.most, high)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a bench measures, and with what it may be compared."""

    name: str
    title: str
    words: str
    """The protocol in a few sentences."""
    presets: tuple[str, ...]
    columns: tuple[Column, ...]
    measure: Callable[[LatentModel, Data, int], dict[str, Measurement]]
    """From a trained model, the data and the seed to a measurement for each column."""
    published: tuple[Published, ...]
    caveat: str
    """In what the published setups differ from this one."""
    budgets: dict[str, dict[str, int]]
    """Steps of each preset by the budget's name; the first one is the default."""

    def steps(self, preset: str, budget: str | None) -> int:
        """The steps of training: a budget's name, or a number.

        Raises:
            UserError: There is no such budget.
        """
        name = next(iter(self.budgets)) if budget is None else budget
        if name in self.budgets:
            return self.budgets[name][preset]
        if name.isdigit() and int(name) > 0:
            return int(name)
        raise UserError(
            f"{self.name} has no budget '{name}': give one of {', '.join(self.budgets)}, or a "
            "number of steps."
        )


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One of our rows: a measurement for each seed, and what they say together."""

    name: str
    steps: int
    seeds: dict[int, dict[str, Measurement]]
    """By seed, then by column."""
    seconds: dict[int, float]
    """Of training, by seed."""

    def values(self, key: str) -> list[float]:
        """The column's value for each seed."""
        return [float(row[key].value) for row in self.seeds.values()]

    def mean(self, key: str) -> float:
        """Over the seeds."""
        values = self.values(key)
        return sum(values) / len(values)

    def interval(self, key: str) -> Interval | None:
        """95 % for the mean over seeds, by Student's t; None for a single seed, which says
        nothing of the spread."""
        values, mean = self.values(key), self.mean(key)
        n = len(values)
        if n < 2:
            return None
        variance = sum((v - mean) ** 2 for v in values) / (n - 1)
        half = float(student.ppf(0.975, n - 1)) * math.sqrt(variance / n)
        return mean - half, mean + half

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        keys = next(iter(self.seeds.values()))
        return {
            "name": self.name,
            "steps": self.steps,
            "mean": {k: self.mean(k) for k in keys},
            "interval": {k: self.interval(k) for k in keys},
            "seeds": {
                str(seed): {k: m.to_dict() for k, m in row.items()}
                for seed, row in self.seeds.items()
            },
            "training_seconds": {str(seed): round(s, 1) for seed, s in self.seconds.items()},
        }


def known(name: str, protocols: dict[str, Protocol]) -> Protocol:
    """The protocol of this name.

    Raises:
        UserError: There is none.
    """
    if name not in protocols:
        raise UserError(f"There is no bench '{name}'.{did_you_mean(name, protocols)}")
    return protocols[name]
