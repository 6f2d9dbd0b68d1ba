"""Arrange the measurements of several models in a table.

Measurements of different protocols are marked and never ranked. Among comparable measurements, the
best one is marked only if its interval overlaps no other interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from latentarium.errors import UserError
from latentarium.evaluation.interpretation import direction_of
from latentarium.evaluation.report import Report, compare, interval_text, reference_text
from latentarium.stats.measurement import Measurement, format_quantity, mismatch

NOT_RANKED = ("prior_distance", "round_trip", "game")
"""Keys of measurements, or their leading parts, that depend on the scale of the latent or of the
loss. Measurements that are best at their reference are not ranked either."""
BETTER = {"higher": "more", "lower": "less"}
"""The page's names of directions, where they differ from those of measurements."""


def table(reports: Mapping[str, Report]) -> dict[str, Any]:
    """Return rows with a cell for each report; a cell is None if a report lacks the measurement.

    The `reasons` of a row say why a report lacks it; they are None if it has the measurement, or
    if the measurement does not apply to the model. Quantities that no report has are the last
    rows.

    Arguments:
        reports: The report of each model by name, in the order of the columns.
    """
    refusal = ""
    if len(reports) > 1:
        try:
            compare(reports)
        except UserError as error:
            refusal = str(error)
    same_data = len({report.fingerprint for report in reports.values()}) < 2
    keys = dict.fromkeys(key for report in reports.values() for key in report.measurements)
    rows = [_row(key, list(reports.values()), rank=same_data) for key in keys]
    names = {row["name"] for row in rows}
    left_out = dict.fromkeys(name for report in reports.values() for name in report.left_out)
    rows += [
        _unmeasured_row(name, list(reports.values())) for name in left_out if name not in names
    ]
    return {"refusal": refusal, "rows": rows}


def _row(key: str, reports: Sequence[Report], *, rank: bool) -> dict[str, Any]:
    cells = [report.measurements.get(key) for report in reports]
    present = [cell for cell in cells if cell is not None]
    first, *others = present
    differences = [mismatch(first, other) for other in others]
    difference = next(filter(None, differences), "")
    best = best_of(key, present) if rank and not difference else None
    direction = first.better or direction_of(key)
    return {
        "key": key,
        "name": first.name,
        "better": BETTER.get(direction, direction),
        "unlike": difference,
        "unit": first.unit,
        "protocol": first.protocol,
        "split": first.split,
        "cells": [None if cell is None else _cell(cell, cell is best) for cell in cells],
        "reasons": _reasons(first.name, reports),
    }


def _unmeasured_row(name: str, reports: Sequence[Report]) -> dict[str, Any]:
    """Return the row of a quantity that could not be measured for any model."""
    return {
        "key": f"left_out.{name}", "name": name, "better": "", "unlike": "", "unit": "",
        "protocol": "", "split": "", "cells": [None] * len(reports),
        "reasons": _reasons(name, reports),
    }  # fmt: skip


def _reasons(name: str, reports: Sequence[Report]) -> list[dict[str, Any] | None]:
    reasons = [report.left_out.get(name) for report in reports]
    return [None if reason is None else asdict(reason) for reason in reasons]


def best_of(key: str, measurements: Sequence[Measurement]) -> Measurement | None:
    """Return the best of comparable measurements; None if intervals overlap or are missing."""
    if len(measurements) < 2 or _matches(key, NOT_RANKED):
        return None
    direction = measurements[0].better or direction_of(key)
    if direction not in BETTER:
        return None
    best_value = max if direction == "higher" else min
    best = best_value(measurements, key=lambda measurement: measurement.value)
    for other in measurements:
        if other is best:
            continue
        if best.interval is None or other.interval is None:
            return None
        if best.interval[0] <= other.interval[1] and other.interval[0] <= best.interval[1]:
            return None
    return best


def _cell(measurement: Measurement, best: bool) -> dict[str, Any]:
    return {
        "value": format_quantity(measurement.value, measurement.unit),
        "interval": interval_text(measurement),
        "reference": reference_text(measurement),
        "n": measurement.n,
        "detail": measurement.detail,
        "note": measurement.note,
        "extractor": measurement.extractor or "",
        "best": best,
    }


def _matches(key: str, leading: tuple[str, ...]) -> bool:
    """Return whether a key is one of these parts, or starts with one of them and a dot."""
    return any(key == part or key.startswith(f"{part}.") for part in leading)
