"""What an evaluation found, as data: measurements by name, with what they were measured on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latentarium.errors import UserError
from latentarium.metrics.measurement import Measurement, quantity, unlike

FORMAT = 1
TITLES = ["measure", "value", "95 % interval", "floor", "n", "seed", "extractor", "protocol"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The measurements of one model."""

    model: str
    """What kind of model it is, in words."""
    data: str
    """Source of the real images."""
    fingerprint: str
    """sha256 of the real images and labels."""
    seed: int
    measurements: dict[str, Measurement]
    """By a key that is the same for every model."""
    tables: dict[str, Any] = field(default_factory=dict)
    """What is more than a number: a confusion table, a bound at several k."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each part of the work."""

    def __getitem__(self, key: str) -> Measurement:
        return self.measurements[key]

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json, less what the run folder adds."""
        return {
            "format": FORMAT,
            "model": self.model,
            "data": self.data,
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "measurements": {key: m.to_dict() for key, m in self.measurements.items()},
            "tables": self.tables,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Report":
        """What `to_dict` gave.

        Raises:
            UserError: It is of another format, or damaged.
        """
        again = "evaluate the run again"
        if values.get("format") != FORMAT:
            raise UserError(f"metrics.json has format {values.get('format')!r}: {again}.")
        try:
            measurements = {k: Measurement.from_dict(v) for k, v in values["measurements"].items()}
            kept = ("model", "data", "fingerprint", "seed", "tables", "seconds")
            return cls(measurements=measurements, **{key: values[key] for key in kept})
        except (KeyError, AttributeError, TypeError) as error:
            raise UserError(f"metrics.json is damaged ({error}): {again}.") from None

    def rows(self) -> list[list[str]]:
        """The table's cells, one row for each measurement, under `TITLES`."""
        return [_row(m) for m in self.measurements.values()]

    def notes(self) -> list[str]:
        """What must be read with the table, each sentence once."""
        return list(dict.fromkeys(m.note for m in self.measurements.values() if m.note))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several models' measurements side by side."""

    titles: list[str]
    rows: list[list[str]]
    notes: list[str]


def compare(reports: Mapping[str, Report]) -> Comparison:
    """A table with one column for each model; a model's cell is empty where it has no such number.

    Raises:
        UserError: Fewer than two reports, or two numbers that were measured in unlike ways.
    """
    if len(reports) < 2:
        raise UserError("A comparison needs two runs: give at least two folders.")
    names = list(reports)
    for name in names[1:]:
        _require_alike(names[0], reports[names[0]], name, reports[name])
    keys = list(dict.fromkeys(k for report in reports.values() for k in report.measurements))
    cells = []
    for key in keys:
        found = {n: r.measurements[key] for n, r in reports.items() if key in r.measurements}
        # every pair, since a key may be missing in the first
        holders = list(found)
        for one in holders[1:]:
            difference = unlike(found[holders[0]], found[one])
            if difference:
                raise UserError(
                    f"{holders[0]} and {one} can't be compared: '{found[one].name}' was measured "
                    f"with {difference}. Evaluate both in the same way."
                )
        some = found[holders[0]]
        shown = [_short(found[n]) if n in found else "" for n in names]
        floor = "" if some.floor is None else quantity(some.floor, some.unit)
        n = "" if some.n is None else f"{some.n:,}"
        extractor = (some.extractor or "").split(" ")[0]
        cells.append([some.name, *shown, floor, n, some.split, extractor, some.protocol])
    extractors = {m.extractor for r in reports.values() for m in r.measurements.values()}
    notes = [
        "Brackets: 95 % over the n samples. Floor: real data against real data.",
        f"Extractors: {', '.join(sorted(e for e in extractors if e))}.",
    ]
    titles = ["measure", *names, "floor", "n", "split", "extractor", "protocol"]
    return Comparison(titles=titles, rows=cells, notes=notes)


def _require_alike(one: str, a: Report, other: str, b: Report) -> None:
    if a.fingerprint != b.fingerprint:
        raise UserError(
            f"{one} and {other} can't be compared: one was measured beside {a.data} "
            f"({a.fingerprint[:12]}), the other beside {b.data} ({b.fingerprint[:12]}). Evaluate "
            "both with the same --data."
        )


def _row(m: Measurement) -> list[str]:
    return [
        m.name + (f" ({m.detail})" if m.detail else ""),
        quantity(m.value, m.unit),
        _interval(m),
        "" if m.floor is None else quantity(m.floor, m.unit),
        "" if m.n is None else f"{m.n:,}",
        "" if m.seed is None else str(m.seed),
        m.extractor or "",
        " ".join(filter(None, (m.protocol, m.split))),
    ]


def _short(m: Measurement) -> str:
    interval = _interval(m)
    detail = f"({m.detail})" if m.detail else ""
    return " ".join(filter(None, (quantity(m.value, m.unit), interval, detail)))


def _interval(m: Measurement) -> str:
    if m.interval is None:
        return ""
    parts = [quantity(v, m.unit if m.unit == "share" else "") for v in m.interval]
    return f"[{', '.join(parts)}]" if all(map(math.isfinite, m.interval)) else ""
