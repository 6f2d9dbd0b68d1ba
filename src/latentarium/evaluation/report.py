"""What an evaluation found, as data: measurements by name, with what they were measured on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latentarium.errors import UserError
from latentarium.stats.measurement import Measurement, format_quantity, mismatch

FORMAT = 2
NONE = "–"
"""In a table: this measure has no such thing."""
TITLES = ["measure", "value", "95 % interval", "reference", "n", "seed", "extractor", "protocol"]


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
    left_out: dict[str, str] = field(default_factory=dict)
    """What could not be measured, and why."""
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
            "left_out": self.left_out,
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
            kept = ("model", "data", "fingerprint", "seed", "tables", "left_out", "seconds")
            return cls(measurements=measurements, **{key: values[key] for key in kept})
        except (KeyError, AttributeError, TypeError) as error:
            raise UserError(f"metrics.json is damaged ({error}): {again}.") from None

    def rows(self) -> list[list[str]]:
        """The table's cells, one row for each measurement, under `TITLES`."""
        return [_row(m) for m in self.measurements.values()]

    def notes(self) -> list[str]:
        """What must be read with the table, each sentence once."""
        said = dict.fromkeys(m.note for m in self.measurements.values() if m.note)
        return [*said, *(f"Not measured: {name} ({why})" for name, why in self.left_out.items())]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several models' measurements side by side."""

    titles: list[str]
    rows: list[list[str]]
    """Values, one column for each model."""
    how_titles: list[str]
    how: list[list[str]]
    """In what way each was measured."""
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
    rows, how = [], []
    for key in keys:
        found = {n: r.measurements[key] for n, r in reports.items() if key in r.measurements}
        # every pair, since a key may be missing in the first
        holders = list(found)
        for one in holders[1:]:
            difference = mismatch(found[holders[0]], found[one])
            if difference:
                raise UserError(
                    f"{holders[0]} and {one} can't be compared: '{found[one].name}' was measured "
                    f"with {difference}. Evaluate both in the same way."
                )
        some = found[holders[0]]
        floors = {n: floor_text(m) for n, m in found.items()}
        shared = len(set(floors.values())) == 1  # some floors are the model's own
        shown = [
            "" if n not in found else _short(found[n]) + ("" if shared else f", floor {floors[n]}")
            for n in names
        ]
        rows.append([some.name, *shown, floors[holders[0]] if shared else "each its own"])
        seeds = dict.fromkeys(NONE if m.seed is None else str(m.seed) for m in found.values())
        n = NONE if some.n is None else f"{some.n:,}"
        way = [n, ", ".join(seeds), some.split, some.extractor or NONE, some.protocol]
        how.append([some.name, *way])
    return Comparison(
        titles=["measure", *names, "reference"],
        rows=rows,
        how_titles=["measured with", "n", "seed", "split", "extractor", "protocol"],
        how=how,
        notes=[
            "Brackets: 95 % over the n samples. Floor: what real data score, where that is known.",
            *dict.fromkeys(note for report in reports.values() for note in report.notes()),
        ],
    )


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
        format_quantity(m.value, m.unit),
        interval_text(m) or NONE,
        floor_text(m),
        NONE if m.n is None else f"{m.n:,}",
        NONE if m.seed is None else str(m.seed),
        m.extractor or NONE,
        " ".join(filter(None, (m.protocol, m.split))),
    ]


def floor_text(m: Measurement) -> str:
    return NONE if m.reference is None else format_quantity(m.reference, m.unit)


def _short(m: Measurement) -> str:
    interval = interval_text(m)
    detail = f"({m.detail})" if m.detail else ""
    return " ".join(filter(None, (format_quantity(m.value, m.unit), interval, detail)))


def interval_text(m: Measurement) -> str:
    if m.interval is None:
        return ""
    parts = [
        format_quantity(v, m.unit if m.unit == "share" else "").removesuffix(" %")
        for v in m.interval
    ]
    return f"[{', '.join(parts)}]" if all(map(math.isfinite, m.interval)) else ""
