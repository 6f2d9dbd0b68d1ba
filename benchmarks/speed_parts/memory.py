"""Measure the memory that three trainings leave in a process."""

import json
import sys

from speed_parts.common import HERE, Results, call, spread

STEPS = 100


def measure(rounds: int, quick: bool) -> Results:
    """Train three models in one process, delete them, and compare the resident memory with that
    before, with and without the modules that the first training imports."""
    script = str(HERE.parent / "memory_run.py")
    steps = 5 if quick else STEPS
    runs = [
        json.loads(call([sys.executable, script, str(steps)]).splitlines()[-1])
        for _ in range(rounds)
    ]
    return {
        "steps": steps,
        "imports": spread([run["imported"] - run["loaded"] for run in runs]),
        "growth": spread([run["after"] - run["imported"] for run in runs]),
    }
