"""The state and the progress of a run.

waiting    its process has started, but the training has not
training   a process is training it, and has locked its folder
paused     it can continue from its newest checkpoint
stopped    it was ended early, and has final weights
done       it has trained all its steps
failed     its process ended with an error message
"""

import os
from pathlib import Path
from typing import Any, Literal

from latentarium.config import ModelConfig, name_of, setting
from latentarium.run import Run
from latentarium.run.jsonl import read_row

State = Literal["waiting", "training", "paused", "stopped", "done", "failed"]
MAX_POINTS = 1000
"""Rows of a log in a chart of several runs."""
TAIL_BYTES = 1 << 16
"""Bytes at the end of a log from which the speed is computed."""


def state_of(run: Run, *, running: bool, failure: str, ending: bool = False) -> State:
    """Return the state of a run.

    Arguments:
        run: The run.
        running: Whether the process that was started for it is running.
        failure: The error message of that process; "" if it did not fail.
        ending: Whether that process was asked to end.
    """
    if run.is_locked():
        return "training"
    last_step = run.weights_step()
    if last_step == run.config.train.steps:
        return "done"  # although its process may take a moment to end
    if running and not ending:
        return "waiting"
    if last_step is not None:
        return "stopped"
    return "failed" if failure else "paused"


def progress_of(run: Run, state: State) -> dict[str, Any]:
    """Return the step, the number of steps, the elapsed seconds and the remaining seconds."""
    steps = run.config.train.steps
    rows = last_rows(run.log_path)
    checkpoints = run.checkpoints()
    logged = (rows[-1]["step"], rows[-1]["seconds"]) if rows else (0, 0.0)
    step, seconds = run.progress() or logged  # runs of older versions have only a log
    left = None
    if state == "training" and step > 0:
        logged_steps = logged[0] - rows[0]["step"] if rows else 0
        logged_seconds = logged[1] - rows[0]["seconds"] if rows else 0.0
        rate = logged_seconds / logged_steps if logged_steps > 0 else seconds / step
        left = rate * max(0, steps - step)
    if state != "training" and checkpoints:
        step = checkpoints[-1]  # the step from which it would resume
    return {"step": step, "steps": steps, "seconds": seconds, "seconds_left": left}


def losses_of(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Return the loss of each player by step, at most `MAX_POINTS` rows with the last one."""
    rows = run.log()
    stride = max(1, -(-len(rows) // (MAX_POINTS - 1)))
    thinned = {row["step"]: row for row in [*rows[::stride], *rows[-1:]]}
    losses: dict[str, list[tuple[int, float]]] = {}
    for step, row in thinned.items():
        for player, values in row.items():
            total = values.get("total") if isinstance(values, dict) else None
            if isinstance(total, int | float):
                losses.setdefault(player, []).append((step, total))
    return losses


def describe_run(run: Run) -> dict[str, Any]:
    """Return the properties of a run that never change, as JSON values."""
    loss = setting(run.config, "model.loss")
    loss = None if loss is None else name_of(loss)
    # under the hinge loss any constant logit in [-1, 1] is optimal at the equilibrium, so the
    # generator's loss has no fixed value
    equilibrium = {} if loss == "hinge" else run.config.model.equilibrium
    return {
        "preset": run.config.name,
        **describe_model(run.config.model),
        "loss": loss,
        "equilibrium": equilibrium or None,
        "objective": run.config.model.loss_name,
        "data": run.data.source,
        "seed": run.config.train.seed,
    }


def describe_model(config: ModelConfig) -> dict[str, Any]:
    """Return the capabilities of a model, as JSON values."""
    return {
        "kind": config.kind,
        "adversarial": config.adversarial,
        "has_encoder": config.has_encoder,
    }


def last_rows(path: Path) -> list[dict[str, Any]]:
    """Return the last rows of a log, in the order of steps and since the last resumption."""
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    rows: list[dict[str, Any]] = []
    for line in lines:
        row = read_row(line)
        if row is not None and isinstance(row.get("seconds"), int | float):
            rows = [*(rows if not rows or row["step"] > rows[-1]["step"] else []), row]
    return rows
