"""Confidence intervals, and measurements with the information needed to compare them."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentarium.stats.intervals import (
        bootstrap,
        expanded_percentiles,
        normal_quantile,
        student_quantile,
        wilson,
        wilson_from_share,
    )
    from latentarium.stats.measurement import (
        Interval,
        Measurement,
        Real,
        format_measurement,
        format_number,
        format_quantity,
        mismatch,
    )
    from latentarium.stats.shares import (
        clopper_pearson,
        mean_over_pairs,
        share_beyond,
        simultaneous,
        weighted_share,
    )

__all__ = [
    "Interval",
    "Measurement",
    "Real",
    "bootstrap",
    "clopper_pearson",
    "expanded_percentiles",
    "format_measurement",
    "format_number",
    "format_quantity",
    "mean_over_pairs",
    "mismatch",
    "normal_quantile",
    "share_beyond",
    "simultaneous",
    "student_quantile",
    "weighted_share",
    "wilson",
    "wilson_from_share",
]

_HOMES = {
    **dict.fromkeys(
        (
            "bootstrap", "expanded_percentiles", "normal_quantile", "student_quantile", "wilson",
            "wilson_from_share",
        ),
        "intervals",
    ),
    **dict.fromkeys(
        ("clopper_pearson", "mean_over_pairs", "share_beyond", "simultaneous", "weighted_share"),
        "shares",
    ),
}  # fmt: skip
"""The modules of names that are not in `measurement`."""


def __getattr__(name: str) -> object:
    # the other modules import torch, which takes seconds; the command line needs no intervals
    if name not in __all__:
        raise AttributeError(f"module 'latentarium.stats' has no attribute {name!r}")
    home = _HOMES.get(name, "measurement")
    return getattr(importlib.import_module(f"latentarium.stats.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
