"""The run folder: its layout, and the class that reads and writes it.

    config.json            run id, settings, data card, versions, imported files
    weights.safetensors    the EMA weights, which are the trained model
    checkpoints/           the last two checkpoints, with all that is needed to resume the training
    log.jsonl              one row per logged step, append-only
    progress.json          the current step and the elapsed seconds, for live monitoring
    samples/               grids of samples from fixed latents
    snapshots/             weights of all players at steps evenly spaced in log(step)
    metrics.json           results of `evaluate`
    duality_gap.json       results of `duality-gap`
    README.md              model card

The times of files are not used: a copied, moved or unpacked run behaves like the original.
`load(folder)` needs no data, no GPU and no configuration.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from latentarium.config import Config, DataCard
from latentarium.data.dataset import Data
from latentarium.data.sources import load_training_data
from latentarium.errors import UserError
from latentarium.files import (
    file_lock,
    from_json,
    is_locked,
    is_temporary,
    lock_owner,
    numbered_files,
    read_regular_file,
    sha256,
    to_json,
    write_atomic,
    write_failure,
)
from latentarium.image_files import png_bytes
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.run import checkpoints
from latentarium.run.checkpoints import Checkpoint
from latentarium.run.compat import OLD_DUALITY_GAP_FILE, upgrade_duality_gap
from latentarium.run.jsonl import append_row, read_row
from latentarium.run.manifest import (
    naming_imports,
    read_json,
    read_manifest,
    require_same_config,
    require_same_data,
    require_same_kind,
    write_manifest,
)
from latentarium.run.weights import (
    equals_unversioned,
    load_weights,
    weights_step,
    weights_to_bytes,
)

SHIPPED_PREFIX = "shipped:"


class Run:
    """A folder that contains one training run.

    Arguments:
        folder: An existing run, or shipped:NAME for a small model that comes with the package.
            `Run.start` creates a new one.

    Attributes:
        folder: The path of the folder.
        id: The identifier of this run; a run that replaces it in the folder has another id.
        config: The configuration.
        data: The card of the training data.
        imports: Names of the Python files that define its custom components.

    Raises:
        UserError: As for `read_manifest`: for instance, there is no run (code "not-a-run").
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder: Path = _resolve(folder)
        manifest = read_manifest(self.folder / "config.json")
        self.id: str = manifest.id
        self.imports: tuple[str, ...] = manifest.imports
        self.config: Config = manifest.config
        self.data: DataCard = manifest.data
        self._config_hash = manifest.config_hash

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Return whether a folder contains a run."""
        return os.path.isfile(folder / "config.json")  # False if permission is denied

    @staticmethod
    def log_path_at(folder: Path) -> Path:
        """Return the path of the log of a run in this folder, which may not exist yet."""
        return folder / "log.jsonl"

    @classmethod
    def start(cls, folder: str | Path, config: Config, data: DataCard) -> "Run":
        """Create a run folder, or open it if it contains a run with this configuration and data.

        Raises:
            UserError: The folder contains another run (code "other-run") or other files (code
                "folder-not-empty").
        """
        folder = Path(folder)
        path = folder / "config.json"
        if path.exists():
            run = cls(folder)
            require_same_config(run.folder, run.config, config)
            run.require_data(data)
            return run
        if folder.is_dir() and not all(is_temporary(p) for p in folder.iterdir()):
            raise UserError(
                f"{folder} contains other files. Choose a new or empty folder.",
                code="folder-not-empty",
            )
        write_manifest(path, config, data)
        return cls(folder)

    def is_current(self) -> bool:
        """Return whether the folder still contains this run, and no other has replaced it."""
        try:
            return Run(self.folder).id == self.id
        except UserError:
            return False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other processes until the block ends.

        Raises:
            UserError: Another process is training the run (code "run-locked"), or the folder
                can't be written.
        """
        with ExitStack() as stack:
            try:
                acquired = stack.enter_context(file_lock(self._lock_path))
            except OSError as error:
                raise write_failure(self._lock_path, error) from None
            if not acquired:
                raise UserError(
                    f"Another process is training {self.folder}. Wait for it, stop it, or choose "
                    "another folder.",
                    code="run-locked",
                )
            for pattern in (".weights.*", ".progress.*", "samples/.*", "snapshots/.*"):
                for leftover in filter(is_temporary, self.folder.glob(pattern)):
                    leftover.unlink()
            yield

    def is_locked(self) -> bool:
        """Return whether a process is training the run."""
        return is_locked(self._lock_path)

    def lock_owner(self) -> int | None:
        """Return the id of the process that is training the run, if it is on this machine."""
        return lock_owner(self._lock_path)

    @property
    def _lock_path(self) -> Path:
        return self.folder / ".lock"

    # ------------------------------------------------------------------------------ data

    def load_data(self, source: str | None = None) -> Data:
        """Load the training data of the run, or other data with the same shape and classes.

        Arguments:
            source: The source of other data, as for `latentarium.load_data`; None for the training
                data of the run.

        Raises:
            UserError: The training data has changed since the training (code "other-data"), or
                the other data has another shape or other classes (code "data-mismatch").
        """
        data = load_training_data(self.config.train, source, self.data.value_range)
        if source is None:
            self.require_data(data.card)
        require_same_kind(self.folder, self.data, data.card)
        return data

    def require_data(self, card: DataCard) -> None:
        """Check that a data set is the one that the run was trained on.

        Raises:
            UserError: The fingerprints differ (code "other-data").
        """
        require_same_data(self.folder, self.data, card)

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

    # ------------------------------------------------------------------------------ weights

    def save_weights(self, model: LatentModel, *, step: int) -> None:
        """Save the weights of the trained model.

        Arguments:
            model: The EMA model.
            step: The training step of its weights.
        """
        path = self.folder / "weights.safetensors"
        if not equals_unversioned(path, model):
            self._write_weights(path, model, step)

    def weights_step(self) -> int | None:
        """Return the training step of the saved weights of the trained model.

        None if there are no weights, or if training has continued since they were saved.
        """
        path = self.folder / "weights.safetensors"
        if not path.is_file():
            return None
        newest = max(self.checkpoints(), default=None)
        step = weights_step(path)
        if step is None:  # written by an earlier version: assume the step of the newest checkpoint
            return self.config.train.steps if newest is None else newest
        return step if newest is None or newest <= step else None

    def weights_hash(self) -> str:
        """Return the SHA-256 of weights.safetensors, which identifies the model in reports.

        Raises:
            UserError: There are no weights yet (code "no-weights").
        """
        return sha256(self._weights_path().read_bytes())

    def save_snapshot(self, step: int, model: LatentModel) -> None:
        """Save the weights of all players at a step."""
        path = self.folder / "snapshots" / f"{step:09d}.safetensors"
        self._write_weights(path, model, step)

    def snapshots(self) -> list[int]:
        """Return the steps of all snapshots, in order."""
        return list(numbered_files(self.folder / "snapshots", ".safetensors"))

    def load(self, snapshot: int | None = None) -> LatentModel:
        """Return the trained model on the CPU, in evaluation mode.

        Arguments:
            snapshot: The step of a snapshot; None for the weights of the trained model.

        Raises:
            UserError: There are no such weights (code "no-weights" or "no-snapshot"), they are
                damaged (code "damaged-weights"), or a component of the model is not registered
                (code "unknown-component").
        """
        path = self._weights_path(snapshot)
        with naming_imports(self.imports):
            model = build(self.config.model, self.data, self.config.train.seed)
        load_weights(path, model, config_hash=self._config_hash)
        return model.eval()

    def _weights_path(self, snapshot: int | None = None) -> Path:
        name = "weights" if snapshot is None else f"snapshots/{snapshot:09d}"
        path = self.folder / f"{name}.safetensors"
        if path.is_file():
            return path
        if snapshot is not None:
            steps = ", ".join(map(str, self.snapshots())) or "none"
            raise UserError(
                f"{self.folder} has no snapshot of step {snapshot}. Existing snapshots: {steps}.",
                code="no-snapshot",
            )
        raise UserError(
            f"{self.folder} has no {path.name}: its training has not ended. Run the same train "
            "command again to resume it.",
            code="no-weights",
        )

    def _write_weights(self, path: Path, model: LatentModel, step: int) -> None:
        write_atomic(path, weights_to_bytes(model, step=step, config_hash=self._config_hash))

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

    def save_progress(self, step: int, seconds: float) -> None:
        """Write step and elapsed time to progress.json for live monitoring."""
        content = to_json({"step": step, "seconds": round(seconds, 3)})
        write_atomic(self.folder / "progress.json", content, fsync=False)

    def progress(self) -> tuple[int, float] | None:
        """Return the step and elapsed seconds, about one second old; None if they are unknown."""
        try:
            content = from_json(read_regular_file(self.folder / "progress.json"))
            return int(content["step"]), float(content["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_samples(self, step: int, picture: np.ndarray) -> None:
        """Save the sample grid of a step."""
        write_atomic(self.folder / "samples" / f"{step:09d}.png", png_bytes(picture))

    def samples(self) -> dict[int, Path]:
        """Return the paths of all sample grids by step."""
        return numbered_files(self.folder / "samples", ".png")

    @property
    def metrics_path(self) -> Path:
        """The path of metrics.json."""
        return self.folder / "metrics.json"

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json."""
        write_atomic(self.metrics_path, to_json(metrics))

    def metrics(self) -> dict[str, Any] | None:
        """Return the content of metrics.json; None if the run was not evaluated."""
        return read_json(self.metrics_path) if self.metrics_path.exists() else None

    @property
    def duality_gap_path(self) -> Path:
        """The path of duality_gap.json."""
        return self.folder / "duality_gap.json"

    def save_duality_gap(self, content: dict[str, Any]) -> None:
        """Write duality_gap.json."""
        write_atomic(self.duality_gap_path, to_json(content))

    def duality_gap(self) -> dict[str, Any] | None:
        """Return the content of duality_gap.json; None if the duality gap was not measured."""
        for path in (self.duality_gap_path, self.folder / OLD_DUALITY_GAP_FILE):
            if path.exists():
                return upgrade_duality_gap(read_json(path))
        return None

    def save_card(self, text: str) -> None:
        """Write the model card."""
        write_atomic(self.folder / "README.md", text.encode("utf-8", "replace"))


def load(folder: str | os.PathLike[str] | Run) -> LatentModel:
    """Load a trained model: `load("runs/cgan").sample(64, label=7, seed=0)`.

    The package contains the small models shipped:ae, shipped:vae, shipped:gan and shipped:cgan.

    Arguments:
        folder: The folder of a run, or a `Run`.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        UserError: As for `Run` and `Run.load`.
    """
    run = folder if isinstance(folder, Run) else Run(Path(folder))
    return run.load()


def _resolve(folder: str | Path) -> Path:
    name = str(folder)
    if name.startswith(SHIPPED_PREFIX):
        return Path(str(files("latentarium"))) / "run/shipped" / name[len(SHIPPED_PREFIX) :]
    return Path(folder)
