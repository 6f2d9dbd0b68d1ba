"""Measure the speed of training and use: `make speed`, and `python benchmarks/speed.py tour`.

The results go to benchmarks/results/speed.MACHINE.json, from which `make figures` writes
docs/benchmarks.md and the tables of the READMEs. Sides that are compared run alternately, each in
a separate process, so that changes of the machine's speed affect both. The numbers are medians
with the smallest and the largest value.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from speed_parts import (
    against,
    busy,
    examples,
    fits,
    memory,
    metrics,
    together,
    tour,
    use,
)
from speed_parts.common import Results, load_of_others

from latentarium.machine import cpu_name, describe_machine, versions

MAX_LOAD = 0.1
"""Share of the processors used by other processes above which times are unreliable."""
PARTS: dict[str, Callable[[int, bool], Results]] = {
    "fits": fits.measure,
    "fits_busy": busy.next_to_a_busy_process(fits.measure),
    "learning_curves": fits.measure_curves,
    "examples": examples.measure,
    "examples_busy": busy.next_to_a_busy_process(examples.measure, most_rounds=1),
    "metrics": metrics.measure,
    "metrics_busy": busy.next_to_a_busy_process(metrics.measure),
    "busy": busy.measure,
    "together": together.measure,
    "memory": memory.measure,
    "against": against.measure,
    "tour": tour.measure,
    "speed_of_use": use.measure,
}
ON_REQUEST = ("examples_busy", "tour")
"""Parts that run only if they are named, since they take 11 to 30 minutes each."""


def main() -> None:
    """Run the parts that are named; without a name, all but those on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--quick", action="store_true", help="a smoke test without usable numbers")
    processor = (cpu_name() or "unnamed").split()[0].lower()
    out = Path(__file__).parent / "results" / f"speed.{processor}.json"
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    if options.quick and options.out == parser.get_default("out"):
        parser.error("--quick gives no usable numbers; give another --out")
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.parts or [part for part in PARTS if part not in ON_REQUEST]:
        print(f"{name} ...", flush=True)
        load, started = load_of_others(), time.monotonic()
        if load > MAX_LOAD:
            print(f"Other processes use {load:.0%} of the processors; the speeds will be too low.")
        results[name] = PARTS[name](1 if options.quick else options.rounds, options.quick)
        print(json.dumps(results[name], indent=2), flush=True)
        results |= {"machine": describe_machine(), "versions": versions()}
        results.setdefault("machines", {})[name] = describe_machine()
        results.setdefault("used_by_others", {})[name] = round(load, 3)
        results.setdefault("minutes", {})[name] = round((time.monotonic() - started) / 60, 1)
        options.out.write_text(json.dumps(results, indent=2) + "\n")
    print("Run make figures to update docs/benchmarks.md.")


if __name__ == "__main__":
    main()
