"""The run folder: the only file that knows file names.

    config.json            what was asked, the data's card, versions
    weights.safetensors    for use: the moving average where there is one
    checkpoints/           all that resuming needs, with checksums; the last two are kept
    log.jsonl              one row per logged step, append-only
    progress.json          how far training is: a step and its seconds, every second or so
    samples/               fixed-z sample grids
    snapshots/             weights of all players at steps spaced evenly in log(step)
    metrics.json, gap.json, README.md

`load(folder)` needs no data, no GPU and no configuration.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

import latentarium
from latentarium.config import Config, DataCard, flat, from_dict, to_dict
from latentarium.errors import UserError
from latentarium.files import (
    cannot_write,
    from_json,
    hold,
    holder,
    is_held,
    is_temporary,
    numbered,
    read_json,
    read_plain,
    sha256,
    to_json,
    write_atomic,
)
from latentarium.image_files import png_bytes
from latentarium.machine import versions
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.run import checkpoints
from latentarium.run.checkpoints import Checkpoint
from latentarium.run.jsonl import append_row, read_row
from latentarium.run.weights import weights_from_bytes, weights_to_bytes

FORMAT = 1
SHIPPED = "shipped:"
LOCK = ".lock"


class Run:
    """A folder that holds one training run.

    Arguments:
        folder: An existing run; `Run.start` makes a new one. shipped:NAME: a small model that
            comes with the package.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = _place(folder)
        path = self.folder / "config.json"
        content = read_json(path, f"{self.folder} is not a run folder: it has no config.json.")
        found = content.get("format")
        if found != FORMAT:
            raise UserError(
                f"{self.folder} has run format {found!r} and this latentarium "
                f"({latentarium.__version__}) reads {FORMAT}: use the version that made it "
                f"({_made_by(content)}), or train again into a new folder."
            )
        self.config = from_dict(Config, content.get("config"), f"{path}: config")
        self.data = from_dict(DataCard, content.get("data"), f"{path}: data")

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Whether a folder holds a run."""
        return os.path.isfile(folder / "config.json")  # one that may not be read is none

    @classmethod
    def start(cls, folder: str | Path, config: Config, data: DataCard) -> "Run":
        """Makes the folder, or opens it if it holds this same run.

        Raises:
            UserError: It holds another run, or something that is no run.
        """
        folder = Path(folder)
        path = folder / "config.json"
        if path.exists():
            run = cls(folder)
            run._refuse_other(config, data)
            return run
        if folder.is_dir() and not all(is_temporary(p) for p in folder.iterdir()):
            raise UserError(f"{folder} has other files in it: choose a new or empty folder.")
        content = {
            "format": FORMAT,
            "config": to_dict(config),
            "data": to_dict(data),
            "versions": versions(),
        }
        write_atomic(path, to_json(content))
        return cls(folder)

    def _refuse_other(self, config: Config, data: DataCard) -> None:
        here, there = flat(to_dict(config)), flat(to_dict(self.config))
        for key in sorted(here.keys() | there.keys()):
            if key not in ("train.device", "train.data") and here.get(key) != there.get(key):
                raise UserError(
                    f"{self.folder} holds another run: {key} is {there.get(key)!r} there and "
                    f"{here.get(key)!r} here. Give the same settings to resume it, or another "
                    "folder to start anew."
                )
        if data.fingerprint != self.data.fingerprint:
            raise UserError(
                f"{self.folder} was trained on other data ({self.data.source}, fingerprint "
                f"{self.data.fingerprint[:12]}; this is {data.fingerprint[:12]}): give the same "
                "data to resume it, or another folder to start anew."
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder against a second process."""
        with ExitStack() as stack:
            try:
                free = stack.enter_context(hold(self.folder / LOCK))
            except OSError as error:
                raise cannot_write(self.folder / LOCK, error) from None
            if not free:
                raise UserError(
                    f"Another process is training {self.folder}: wait for it, stop it, or choose "
                    "another folder."
                )
            for place in (".weights.*", ".progress.*", "samples/.*", "snapshots/.*"):
                for leftover in filter(is_temporary, self.folder.glob(place)):
                    leftover.unlink()
            yield

    def is_held(self) -> bool:
        """Whether a process is training it."""
        return is_held(self.folder / LOCK)

    def holder(self) -> int | None:
        """The number of the process of this machine that holds it."""
        return holder(self.folder / LOCK)

    # ------------------------------------------------------------------ checkpoints and weights

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Adds a checkpoint, then drops the oldest ones."""
        checkpoints.add(self.folder / "checkpoints", checkpoint)

    def latest_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; a damaged one is passed over with a warning.

        Raises:
            UserError: There are checkpoints, but all of them are damaged.
        """
        return checkpoints.latest(self.folder / "checkpoints")

    def checkpoints(self) -> list[int]:
        """The steps of the checkpoints that are kept."""
        return checkpoints.steps(self.folder / "checkpoints")

    def ends_at(self) -> int | None:
        """The step of the weights for use, which are those of the newest checkpoint; None where
        there are none, or training has gone on since."""
        weights = self.folder / "weights.safetensors"
        if not weights.is_file():
            return None
        kept = self.checkpoints()
        if not kept or kept[-1] == self.config.train.steps:
            return self.config.train.steps
        newest = self.folder / "checkpoints" / f"{kept[-1]:09d}.json"
        return kept[-1] if weights.stat().st_mtime_ns >= newest.stat().st_mtime_ns else None

    def last_good(self) -> str:
        """Where the newest checkpoint is, in words."""
        kept = numbered(self.folder / "checkpoints", ".safetensors")
        if not kept:
            return "There is no checkpoint yet"
        step = max(kept)
        return f"The last good checkpoint is that of step {step:,}, {kept[step]}"

    def save_weights(self, model: LatentModel) -> None:
        """Writes the weights for use."""
        write_atomic(self.folder / "weights.safetensors", weights_to_bytes(model))

    def save_snapshot(self, step: int, model: LatentModel) -> None:
        """Keeps all players' weights of this step."""
        path = self.folder / "snapshots" / f"{step:09d}.safetensors"
        write_atomic(path, weights_to_bytes(model))

    def begun(self) -> int:
        """A mark of its beginning, which another run in the same folder would not have."""
        return (self.folder / "config.json").stat().st_mtime_ns

    def snapshots(self) -> list[int]:
        """The steps of which weights were kept."""
        return list(numbered(self.folder / "snapshots", ".safetensors"))

    def load(self, snapshot: int | None = None) -> LatentModel:
        """The model for use, in evaluation mode, on the CPU; or as it was at a snapshot."""
        path = self._weights_path(snapshot)
        model = build(self.config.model, self.data, self.config.train.seed)
        try:
            model.load_state_dict(weights_from_bytes(path.read_bytes()))
        except (SafetensorError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{path} does not fit its config.json or is damaged ({_first_line(error)}): run "
                "the same train command again."
            ) from None
        return model.eval()

    def _weights_path(self, snapshot: int | None = None) -> Path:
        name = "weights" if snapshot is None else f"snapshots/{snapshot:09d}"
        path = self.folder / f"{name}.safetensors"
        if path.is_file():
            return path
        if snapshot is not None:
            kept = ", ".join(map(str, self.snapshots())) or "none"
            raise UserError(
                f"{self.folder} has no snapshot of step {snapshot}: it has those of {kept}."
            )
        raise UserError(
            f"{self.folder} has no {path.name}: its training has not ended. Run the same train "
            "command again to resume it."
        )

    def weights_hash(self) -> str:
        """sha256 of the weights for use, so that what was measured on them can say so.

        Raises:
            UserError: Training has not ended.
        """
        return sha256(self._weights_path().read_bytes())

    # ------------------------------------------------------------------ log, samples, metrics

    @property
    def log_path(self) -> Path:
        """Where the log's rows are, a line each, for who follows them as they come."""
        return self.folder / "log.jsonl"

    def save_progress(self, step: int, seconds: float) -> None:
        """Writes how far training is, for who looks between two rows of the log."""
        content = to_json({"step": step, "seconds": round(seconds, 3)})
        write_atomic(self.folder / "progress.json", content, lasting=False)

    def progress(self) -> tuple[int, float] | None:
        """The step and the seconds that training was at a second ago at most; None where no
        process has said so."""
        try:
            content = from_json(read_plain(self.folder / "progress.json"))
            return int(content["step"]), float(content["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def append_log(self, row: dict[str, Any]) -> None:
        """Adds a row to log.jsonl."""
        append_row(self.log_path, row)

    def log(self) -> list[dict[str, Any]]:
        """The rows in order of steps; of rows logged twice by a resumed run, the later one."""
        path = self.log_path
        lines = read_plain(path).splitlines() if path.exists() else []
        rows = {row["step"]: row for row in map(read_row, lines) if row is not None}
        return [rows[step] for step in sorted(rows)]

    def save_samples(self, step: int, picture: np.ndarray) -> None:
        """Writes the sample grid of a step."""
        write_atomic(self.folder / "samples" / f"{step:09d}.png", png_bytes(picture))

    def samples(self) -> dict[int, Path]:
        """The pictures of sample grids, by their step."""
        return numbered(self.folder / "samples", ".png")

    def save_gap(self, gap: dict[str, Any]) -> None:
        """Writes gap.json: how far the game was from its equilibrium, over its training."""
        write_atomic(self.folder / "gap.json", to_json(gap))

    def gap(self) -> dict[str, Any] | None:
        """The content of gap.json; None where it was not measured."""
        path = self.folder / "gap.json"
        return read_json(path, "") if path.exists() else None

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Writes metrics.json."""
        write_atomic(self.folder / "metrics.json", to_json(metrics))

    def metrics(self) -> dict[str, Any] | None:
        """The content of metrics.json; None where the run was not evaluated."""
        path = self.folder / "metrics.json"
        return read_json(path, "") if path.exists() else None

    def save_card(self, text: str) -> None:
        """Writes the model card."""
        write_atomic(self.folder / "README.md", text.encode())


def load(folder: str | Path) -> LatentModel:
    """Loads a trained model for use: `load("runs/cgan").sample(64, label=7, seed=0)`. The small
    models of the package are shipped:ae, shipped:vae, shipped:gan and shipped:cgan.

    Raises:
        UserError: The folder is no run, its training has not ended, or a file is damaged.
    """
    return Run(folder).load()


def _place(folder: str | Path) -> Path:
    if str(folder).startswith(SHIPPED):
        return Path(str(files("latentarium"))) / "run/shipped" / str(folder)[len(SHIPPED) :]
    return Path(folder)


def _made_by(content: dict[str, Any]) -> str:
    versions = content.get("versions")
    return str(versions.get("latentarium", "unknown") if isinstance(versions, dict) else "unknown")


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
