"""The results of the tour as data: conditions, claims, systems and the whole report.

Verdicts are computed from the numbers: a claim holds if all its conditions hold.
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
    """A number and the threshold that it must meet."""

    number: Measurement
    relation: str
    """One of >=, <=, >, <, ==."""
    threshold: Real
    decides: bool = True
    """Whether the verdict on the claim depends on this condition."""

    @property
    def better(self) -> str:
        """Which values are better, by the number or, if it has no direction, by the relation."""
        directions = {">=": "higher", ">": "higher", "<=": "lower", "<": "lower"}
        return self.number.better or directions.get(self.relation, "neither")

    @property
    def holds(self) -> bool:
        """Whether the measured value meets the threshold; a value that isn't finite doesn't."""
        value = self.number.value
        return math.isfinite(value) and _RELATIONS[self.relation](value, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return the condition as JSON values."""
        return {
            **self.number.to_dict(),
            "better": self.better,
            "relation": self.relation,
            "threshold": self.threshold,
            "holds": self.holds,
            "decides": self.decides,
        }


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An image or a chart with its caption."""

    caption: str
    alt: str
    content: str | bytes
    """SVG text or PNG bytes."""
    wide: bool = False
    """Whether the figure takes the whole width of the page."""


@dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """A claim with its measured conditions and further evidence."""

    id: str = ""
    """The name under which the claim is registered; set by `run_tour`."""
    title: str
    statement: str
    conditions: tuple[Condition, ...]
    """The first condition is the headline."""
    protocol: str
    """How the numbers were measured."""
    explanation: str
    """What the numbers mean, in plain words."""
    evidence: tuple[Measurement, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> str:
        """ "holds" if all conditions that decide hold, else "fails"."""
        return "fails" if any(c.decides and not c.holds for c in self.conditions) else "holds"

    def headline(self) -> str:
        """Return the deciding condition in one line: the first condition that fails, or the first
        condition if none fails."""
        failing = [c for c in self.conditions if c.decides and not c.holds]
        condition = (failing or list(self.conditions))[0]
        threshold = format_quantity(condition.threshold, condition.number.unit)
        return (
            f"{format_measurement(condition.number)} (required: {condition.relation} {threshold})"
        )

    def to_dict(self, seed: int) -> dict[str, Any]:
        """Return the claim as JSON values.

        Arguments:
            seed: The seed of the tour.
        """
        headline = self.conditions[0].number.to_dict()
        return {
            "id": self.id,
            "title": self.title,
            "statement": self.statement,
            "verdict": self.verdict,
            "value": headline["value"],
            "unit": headline["unit"],
            "interval": headline["interval"],
            "n": headline["n"],
            "extractor": headline["extractor"],
            "reference": headline["reference"],
            "better": self.conditions[0].better,
            "protocol": self.protocol,
            "seed": seed,
            "conditions": [condition.to_dict() for condition in self.conditions],
            "evidence": [number.to_dict() for number in self.evidence],
        }


@dataclass(frozen=True, kw_only=True)
class SystemSummary:
    """One of the four systems, as the report introduces it."""

    id: str
    name: str
    description: str
    numbers: tuple[Measurement, ...]
    samples: Figure
    page: str | None = None
    """The file of the page that decodes in the browser, next to the report; None without one."""

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values, without the figure."""
        return {
            "name": self.name,
            "description": self.description,
            "page": self.page,
            "numbers": [number.to_dict() for number in self.numbers],
        }


@dataclass(frozen=True, kw_only=True)
class TourReport:
    """Everything that a tour measured."""

    claims: tuple[ClaimResult, ...]
    systems: tuple[SystemSummary, ...]
    seconds: float
    """The duration, including the training of earlier sessions of an interrupted tour."""
    seed: int
    quick: bool
    versions: dict[str, str]
    machine: str
    part_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds that each training took, and all measurements together. The tour takes less than
    their sum, since several run at the same time."""

    def to_dict(self) -> dict[str, Any]:
        """Return the content of report.json."""
        return {
            "claims": [claim.to_dict(self.seed) for claim in self.claims],
            "systems": {system.id: system.to_dict() for system in self.systems},
            "seconds": round(self.seconds, 1),
            "part_seconds": {name: round(value, 1) for name, value in self.part_seconds.items()},
            "seed": self.seed,
            "quick": self.quick,
            "versions": self.versions,
            "machine": self.machine,
        }


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """How far a training is.

    Arguments:
        id: The name of the run's folder.
        name: The name in the report.
        description: One or two sentences about the system; may be empty.
        step: The number of finished steps.
        steps: The number of all steps.
        seconds_left: The estimated remaining time in seconds; None if it is unknown.
        samples: The newest samples, if there are any.
    """

    id: str
    name: str
    description: str
    step: int
    steps: int
    seconds_left: float | None
    samples: Figure | None
