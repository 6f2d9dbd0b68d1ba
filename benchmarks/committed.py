"""Read the committed results of benchmarks/results/, and compose Markdown tables.

A file is called NAME.json, or NAME.MACHINE.json if there is one for each of several machines, for
instance bench-ring.amd.json.
"""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SHIPPED = ROOT / "src" / "latentarium" / "run" / "shipped"
Results = dict[str, Any]
TEST_IMAGES = "test images"
"""The entry of choices.json for presets whose settings were chosen by scores on test images."""


def load(name: str) -> Results:
    """Return the results of a file, without its suffix."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def load_all(name: str) -> dict[str, Results]:
    """Return the results of every machine, by the machine."""
    paths = sorted(RESULTS.glob(f"{name}.*.json"), reverse=True)
    return {machine(results): results for results in (load(path.stem) for path in paths)}


def machine(results: Results, part: str = "") -> str:
    """Return the processor and the number of threads: "Intel Xeon, 2 threads".

    Arguments:
        results: The content of a file.
        part: A part of the results that may have been measured with another number of threads.
    """
    description = results.get("machines", {}).get(part, results["machine"])
    match = re.fullmatch(r"(.+), \d+ x \S+, (\d+) threads", description)
    assert match is not None, description
    return f"{match[1]}, {match[2]} thread{'s' * (match[2] != '1')}"


def shipped_value(name: str, key: str) -> float:
    """Return a measurement of a model that is included in the package."""
    metrics = json.loads((SHIPPED / name / "metrics.json").read_text())
    return metrics["measurements"][key]["value"]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
