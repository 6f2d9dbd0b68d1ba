"""Compare the tour with that of an earlier commit, and with itself next to a busy process."""

import json
import tempfile
from pathlib import Path

from speed_parts.busy import busy_processes
from speed_parts.common import LATENTARIUM, ROOT, Results, call, ratios, seconds, spread
from speed_parts.earlier import COMMIT, earlier_commit

ROUNDS = 1
"""A round takes about 25 minutes."""


def measure(rounds: int, quick: bool) -> Results:
    """Time `latentarium tour` of both commits, and today's next to a busy process, by turns."""
    times: dict[str, list[float]] = {COMMIT: [], "now": [], "next to a busy process": []}
    verdicts: list[str] = []
    with earlier_commit() as source, tempfile.TemporaryDirectory() as folder:
        for number in range(min(rounds, ROUNDS)):
            outs = {side: Path(folder) / f"{place}-{number}" for place, side in enumerate(times)}
            times[COMMIT].append(_tour(source, outs[COMMIT], quick))
            times["now"].append(_tour(ROOT / "src", outs["now"], quick))
            with busy_processes(1):
                busy = "next to a busy process"
                times[busy].append(_tour(ROOT / "src", outs[busy], quick))
            report = json.loads((outs["now"] / "report.json").read_text())
            verdicts += [claim["verdict"] for claim in report["claims"]]
    return {
        "commit": COMMIT,
        "seconds": {side: spread(values) for side, values in times.items()},
        "ratio": ratios(times["now"], times[COMMIT]),
        "busy_ratio": ratios(times["next to a busy process"], times["now"]),
        "holds": f"{verdicts.count('holds')} of {len(verdicts)}",
    }


def _tour(source: Path, out: Path, quick: bool) -> float:
    """Return how long the tour takes with the package in a folder."""
    command = [*LATENTARIUM, "tour", "--out", str(out), *(["--quick"] if quick else [])]
    return seconds(lambda: call(command, {"PYTHONPATH": str(source)}))
