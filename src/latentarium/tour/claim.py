"""What the tour finds, as data: claims with their conditions, systems, the whole report.

A verdict is never given, only computed: a claim holds where all of its conditions hold.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Real = float | int
Interval = tuple[Real, Real]

_RELATIONS: dict[str, Callable[[Real, Real], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number that never travels alone."""

    name: str
    value: Real
    unit: str = ""
    interval: Interval | None = None
    """95 %."""
    n: int | None = None
    extractor: str | None = None
    floor: Real | None = None
    """What real data against real data gives at the same n."""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON values: a number that is not finite is null."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "unit": self.unit,
            "interval": None if self.interval is None else [_finite(v) for v in self.interval],
            "n": self.n,
            "extractor": self.extractor,
            "floor": None if self.floor is None else _finite(self.floor),
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A number against a bar."""

    number: Number
    relation: str
    """One of >=, <=, >, <, ==."""
    bar: Real

    @property
    def holds(self) -> bool:
        """Whether the measured value itself meets the bar; a number that isn't finite doesn't."""
        value = self.number.value
        return math.isfinite(value) and _RELATIONS[self.relation](value, self.bar)

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.number.to_dict(),
            "relation": self.relation,
            "bar": self.bar,
            "holds": self.holds,
        }


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture with its words."""

    caption: str
    alt: str
    content: str | bytes
    """SVG text or PNG bytes."""
    wide: bool = False
    """Takes the whole width of the page."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement with its evidence."""

    id: str
    title: str
    statement: str
    conditions: tuple[Condition, ...]
    """The first one is the headline."""
    protocol: str
    """How it was measured, in a sentence or two."""
    seed: int
    explanation: str
    """What the reader sees, in plain words."""
    evidence: tuple[Number, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> str:
        """ "holds" where all conditions hold, else "fails"."""
        return "holds" if all(c.holds for c in self.conditions) else "fails"

    def headline(self) -> str:
        """The condition that decides, in one line: the first that fails, or else the first."""
        failing = [c for c in self.conditions if not c.holds]
        shown = (failing or list(self.conditions))[0]
        bar = quantity(shown.bar, shown.number.unit)
        return f"{say(shown.number)} (bar: {shown.relation} {bar})"

    def to_dict(self) -> dict[str, Any]:
        first = self.conditions[0].number
        return {
            "id": self.id,
            "title": self.title,
            "statement": self.statement,
            "verdict": self.verdict,
            "value": _finite(first.value),
            "unit": first.unit,
            "interval": first.to_dict()["interval"],
            "n": first.n,
            "extractor": first.extractor,
            "floor": first.to_dict()["floor"],
            "protocol": self.protocol,
            "seed": self.seed,
            "conditions": [c.to_dict() for c in self.conditions],
            "evidence": [number.to_dict() for number in self.evidence],
        }


@dataclass(frozen=True, kw_only=True)
class System:
    """One of the four, on its card."""

    id: str
    name: str
    sentence: str
    numbers: tuple[Number, ...]
    samples: Figure

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sentence": self.sentence,
            "numbers": [number.to_dict() for number in self.numbers],
        }


@dataclass(frozen=True, kw_only=True)
class TourReport:
    """All that the tour found."""

    claims: tuple[Claim, ...]
    systems: tuple[System, ...]
    seconds: float
    seed: int
    quick: bool
    versions: dict[str, str]
    machine: str
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds of each part of the work."""

    def to_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        return {
            "claims": [claim.to_dict() for claim in self.claims],
            "systems": {system.id: system.to_dict() for system in self.systems},
            "seconds": round(self.seconds, 1),
            "steps": {name: round(value, 1) for name, value in self.steps.items()},
            "seed": self.seed,
            "quick": self.quick,
            "versions": self.versions,
            "machine": self.machine,
        }


def digits(value: Real) -> str:
    """A number with as many digits as a reader needs."""
    if not math.isfinite(value):
        return "not finite"
    if value == round(value):
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 10 else f"{value:.3g}"


def quantity(value: Real, unit: str) -> str:
    """A value in its unit; a share is shown in percent."""
    if unit == "share":
        return f"{100 * value:.2f} %" if math.isfinite(value) else "not finite"
    return f"{digits(value)} {unit}".strip()


def say(number: Number) -> str:
    """A number with its interval in one line."""
    text = f"{number.name}: {quantity(number.value, number.unit)}"
    if number.interval is not None:
        low, high = number.interval
        text += f" [{quantity(low, number.unit)}, {quantity(high, number.unit)}]"
    return text


def _finite(value: Real) -> float | None:
    return float(value) if math.isfinite(value) else None
