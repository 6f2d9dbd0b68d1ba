"""The files of a run that can be used without its configuration."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from latentarium.files import (
    numbered_files,
    read_regular_file,
    to_json,
    write_atomic,
)
from latentarium.image_files import png_bytes
from latentarium.locks import is_locked, lock_owner
from latentarium.run import checkpoints
from latentarium.run.checkpoints import Checkpoint
from latentarium.run.claim import LOCK_FILE, locked
from latentarium.run.jsonl import append_row, read_row
from latentarium.run.records import (
    Notes,
    read_duality_gap,
    read_metrics,
    read_notes,
    read_progress,
)


class RunFiles:
    """The lock, the checkpoints, the log and the results of a run.

    Arguments:
        folder: The path of the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Return whether a folder contains a run."""
        return os.path.isfile(folder / "config.json")  # False if permission is denied

    @staticmethod
    def log_path_at(folder: Path) -> Path:
        """Return the path of the log of a run in this folder, which may not exist yet."""
        return folder / "log.jsonl"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other trainings until the block ends.

        Raises:
            UserError: Another training uses the folder (code "run-locked"), or the folder can't be
                written.
        """
        with locked(self.folder):
            yield

    @property
    def estimator_path(self) -> Path:
        """The file that a scikit-learn estimator adds when it is saved as a run."""
        return self.folder / "estimator.json"

    def is_locked(self) -> bool:
        """Return whether a process is training the run."""
        return is_locked(self.folder / LOCK_FILE)

    def lock_owner(self) -> int | None:
        """Return the id of the process that is training the run, if it is on this machine."""
        return lock_owner(self.folder / LOCK_FILE)

    # ------------------------------------------------------------------------------ checkpoints

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint, then delete the oldest ones."""
        checkpoints.add(self.folder / "checkpoints", checkpoint)

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest intact checkpoint; damaged ones are skipped with a warning.

        Raises:
            UserError: There are checkpoints, but all of them are damaged (code
                "damaged-checkpoints").
        """
        return checkpoints.latest(self.folder / "checkpoints")

    def checkpoints(self) -> list[int]:
        """Return the steps of all checkpoints, in order."""
        return checkpoints.steps(self.folder / "checkpoints")

    def checkpoint_path(self, step: int) -> Path:
        """Return the path of the tensors of a checkpoint."""
        return self.folder / "checkpoints" / f"{step:09d}.safetensors"

    def snapshots(self) -> list[int]:
        """Return the steps of all snapshots, in order."""
        return list(numbered_files(self.folder / "snapshots", ".safetensors"))

    # ------------------------------------------------------------------------------ log, results

    @property
    def log_path(self) -> Path:
        """The path of the log, for readers that follow the file while it grows."""
        return self.log_path_at(self.folder)

    def append_log(self, row: dict[str, Any]) -> None:
        """Append a row to the log."""
        append_row(self.log_path, row)

    def log(self) -> list[dict[str, Any]]:
        """Return the rows of the log by step; of a step that was repeated, only the last row."""
        path = self.log_path
        lines = read_regular_file(path).splitlines() if path.exists() else []
        rows = {row["step"]: row for row in map(read_row, lines) if row is not None}
        return [rows[step] for step in sorted(rows)]

    def training_seconds(self) -> float:
        """Return the seconds of training in the log, of all sessions; 0 without a log."""
        seconds = [row["seconds"] for row in self.log() if row.get("seconds") is not None]
        return float(seconds[-1]) if seconds else 0.0

    def save_progress(self, step: int, seconds: float) -> None:
        """Write step and elapsed time to progress.json for live monitoring."""
        content = to_json({"step": step, "seconds": round(seconds, 3)})
        write_atomic(self.folder / "progress.json", content, fsync=False)

    def progress(self) -> tuple[int, float] | None:
        """Return the step and elapsed seconds, about one second old; None if they are unknown."""
        progress = read_progress(self.folder / "progress.json")
        return None if progress is None else (progress.step, progress.seconds)

    def save_notes(self, notes: Notes) -> None:
        """Write notes.json."""
        content = to_json({"title": notes.title, "note": notes.note})
        write_atomic(self.folder / "notes.json", content)

    def notes(self) -> Notes:
        """Return the user's display name and note."""
        return read_notes(self.folder / "notes.json")

    def save_samples(self, step: int, picture: np.ndarray) -> None:
        """Save the sample grid of a step."""
        write_atomic(self.folder / "samples" / f"{step:09d}.png", png_bytes(picture))

    def samples(self) -> dict[int, Path]:
        """Return the paths of all sample grids by step."""
        return numbered_files(self.folder / "samples", ".png")

    @property
    def metrics_path(self) -> Path:
        """The path of metrics.json."""
        return self.metrics_path_of(None)

    def metrics_path_of(self, prior: str | None) -> Path:
        """Return the path of the measurements with the trained prior (None), or with a fitted
        one."""
        return self.folder / ("metrics.json" if prior is None else f"metrics-{prior}.json")

    def save_metrics(self, metrics: dict[str, Any], prior: str | None = None) -> None:
        """Write the measurements with a prior."""
        write_atomic(self.metrics_path_of(prior), to_json(metrics))

    def metrics(self, prior: str | None = None) -> dict[str, Any] | None:
        """Return the measurements with a prior; None if the run was not evaluated with it."""
        return read_metrics(self.metrics_path_of(prior))

    @property
    def duality_gap_path(self) -> Path:
        """The path of duality_gap.json."""
        return self.folder / "duality_gap.json"

    def save_duality_gap(self, content: dict[str, Any]) -> None:
        """Write duality_gap.json."""
        write_atomic(self.duality_gap_path, to_json(content))

    def duality_gap(self) -> dict[str, Any] | None:
        """Return the content of duality_gap.json; None if the duality gap was not measured."""
        return read_duality_gap(self.folder)

    def save_card(self, text: str) -> None:
        """Write the model card."""
        write_atomic(self.folder / "README.md", text.encode("utf-8", "replace"))
