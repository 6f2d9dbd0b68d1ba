"""What the tour finds, as data: claims with their conditions, systems, the whole report.

A verdict is never given, only computed: a claim holds where all of its conditions hold.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from latentarium.stats.measurement import Measurement, Real, format_measurement, format_quantity

_RELATIONS: dict[str, Callable[[Real, Real], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A number against a bar."""

    number: Measurement
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
    evidence: tuple[Measurement, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> str:
        """ "holds" where all conditions hold, else "fails"."""
        return "holds" if all(c.holds for c in self.conditions) else "fails"

    def headline(self) -> str:
        """The condition that decides, in one line: the first that fails, or else the first."""
        failing = [c for c in self.conditions if not c.holds]
        shown = (failing or list(self.conditions))[0]
        bar = format_quantity(shown.bar, shown.number.unit)
        return f"{format_measurement(shown.number)} (bar: {shown.relation} {bar})"

    def to_dict(self) -> dict[str, Any]:
        first = self.conditions[0].number
        return {
            "id": self.id,
            "title": self.title,
            "statement": self.statement,
            "verdict": self.verdict,
            "value": first.to_dict()["value"],
            "unit": first.unit,
            "interval": first.to_dict()["interval"],
            "n": first.n,
            "extractor": first.extractor,
            "reference": first.to_dict()["reference"],
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
    numbers: tuple[Measurement, ...]
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
