"""What was measured of several models, side by side, for the page.

Numbers of unlike protocols are shown as such and never ranked; of like ones the best is marked
only where its interval meets no other's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from latentarium.errors import UserError
from latentarium.evaluation.report import Report, compare, floor_text, interval_text
from latentarium.stats.measurement import Measurement, format_quantity, mismatch

HIGH = (
    "precision", "recall", "density", "coverage", "gan_test", "gan_train", "wrong_label",
    "classes.rarest", "psnr", "ssim", "neighbours", "elbo",
)  # fmt: skip
"""Keys of measures, or their beginnings, of which more is better."""
LOW = ("frechet", "kernel", "mse", "reconstruction", "nll", "bits", "gaps", "classes.commonest")
"""Those of which less is better. What is in neither has no best: it depends on the scale of the
latent or of the loss, or is right where it equals its floor."""


def table(reports: Mapping[str, Report]) -> dict[str, Any]:
    """Rows of cells, one for each report; a cell is None where a model has no such number.

    Arguments:
        reports: By the models' names, in the order of the columns.
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
    return {"refusal": refusal, "rows": rows}


def _row(key: str, reports: Sequence[Report], *, rank: bool) -> dict[str, Any]:
    cells = [report.measurements.get(key) for report in reports]
    found = [one for one in cells if one is not None]
    differences = [mismatch(found[0], one) for one in found[1:]]
    difference = next(filter(None, differences), "")
    best = best_of(key, found) if rank and not difference else None
    return {
        "key": key,
        "name": found[0].name,
        "better": "more" if _is(key, HIGH) else "less" if _is(key, LOW) else "",
        "unlike": difference,
        "protocol": " ".join(filter(None, (found[0].protocol, found[0].split))),
        "cells": [None if one is None else _cell(one, one is best) for one in cells],
    }


def best_of(key: str, found: Sequence[Measurement]) -> Measurement | None:
    """The best of comparable numbers, where its interval meets no other's."""
    if len(found) < 2 or not (_is(key, HIGH) or _is(key, LOW)):
        return None
    best = (max if _is(key, HIGH) else min)(found, key=lambda one: one.value)
    for other in found:
        if other is best:
            continue
        if best.interval is None or other.interval is None:
            return None
        if best.interval[0] <= other.interval[1] and other.interval[0] <= best.interval[1]:
            return None
    return best


def _cell(one: Measurement, best: bool) -> dict[str, Any]:
    return {
        "value": format_quantity(one.value, one.unit),
        "interval": interval_text(one),
        "floor": floor_text(one),
        "n": one.n,
        "detail": one.detail,
        "note": one.note,
        "extractor": one.extractor or "",
        "best": best,
    }


def _is(key: str, beginnings: tuple[str, ...]) -> bool:
    """A key's parts are parted by dots: `frechet.random` is one of `frechet`."""
    return any(key == one or key.startswith(f"{one}.") for one in beginnings)
