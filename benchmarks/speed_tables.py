"""Sections of docs/benchmarks.md on whole trainings and on use."""

import math
import statistics
from typing import Any

from committed import table
from rounding import quantity

from latentarium.stats.measurement import format_number

Results = dict[str, Any]

TITLES = {
    "ours": "latentarium",
    "bare": "bare loop",
    "ours over bare": "latentarium over bare loop",
    "ours over pythae": "latentarium over pythae, after the same passes",
    "ours over pythae, all held-out images evaluated": "the same, with equal evaluation",
}
"""Titles of rows whose key in the results is short or old."""
TIME_RATIO = "pythae's time over tuned"
SIDES = ("ours", "bare", "pythae")
GOAL_PASSES = (5, 8)
"""The qualities that are compared: those of pythae after these passes."""
IMAGES_PER_PASS = 50_000


def training_runs(measured: dict[str, Results]) -> list[str]:
    """Return the section on whole trainings."""
    lines = [
        "## A whole training", "",
        "The same VAE (784 - 512 - 16 - 512 - 784, Bernoulli, Adam, batches of 128) is trained "
        "for five passes over 50,000 MNIST images. latentarium's layers use SiLU, as its presets "
        "do, pythae's ReLU and those of the bare loop leaky ReLU. The time includes everything "
        "that each side does between steps. The bare loop does nothing but train. pythae "
        "evaluates its 10,000 held-out images after each pass, as its pipeline does by default; "
        "latentarium evaluates one held-out batch for each row of its log. With one thread, the "
        "time is that of the processor, which other programs hardly change. In the last ratio, "
        "latentarium's time includes what the same evaluation would take. If an ELBO is lower, "
        "the ratio compares unequal models.",
    ]  # fmt: skip
    return [*lines, *_training_tables(measured)]


def busy_training_runs(measured: dict[str, Results]) -> list[str]:
    """Return the section on whole trainings next to a busy process."""
    lines = [
        "## A whole training next to a busy process", "",
        "The same trainings, while another process only uses a processor core. pythae and the "
        "bare loop train on torch's number of threads, latentarium on the number that it chooses.",
    ]  # fmt: skip
    return [*lines, *_training_tables(measured)]


def _training_tables(measured: dict[str, Results]) -> list[str]:
    lines = []
    for machine, results in measured.items():
        elbos = results.get("elbo", {})
        rows = [
            [
                title(name),
                spread(value),
                spread(elbos[name]) if name in elbos else "",
            ]
            for name, value in results.items()
            if name not in ("elbo", "clock", "tuned", "time to pythae's ELBO")
        ]
        clock = " of processor time" * (results.get("clock") == "processor")
        heads = [machine, f"images per second{clock}", "ELBO of held-out images, nats"]
        lines += ["", *table(heads, rows).splitlines()]
        lines += time_to_elbo(results)
    return lines


def time_to_elbo(fits: Results) -> list[str]:
    """Return a sentence on the time to pythae's ELBO with another learning-rate schedule."""
    measured = fits.get("time to pythae's ELBO")
    if measured is None:
        return []
    seconds, elbo = measured["seconds"], measured["elbo"]
    verb = "reaches" if measured["reached"] else "does not reach"
    return [
        "",
        "With a learning rate of 5e-3 that falls to 0 over three passes, latentarium "
        f"{verb} the ELBO of pythae's five passes: {spread(elbo['tuned'])} against "
        f"{spread(elbo['pythae'])} nats, in {spread(seconds['tuned'])} against "
        f"{spread(seconds['pythae'])} s. pythae's time over latentarium's: "
        f"{spread(measured[TIME_RATIO])}.",
    ]


def equal_quality(everywhere: dict[str, Results]) -> list[str]:
    """Return the section on the time until the same quality is reached."""
    with_curves = {
        m: r["learning_curves"] for m, r in everywhere.items() if "learning_curves" in r
    }
    source, curves = next(iter(with_curves.items()), ("", {}))
    if "pythae" not in curves:
        return []
    rows = []
    for goal_passes in GOAL_PASSES:
        goal = statistics.median(curve[goal_passes - 1] for curve in curves["pythae"])
        passes = {side: [passes_until(goal, curve) for curve in curves[side]] for side in SIDES}
        label = f"{goal:.1f} nats, pythae after {goal_passes} passes"
        rows.append([label, "passes", *(_passes(passes[side]) for side in SIDES), ""])
        for machine, results in everywhere.items():
            fits = results.get("fits", {})
            if "pythae" not in fits:
                continue
            seconds = {
                side: statistics.median(passes[side]) * IMAGES_PER_PASS / fits[side]["median"]
                for side in SIDES
            }
            ratio = seconds["pythae"] / seconds["ours"]
            cells = ("" if math.isinf(s) else format_number(s) for s in seconds.values())
            shown = "" if math.isinf(seconds["ours"]) else f"**{format_number(ratio)}**"
            rows.append(["", f"seconds, {machine}", *cells, shown])
    heads = ["ELBO reached", "", *(title(side) for side in SIDES), "pythae's over latentarium's"]
    return [
        "", "## Equal quality", "",
        f"The same trainings, until they reach the same ELBO: passes measured on {source}, "
        f"{len(curves['pythae'])} seeds, interpolated between passes (median, with the smallest "
        "and the largest in brackets), times the seconds that a pass takes on each machine in the "
        "table above.", "",
        *table(heads, rows).splitlines(),
    ]  # fmt: skip


def passes_until(goal: float, curve: list[float]) -> float:
    """Return the passes until the ELBO reaches a goal for the first time, or infinity.

    Arguments:
        goal: The ELBO.
        curve: The ELBO after each pass, from the first.
    """
    for k, value in enumerate(curve):
        if value >= goal:
            before = curve[k - 1] if k else value
            return k + (1.0 if value == before else (goal - before) / (value - before))
    return float("inf")


def use(measured: dict[str, Results]) -> list[str]:
    """Return the section on sampling and start-up."""
    lines = ["## Use"]
    for machine, results in measured.items():
        rows = [[title(name), spread(value)] for name, value in results.items()]
        lines += ["", *table([machine, ""], rows).splitlines()]
    return lines


def title(name: str) -> str:
    """Return the title of a row."""
    return TITLES.get(name, name)


def spread(value: Results) -> str:
    """Return a median with the smallest and the largest value."""
    return _bold(quantity(value["median"], "", (value["all"][0], value["all"][-1])))


def _passes(values: list[float]) -> str:
    if math.inf in values:
        return "not reached"
    return quantity(statistics.median(values), "", (min(values), max(values)))


def _bold(text: str) -> str:
    value, bracket, ends = text.partition(" [")
    return f"**{value}**{bracket}{ends}"
