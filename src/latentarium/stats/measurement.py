"""A number that never travels alone, and how it is said.

A `Measurement` carries what it needs to be understood: unit, interval, floor, n, the extractor
with its hash, the split, the seed. Its `protocol` names the way of measuring, and two
measurements may stand side by side only where `unlike` finds no difference.
"""

import math
from dataclasses import dataclass
from typing import Any

from latentarium.errors import UserError

Real = float | int
Interval = tuple[Real, Real]

COMPARED = ("unit", "protocol", "n", "split", "extractor")
"""What must agree before two numbers compare. The seed may differ: it is what they scatter by."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number and all that it needs to be understood and compared."""

    name: str
    value: Real
    unit: str = ""
    interval: Interval | None = None
    """95 %, over the n samples alone: not over other trainings or extractors."""
    floor: Real | None = None
    """What real data against real data gives at the same n: the best that can be meant."""
    n: int | None = None
    """Samples that the value was computed from."""
    seed: int | None = None
    """Of all that was drawn; None where nothing was."""
    extractor: str | None = None
    """Name and hash of what turned images into features, where something did."""
    split: str = ""
    """The real images beside which it was measured."""
    protocol: str = ""
    """Names the way of measuring."""
    detail: str = ""
    """What the value is of in this model: a class, a pair of them."""
    note: str = ""
    """A sentence that must be read with it."""

    def to_dict(self) -> dict[str, Any]:
        """As strict JSON values: a number that is not finite is null."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "unit": self.unit,
            "interval": None if self.interval is None else [_finite(v) for v in self.interval],
            "floor": None if self.floor is None else _finite(self.floor),
            "n": self.n,
            "seed": self.seed,
            "extractor": self.extractor,
            "split": self.split,
            "protocol": self.protocol,
            "detail": self.detail,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Measurement":
        """What `to_dict` gave; null is nan again.

        Raises:
            UserError: A key is unknown or missing.
        """
        given = dict(values)
        try:
            given["value"] = math.nan if given["value"] is None else given["value"]
            if given["interval"] is not None:
                given["interval"] = tuple(math.nan if v is None else v for v in given["interval"])
            numbers = [given["value"], *(given["interval"] or ()), given["floor"]]
            if not all(v is None or isinstance(v, int | float) for v in numbers):
                raise TypeError("a number is none")
            return cls(**given)
        except (KeyError, TypeError) as error:
            raise UserError(
                f"A measurement is incomplete or damaged ({error}): evaluate the run again."
            ) from None


def unlike(a: Measurement, b: Measurement) -> str:
    """Says in what two measurements were made differently; empty where they compare."""
    for field in COMPARED:
        one, other = getattr(a, field), getattr(b, field)
        if one != other:
            return f"{field} {_said(one)} against {_said(other)}"
    return ""


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


def say(number: Measurement) -> str:
    """A number with its interval in one line."""
    text = f"{number.name}: {quantity(number.value, number.unit)}"
    if number.interval is not None:
        low, high = number.interval
        text += f" [{quantity(low, number.unit)}, {quantity(high, number.unit)}]"
    return text


def _said(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return str(value) if value else "none"


def _finite(value: Real) -> float | None:
    return float(value) if math.isfinite(value) else None
