"""Render the results of `speed.py` on all machines as docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

import speed_bars
import speed_tables
from committed import machine

Results = dict[str, Any]

MAX_LOAD = 0.1
"""Share of the processors used by other programs above which the page names it."""
NOT_MEASURED = (
    "How long each side takes to reach the same ELBO is not in these results: "
    "`python benchmarks/speed.py learning_curves` measures it."
)


def render(everywhere: dict[str, Results]) -> str:
    """Return the page, with one section for each part that was measured.

    Arguments:
        everywhere: The results of each machine, by its name.
    """
    lines = [
        "# Benchmarks", "",
        "Measured by `make speed` (the tour: `python benchmarks/speed.py tour`), and written by "
        "`make figures` from `benchmarks/results/speed.*.json`. Each number is a median, with the "
        "smallest and the largest value in brackets. The sides of a comparison run alternately, "
        "each in a separate process. With one thread, the times of trainings and metrics are "
        "those of the processor, which other programs change less.", "",
        *(f"- {name.split(',')[0]}: torch {results['versions']['torch']}{load(results)}."
          for name, results in everywhere.items()),
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        measured = {
            machine(results, name): results[name]
            for results in everywhere.values()
            if name in results
        }
        if measured:
            lines += ["", *section(measured)]
        if name == "fits":
            lines += speed_tables.equal_quality(everywhere) or ["", NOT_MEASURED]
    return "\n".join(lines) + "\n"


def load(results: Results) -> str:
    """Return a clause on the programs that ran at the same time, if they used much."""
    loads = {part: share for part, share in results["used_by_others"].items() if share > MAX_LOAD}
    if not loads:
        return ""
    parts, most = ", ".join(f"`{part}`" for part in loads), 100 * max(loads.values())
    return f"; other programs used up to {most:.0f} % of the processors during {parts}"


SECTIONS: dict[str, Callable[[dict[str, Results]], list[str]]] = {
    "fits": speed_tables.training_runs,
    "fits_busy": speed_tables.busy_training_runs,
    "examples": speed_bars.examples,
    "examples_busy": speed_bars.busy_examples,
    "against": speed_bars.against,
    "tour": speed_bars.tour,
    "metrics": speed_bars.metrics,
    "metrics_busy": speed_bars.busy_metrics,
    "busy": speed_bars.busy,
    "together": speed_bars.together,
    "memory": speed_bars.memory,
    "speed_of_use": speed_tables.use,
}
