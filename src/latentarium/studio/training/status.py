"""How a run is doing, from its folder alone.

waiting    its process has begun, and not yet to train
training   a process holds its folder
paused     it can go on from its newest checkpoint
stopped    it was ended early, and what it had learned is for use
done       it has taken all its steps
failed     its process ended with a sentence that says why
"""

import os
from pathlib import Path
from typing import Any, Literal

from latentarium.run import Run
from latentarium.run.jsonl import read_row

State = Literal["waiting", "training", "paused", "stopped", "done", "failed"]
TAIL = 1 << 16
"""Bytes of a log's end that say how fast it is."""


def state_of(run: Run, *, lives: bool, failure: str) -> State:
    """How it is.

    Arguments:
        run: Its folder.
        lives: Whether the process that was begun for it is at work.
        failure: How that process failed; empty where it did not.
    """
    if run.is_held():
        return "training"
    if lives:
        return "waiting"
    ends = run.ends_at()
    if ends is not None:
        return "done" if ends == run.config.train.steps else "stopped"
    return "failed" if failure else "paused"


def progress_of(run: Run, state: State) -> dict[str, Any]:
    """How far it is: step, steps, seconds, and the seconds left while it trains."""
    steps = run.config.train.steps
    rows = last_rows(run.log_path)
    kept = run.checkpoints()
    logged = (rows[-1]["step"], rows[-1]["seconds"]) if rows else (0, 0.0)
    step, seconds = run.progress() or logged  # older versions only log
    left = None
    if state == "training" and step > 0:
        moved = logged[0] - rows[0]["step"] if rows else 0
        took = logged[1] - rows[0]["seconds"] if rows else 0.0
        rate = took / moved if moved > 0 else seconds / step
        left = rate * max(0, steps - step)
    if state != "training" and kept:
        step = kept[-1]  # from where it would go on
    return {"step": step, "steps": steps, "seconds": seconds, "seconds_left": left}


def about(run: Run) -> dict[str, Any]:
    """What it is, which never changes."""
    model = run.config.model
    game = model.adversarial
    return {
        "preset": run.config.name,
        "family": "gan" if model.adversarial else "autoencoder",
        "loss": model.loss_name.removesuffix("-wrong-label") if game else None,
        "equilibrium": model.equilibrium if game and model.loss_name != "hinge" else None,
        "data": run.data.source,
        "seed": run.config.train.seed,
    }


def last_rows(path: Path) -> list[dict[str, Any]]:
    """The last rows of a log in the order of steps, of the newest stretch where it was resumed."""
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return []
    rows: list[dict[str, Any]] = []
    for line in lines:
        row = read_row(line)
        if row is not None and isinstance(row.get("seconds"), int | float):
            rows = [*(rows if not rows or row["step"] > rows[-1]["step"] else []), row]
    return rows
