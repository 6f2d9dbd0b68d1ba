"""Measurements: numbers with the information needed to interpret, compare and format them.

A `Measurement` contains its unit, interval, reference, n, extractor with hash, split and seed. Its
`protocol` is the name of the measuring procedure. Two measurements can be compared only if
`mismatch` finds no difference in how they were made.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from latentarium.config import read_fields
from latentarium.errors import UserError

Real = float | int
Interval = tuple[Real, Real]
_End = float | None

COMPARED_FIELDS = ("unit", "protocol", "n", "split", "extractor")
"""Fields in which two measurements must agree to be comparable. The seed may differ, since it does
not change the quantity that is measured."""


BETTER = ("", "higher", "lower", "reference", "neither")
"""Which values of a measurement are better: higher, lower, or nearer to the reference. "neither":
the measurement describes a model and doesn't judge it; "": unknown."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with the information needed to interpret and compare it."""

    name: str
    value: Real
    unit: str = ""
    interval: Interval | None = None
    """95 % interval. It accounts for the choice of the n samples only, not for the variation
    between training runs or extractors. A one-sided interval has an infinite end: if the value is
    a lower bound of the quantity, the interval is (low, infinity)."""
    conservative: bool = False
    """Whether the interval contains the true value more often than in 95 of 100 cases."""
    reference: Real | None = None
    """The value of the same measurement for real data instead of samples, at the same n; None if
    unknown."""
    better: str = ""
    """Which values are better: one of `BETTER`."""
    n: int | None = None
    """Number of samples that the value was computed from."""
    seed: int | None = None
    """Seed of the random numbers; None if none were used."""
    extractor: str | None = None
    """Name and hash of the feature extractor; None if none was used."""
    split: str = ""
    """Split of the real images that the model was compared with."""
    protocol: str = ""
    """Name of the measuring protocol."""
    detail: str = ""
    """Which part of the model the value belongs to, for instance a class or a pair of classes."""
    note: str = ""
    """A sentence that must be read together with the value."""

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON values; a number that is not finite becomes null."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "unit": self.unit,
            "interval": None if self.interval is None else [_finite(v) for v in self.interval],
            "conservative": self.conservative,
            "reference": None if self.reference is None else _finite(self.reference),
            "better": self.better,
            "n": self.n,
            "seed": self.seed,
            "extractor": self.extractor,
            "split": self.split,
            "protocol": self.protocol,
            "detail": self.detail,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, values: object) -> "Measurement":
        """Create a measurement from the result of `to_dict`; null becomes nan, and at an end of an
        interval, infinity. Names from earlier versions are translated: the key "floor", and
        extractors called "judge-...".

        Raises:
            UserError: A key is unknown or missing, or a numeric field does not contain a number
                ("damaged-measurement").
        """
        try:
            fields = read_fields(
                cls,
                _translate_old_names(values),
                "measurement",
                hints={"value": float | None, "interval": tuple[_End, _End] | None},
            )
        except (UserError, TypeError, ValueError) as error:
            raise UserError(
                f"A measurement is incomplete or damaged: {error} Evaluate the run again.",
                code="damaged-measurement",
            ) from None
        if fields.get("better", "") not in BETTER:
            raise UserError(
                f"better is {fields['better']!r}; it must be one of "
                f"{', '.join(map(repr, BETTER))}. Evaluate the run again.",
                code="damaged-measurement",
            )
        fields["value"] = math.nan if fields["value"] is None else fields["value"]
        if fields.get("interval") is not None:
            low, high = fields["interval"]
            fields["interval"] = (
                -math.inf if low is None else low,
                math.inf if high is None else high,
            )
        return cls(**fields)


def mismatch(a: Measurement, b: Measurement) -> str:
    """Return the first difference in how two measurements were made, for instance
    "n 1,000 against 500"; empty if they are comparable."""
    for field in COMPARED_FIELDS:
        value, other = getattr(a, field), getattr(b, field)
        if value != other:
            return f"{field} {_format_field(value)} against {_format_field(other)}"
    return ""


def format_number(value: Real) -> str:
    """Format a number with about three significant digits, integers in full."""
    if not math.isfinite(value):
        return "not finite"
    if value == round(value):
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 10 else f"{value:.3g}"


def format_quantity(value: Real, unit: str) -> str:
    """Format a value with its unit; the unit "share" is shown in percent."""
    if unit == "share":
        return f"{100 * value:.2f} %" if math.isfinite(value) else "not finite"
    return f"{format_number(value)} {unit}".strip()


def format_measurement(measurement: Measurement) -> str:
    """Format name, value and interval in one line."""
    unit = measurement.unit
    text = f"{measurement.name}: {format_quantity(measurement.value, unit)}"
    if measurement.interval is not None:
        low, high = measurement.interval
        if is_one_sided(measurement.interval):
            text += f" (at least {format_quantity(low, unit)}, 95 %)"
        else:
            text += f" [{format_quantity(low, unit)}, {format_quantity(high, unit)}]"
    return text


def is_one_sided(interval: Interval) -> bool:
    """Return whether an interval has a finite lower end and no upper one."""
    return math.isfinite(interval[0]) and interval[1] == math.inf


def _translate_old_names(values: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a copy in which the names of versions up to 0.1 are replaced by the current names."""
    fields = dict(values)
    if "floor" in fields and "reference" not in fields:
        fields["reference"] = fields.pop("floor")
    if isinstance(fields.get("extractor"), str):
        fields["extractor"] = re.sub(r"^(new-)?judge\b", r"\1classifier", fields["extractor"])
    return fields


def _format_field(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return str(value) if value else "none"


def _finite(value: Real) -> float | None:
    return float(value) if math.isfinite(value) else None
