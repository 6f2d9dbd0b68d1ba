"""What a bench is: a named protocol, its columns, the presets that run it, and published rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import t as student

from latentarium import presets
from latentarium.bench.published import Published
from latentarium.data.dataset import Data
from latentarium.errors import UserError, did_you_mean
from latentarium.models.base import LatentModel
from latentarium.stats.measurement import Interval, Measurement

Watch = Callable[[int, int], object]
"""Told how much of how much is measured."""


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
    measure: Callable[[LatentModel, Data, int, Watch], dict[str, Measurement]]
    """From a trained model, the data and the seed to a measurement for each column."""
    published: tuple[Published, ...]
    caveat: str
    """In what the published setups differ from this one."""
    full: dict[str, int] = field(default_factory=dict)
    """Steps of each preset by the budget `full`, which is nearer to the published ones and takes
    hours; empty where the presets' own steps are all there is."""

    def steps(self, preset: str, budget: str | None) -> int:
        """The steps of training.

        Arguments:
            preset: One of the protocol's.
            budget: `small` or None: the preset's own steps; `full`; or a number of steps.

        Raises:
            UserError: There is no such budget.
        """
        if budget in (None, "small"):
            return presets.get(preset).train.steps
        if budget == "full" and self.full:
            return self.full[preset]
        if budget is not None and budget.isdecimal() and int(budget) > 0:
            return int(budget)
        raise UserError(
            f"{self.name} has no budget '{budget}': give {' or '.join(self.budgets)}, or a number "
            "of steps."
        )

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budgets that have a name."""
        return ("small", "full") if self.full else ("small",)


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
            # not a number where no sample was fit to be judged: null
            "mean": {k: _finite(self.mean(k)) for k in keys},
            "interval": {
                k: None if (ends := self.interval(k)) is None else [_finite(v) for v in ends]
                for k in keys
            },
            "seeds": {
                str(seed): {k: m.to_dict() for k, m in row.items()}
                for seed, row in self.seeds.items()
            },
            "training_seconds": {str(seed): round(s, 1) for seed, s in self.seconds.items()},
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def known(name: str, protocols: dict[str, Protocol]) -> Protocol:
    """The protocol of this name.

    Raises:
        UserError: There is none.
    """
    if name not in protocols:
        raise UserError(f"There is no bench '{name}'.{did_you_mean(name, protocols)}")
    return protocols[name]
