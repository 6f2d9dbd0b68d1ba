"""Simulate the coverage of every interval in reports, and write the table of docs/measuring.md.

    python benchmarks/interval_coverage.py               # simulate, write JSON and table
    python benchmarks/interval_coverage.py mean share    # only these simulations
    python benchmarks/interval_coverage.py --missing     # only settings without a result
    python benchmarks/interval_coverage.py --table       # rewrite the table from the JSON
    python benchmarks/interval_coverage.py --check       # exit with 1 if the table is out of date

The simulations are in tests/support/interval_simulations; `make soak` checks them.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "intervals.json"
PAGE = ROOT / "docs" / "measuring.md"
BLOCK = re.compile(r"(<!-- intervals:begin -->\n).*?(<!-- intervals:end -->)", re.DOTALL)


def simulate(names: list[str], *, missing: bool) -> None:
    """Run simulations and write their coverages; results of other simulations are kept.

    Arguments:
        names: Names of simulations; empty: all.
        missing: Whether to run only settings without a result.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    import torch

    from latentarium.machine import describe_machine, versions
    from support.interval_simulations import SIMULATIONS  # pyright: ignore[reportMissingImports]
    from support.interval_simulations.registry import (  # pyright: ignore[reportMissingImports]
        covered,
        exact_interval,
    )

    torch.set_num_threads(1)
    stored = json.loads(RESULTS.read_text())["rows"] if names or missing else []
    rows = {(row["name"], row["setting"]): row for row in stored}
    known = [(name, title) for name, s in SIMULATIONS.items() for title in s.settings]
    for name, title in known:
        if (names and name not in names) or (missing and (name, title) in rows):
            continue
        simulation, started = SIMULATIONS[name], time.monotonic()
        hits = covered(simulation.settings[title], simulation.trials)
        coverage = hits / simulation.trials
        rows[name, title] = {
            "name": name,
            "title": simulation.title,
            "method": simulation.method,
            "conservative": simulation.conservative,
            "setting": title,
            "trials": simulation.trials,
            "coverage": coverage,
            "interval": list(exact_interval(hits, simulation.trials)),
        }
        seconds = time.monotonic() - started
        print(f"{name}: {title}: {coverage:.1%} ({seconds:.0f} s)", flush=True)
        content = {
            "rows": [rows[key] for key in known if key in rows],
            "machine": describe_machine(),
            "versions": versions(),
        }
        RESULTS.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def table() -> str:
    """Return the table: a row for each interval, with the coverage in each setting."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(RESULTS.read_text())["rows"]:
        by_name.setdefault(row["name"], []).append(row)
    lines = ["| interval of | method | coverage in simulations |", "|---|---|---|"]
    for rows in by_name.values():
        first = rows[0]
        method = first["method"] + ("; **conservative**" if first["conservative"] else "")
        cells = "; ".join(f"{row['setting']}: {100 * row['coverage']:.1f} %" for row in rows)
        lines.append(f"| {first['title']} | {method} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Simulate, or only rewrite or check the table."""
    flags = {argument for argument in sys.argv[1:] if argument.startswith("--")}
    if not flags & {"--table", "--check"}:
        names = [argument for argument in sys.argv[1:] if argument not in flags]
        simulate(names, missing="--missing" in flags)
    text = PAGE.read_text()
    new = BLOCK.sub(lambda match: match[1] + table() + match[2], text)
    if text == new:
        return
    if "--check" in flags:
        print(f"{PAGE.name} is out of date: run python benchmarks/interval_coverage.py --table")
        sys.exit(1)
    PAGE.write_text(new)
    print(f"{PAGE.name}: rewritten")


if __name__ == "__main__":
    main()
