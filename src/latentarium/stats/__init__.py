"""Confidence intervals, and measurements with the information needed to compare them."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentarium.stats.intervals import bootstrap, normal_quantile, wilson, wilson_from_share
    from latentarium.stats.measurement import (
        Interval,
        Measurement,
        Real,
        format_measurement,
        format_number,
        format_quantity,
        mismatch,
    )

__all__ = [
    "Interval",
    "Measurement",
    "Real",
    "bootstrap",
    "format_measurement",
    "format_number",
    "format_quantity",
    "mismatch",
    "normal_quantile",
    "wilson",
    "wilson_from_share",
]

_INTERVALS = ("bootstrap", "normal_quantile", "wilson", "wilson_from_share")


def __getattr__(name: str) -> object:
    # intervals imports torch, which takes seconds; the command line needs only measurements
    if name not in __all__:
        raise AttributeError(f"module 'latentarium.stats' has no attribute {name!r}")
    home = "intervals" if name in _INTERVALS else "measurement"
    return getattr(importlib.import_module(f"latentarium.stats.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
