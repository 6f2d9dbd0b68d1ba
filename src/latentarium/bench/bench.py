"""The interface of a bench: a published protocol, run over seeds.

A bench is registered by name, and `latentarium bench NAME` runs it:

```python
@la.register("bench", "brightness")
class Brightness(Bench):
    title = "Brightness of samples"
    protocol = "The mean pixel of 1,000 samples."
    presets = ("vae_mnist",)
    columns = (Column(key="mean", title="mean pixel"),)

    def measure(self, model, data, seed, progress):
        value = float(model.sample(1000, seed=seed).mean())
        return {"mean": Measurement(name="Mean pixel", value=value, n=1000, seed=seed)}
```
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from scipy.stats import t as student

from latentarium import presets
from latentarium.bench.published import Published
from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.presets.variants import vary
from latentarium.stats.measurement import Interval, Measurement

Changes = dict[str, dict[str, Any]]
"""New values of settings in the parts `model`, `optimizer` and `train` of a configuration."""
MeasuringProgress = Callable[[int, int], object]
"""Called with the number of parts measured so far and the total number of parts."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A quantity in the table of a bench."""

    key: str
    title: str
    unit: str = ""
    ideal: float | None = None
    """The value for samples of the true distribution, at this number of samples; None if
    unknown."""
    maximum: float = math.inf
    """The largest possible value. The smallest possible value of every column is 0."""

    def clip(self, interval: Interval) -> Interval:
        """Return an interval clipped to the possible values."""
        low, high = interval
        return max(0.0, low), min(1.0 if self.unit == "share" else self.maximum, high)


class Bench(ABC):
    """A published protocol: what is trained, how it is measured, and published results."""

    title: ClassVar[str]
    protocol: str
    """How the models are measured, in a few sentences. Stored measurements are reused only if this
    text has not changed."""
    presets: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[Column, ...]]
    published: ClassVar[tuple[Published, ...]] = ()
    caveat: ClassVar[str] = ""
    """How the published setups differ from this one."""
    full: ClassVar[Mapping[str, Changes]] = {}
    """Settings that differ from those of a preset with the budget "full", which takes hours but is
    closer to the published budgets. Empty if the bench has no such budget."""

    @abstractmethod
    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        """Measure a trained model.

        Arguments:
            model: The model.
            data: The data that it was trained on.
            seed: The seed of all random numbers.
            progress: Called after each part of a long measurement.

        Returns:
            The measurement for each column, by the column's key.
        """

    @property
    def budgets(self) -> tuple[str, ...]:
        """Names of the budgets that this bench supports."""
        return ("small", "full") if self.full else ("small",)

    def configure(self, preset: str, budget: str | None) -> Config:
        """Return the configuration of a preset.

        Arguments:
            preset: One of the bench's presets.
            budget: "small" or None for the preset itself, "full", or a number of training steps.

        Raises:
            UserError: There is no such budget (code "unknown-budget").
        """
        config = presets.get(preset)
        if budget in (None, "small"):
            return config
        if budget == "full" and self.full:
            return vary(config, preset, **self.full.get(preset, {}))
        if budget is not None and budget.isdecimal() and int(budget) > 0:
            return vary(config, preset, train={"steps": int(budget)})
        raise UserError(
            f"budget is '{budget}'; for this bench it must be {', '.join(self.budgets)} or a "
            "positive number of training steps.",
            code="unknown-budget",
        )


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The measurements of one preset, trained with several seeds."""

    name: str
    """The preset."""
    steps: int
    """Number of steps of each training run."""
    seeds: dict[int, dict[str, Measurement]]
    """The measurements by seed, then by column."""
    seconds: dict[int, float]
    """The duration of each training run in seconds, by seed."""

    def values(self, key: str) -> list[float]:
        """Return a column's value for each seed."""
        return [float(row[key].value) for row in self.seeds.values()]

    def mean(self, key: str) -> float:
        """Return a column's mean over seeds."""
        values = self.values(key)
        return sum(values) / len(values)

    def interval(self, key: str) -> Interval | None:
        """Return a 95 % interval of the mean over seeds by Student's t; None for one seed."""
        values, mean = self.values(key), self.mean(key)
        n = len(values)
        if n < 2:
            return None
        variance = sum((v - mean) ** 2 for v in values) / (n - 1)
        half = float(student.ppf(0.975, n - 1)) * math.sqrt(variance / n)
        return mean - half, mean + half

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; a number that isn't finite becomes null."""
        keys = next(iter(self.seeds.values()))
        return {
            "name": self.name,
            "steps": self.steps,
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
