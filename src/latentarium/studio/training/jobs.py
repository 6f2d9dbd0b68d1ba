"""The trainings that the page shows: list, start, pause, resume, stop and remove them."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.jsonl import MALFORMED
from latentarium.run.records import Notes
from latentarium.run.shipped_models import SHIPPED
from latentarium.studio.child_processes import (
    ChildProcesses,
    CommandLine,
    is_latentarium,
    terminate,
)
from latentarium.studio.errors import NotFoundError
from latentarium.studio.redact import redact_paths
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training.run_names import free_name, require_run_name
from latentarium.studio.training.settings import SNAPSHOTS, SettingValue, setting_options
from latentarium.studio.training.status import (
    State,
    describe_model,
    describe_run,
    progress_of,
    state_of,
)
from latentarium.studio.training.trash import Trash
from latentarium.studio.training.uploads import UPLOAD_PREFIX, Uploads
from latentarium.training import finish

BUILT_IN_DATA = ("mnist", "mnist-dynamic", "stacked-mnist", "ring", "grid")
"""Data sets that need no files from the user."""
MAX_TRAININGS = 4
"""Maximum number of trainings that the page runs at the same time."""
MAX_TITLE, MAX_NOTE = 100, 4000
"""Characters of a display name and of a note."""
STOP_TIMEOUT = 60.0
"""Seconds to wait until the current step has ended and its checkpoint is written."""


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A training that the page requests."""

    preset: str
    data: str
    """One of `BUILT_IN_DATA`, or upload:NAME."""
    name: str
    """The name of the run's folder."""
    steps: int | None
    """None: the number of steps of the preset."""
    seed: int
    image_size: int | None = None
    """Height and width to which images are fitted; None: as `load_data` chooses."""
    batch_size: int | None = None
    """None: the batch size of the preset."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """Settings that differ from the preset, by their full names."""


class TrainingJobs:
    """The runs that the page shows at the start, and all runs in a folder.

    A run is named after its folder, without the path. If several runs have the same folder name, a
    number is appended.

    Arguments:
        folder: The folder whose runs are listed, and in which runs are started; it need not exist.
        registry: The models that the page shows.
        uploads: The user's images.
        command: Makes the command lines; None: `latentarium_command`.
    """

    def __init__(
        self,
        folder: Path,
        registry: ModelRegistry,
        uploads: Uploads,
        command: CommandLine | None = None,
    ) -> None:
        self.folder = folder
        self.registry = registry
        self.uploads = uploads
        self.command_line = command
        self.processes: ChildProcesses = ChildProcesses(folder / ".studio" / "train", command)
        self._initial_folders = [f for f in registry.run_folders() if not _is_shipped(f)]
        self._start_lock = threading.Lock()
        parents = [folder, *(initial.parent for initial in self._initial_folders)]
        self.trash: Trash = Trash(lambda: unique_folders(parents))

    # ------------------------------------------------------------------------------------ queries

    def folders(self) -> dict[str, Path]:
        """Return the folders of all runs by name.

        The runs that were shown at the start come first, then the runs in the folder, then the
        runs whose process has not created a folder yet or has failed before it created a folder.
        """
        candidates = [folder for folder in self._initial_folders if os.path.lexists(folder)]
        if self.folder.is_dir():
            candidates += sorted(p for p in self.folder.iterdir() if Run.is_at(p))
        for key in self.processes.names():
            record = self.processes.record(key)
            if record and (self.processes.is_running(key) or self.processes.failure(key)):
                candidates.append(record.folder)
        by_name: dict[str, Path] = {}
        known: set[Path] = set()
        for folder in candidates:
            path = folder.resolve()
            if path in known or not path.name.isprintable():
                continue
            known.add(path)
            name, number = path.name, 1
            while name in by_name:
                number += 1
                name = f"{path.name}~{number}"
            by_name[name] = folder
        return by_name

    def folder_of(self, name: str) -> Path:
        """Return the folder of a run.

        Raises:
            NotFoundError: There is no such run (code "unknown-run").
        """
        folder = self.folders().get(name)
        if folder is None:
            raise NotFoundError(
                f"There is no run named {name[:80]!r}: reload the page.", code="unknown-run"
            )
        return folder

    def run(self, name: str) -> Run:
        """Return a run.

        Raises:
            NotFoundError: There is no such run (code "unknown-run"), or it has no folder yet (code
                "not-started").
        """
        folder = self.folder_of(name)
        if not Run.is_at(folder):
            raise NotFoundError(f"{name} has not started yet: try again.", code="not-started")
        return Run(folder)

    def infos(self) -> list[dict[str, Any]]:
        """Describe all runs as JSON values; runs that are deleted meanwhile are left out."""
        infos = []
        for name, folder in self.folders().items():
            try:
                infos.append(self.info(name, folder))
            except (UserError, OSError):
                continue
        return infos

    def info(self, name: str, folder: Path | None = None) -> dict[str, Any]:
        """Describe a run as JSON values; a run that can't be read is described as failed.

        Arguments:
            name: The name of the run.
            folder: Its folder, if the caller knows it.

        Raises:
            NotFoundError: There is no such run (code "unknown-run").
        """
        folder = self.folder_of(name) if folder is None else folder
        key = process_name(folder)
        running = self.processes.is_running(key)
        failure = self.redact(self.processes.failure(key))
        common = {"id": name, "name": name, "folder": str(folder), "failure": failure}
        common |= {"title": "", "note": ""}
        if not Run.is_at(folder):
            return common | self._describe_record(key, running)
        try:
            return common | self._describe_folder(folder, running, failure)
        except UserError as error:
            reason = str(error)
        except MALFORMED as error:
            reason = (
                f"{folder} contains a file that latentarium did not write ({error}): move "
                "that file out of the folder."
            )
        record = self._describe_record(key, running)
        return common | record | {"state": "failed", "failure": self.redact(reason)}

    def redact(self, message: str) -> str:
        """Return a message without the parent folders of runs."""
        return redact_paths(message, [self.folder, *self.registry.run_folders()])

    def _describe_folder(self, folder: Path, running: bool, failure: str) -> dict[str, Any]:
        run = Run(folder)
        ending = self.processes.is_ending(process_name(folder))
        state = state_of(run, running=running, failure=failure, ending=ending)
        notes = run.notes()
        return {
            "title": notes.title[:MAX_TITLE],
            "note": notes.note[:MAX_NOTE],
            "failure": "" if state in ("training", "waiting", "done") else failure,
            **describe_run(run),
            "state": state,
            **progress_of(run, state),
            "model": self.registry.index_of(folder),
            "has_weights": run.weights_step() is not None,
            "snapshots": run.snapshots(),
            "samples": list(run.samples()),
        }

    def _describe_record(self, key: str, running: bool) -> dict[str, Any]:
        """Describe a training without a readable folder by the command that started it."""
        record = self.processes.record(key)
        words = record.arguments if record else ()
        options = dict(zip(words[::2], words[1::2], strict=False))  # train PRESET --data SOURCE
        preset = options.get("train", "")
        config = presets.get(preset) if preset in presets.all_presets() else None
        no_model = {"kind": "", "adversarial": False, "has_encoder": False}
        default_steps = config.train.steps if config else 0
        state: State = "waiting" if running else "failed"
        return {
            "preset": preset,
            **(describe_model(config.model) if config else no_model),
            "loss": None, "equilibrium": None, "objective": "", "data": options.get("--data", ""),
            "seed": int(options.get("--train.seed", 0)), "state": state,
            "step": 0, "steps": int(options.get("--train.steps", default_steps)), "seconds": 0.0,
            "seconds_left": None, "model": None, "has_weights": False, "snapshots": [],
            "samples": [],
        }  # fmt: skip

    # ------------------------------------------------------------------------------------ actions

    def start(self, request: TrainingRequest) -> str:
        """Start a training and return its name.

        Raises:
            UserError: The name is invalid (code "invalid-name") or taken (code "name-taken"), the
                preset or the data don't exist, too many trainings are running (code
                "too-many-trainings"), or the folder can't be written.
        """
        self.require_free_name(request.name)
        folder = self.folder / request.name
        arguments = self.train_arguments(request, folder)
        with self._start_lock:
            self.require_free_name(request.name)
            self._require_free_slot()
            self.processes.start(process_name(folder), folder, arguments)
        return next(n for n, f in self.folders().items() if f.resolve() == folder.resolve())

    def _require_free_slot(self) -> None:
        if sum(map(self.processes.is_running, self.processes.names())) >= MAX_TRAININGS:
            raise UserError(
                f"{MAX_TRAININGS} trainings are running, the maximum: pause one, or wait.",
                code="too-many-trainings",
            )

    def require_free_name(self, name: str) -> None:
        """Check that a new run can have a name.

        Raises:
            UserError: The name is invalid (code "invalid-name") or taken (code "name-taken").
        """
        require_run_name(name, self.folder)
        if self.processes.is_running(process_name(self.folder / name)):
            raise UserError(
                f"The name {name} is taken: use {free_name(name, self.folder)}.",
                code="name-taken",
            )

    def pause(self, name: str) -> None:
        """Ask the process that trains a run to save a checkpoint and end.

        Raises:
            UserError: The run is not training (code "not-training"), or the studio can't
                signal its process (code "foreign-process").
        """
        folder = self.folder_of(name)
        key = process_name(folder)
        locked = Run.is_at(folder) and Run(folder).is_locked()
        pid = Run(folder).lock_owner() if locked else None
        record = self.processes.record(key)
        if self.processes.is_running(key) and (not locked or (record and record.pid == pid)):
            self.processes.stop(key)
            return
        if not locked:
            raise UserError(
                f"{name} is not training: there is nothing to pause.", code="not-training"
            )
        if pid is None or pid == os.getpid() or not is_latentarium(pid):
            raise UserError(
                f"{name} is trained by a process that the studio can't signal: press Ctrl-C in "
                "the terminal in which it was started.",
                code="foreign-process",
            )
        terminate(pid)

    def resume(self, name: str) -> None:
        """Continue a training that was paused or stopped, or failed.

        Raises:
            UserError: The run is training or done (code "not-resumable"), or too many trainings
                are running (code "too-many-trainings").
        """
        folder = self.folder_of(name)
        key = process_name(folder)
        with self._start_lock:
            state = self.info(name)["state"]
            if state not in ("paused", "stopped", "failed"):
                raise UserError(
                    f"{name} is {state}: there is nothing to resume.", code="not-resumable"
                )
            record = self.processes.record(key)
            if record is None or Run.is_at(folder):
                arguments = ("resume", str(folder))
            else:
                arguments = record.arguments
            self._require_free_slot()
            self.processes.start(key, folder, arguments)

    def stop(self, name: str) -> None:
        """End a training early and make its newest checkpoint the final weights.

        Raises:
            UserError: The run has ended (code "not-training"), has no checkpoint yet, or its
                process doesn't end in time (code "timeout").
        """
        state = self.info(name)["state"]
        if state in ("done", "stopped"):
            raise UserError(f"{name} is {state}: there is nothing to stop.", code="not-training")
        if state in ("training", "waiting"):
            self.pause(name)
        deadline = time.monotonic() + STOP_TIMEOUT
        while self.info(name)["state"] in ("training", "waiting"):
            if time.monotonic() > deadline:
                raise UserError(
                    f"{name} has not finished its current step: press Stop again later.",
                    code="timeout",
                )
            time.sleep(0.05)
        finish(self.run(name).folder)

    def delete(self, name: str) -> None:
        """Move a run to the trash; delete the record of a training that never created a folder.

        Raises:
            UserError: The run is training (code "still-training"), or can't be moved.
        """
        folder = self.folder_of(name)
        with self._start_lock:
            if self.processes.is_running(process_name(folder)) or (
                Run.is_at(folder) and Run(folder).is_locked()
            ):
                raise UserError(
                    f"{name} is training: stop it first, then delete it.", code="still-training"
                )
            if os.path.lexists(folder):
                self.trash.add(folder)
            self.processes.forget(process_name(folder))

    def annotate(self, name: str, notes: Notes) -> None:
        """Save a display name and a note in the folder of a run.

        Raises:
            UserError: The title has invisible characters (code "invalid-name"), or the folder
                can't be written.
        """
        if not notes.title.isprintable():
            raise UserError(
                "The display name contains an invisible character: choose another one.",
                code="invalid-name",
            )
        self.run(name).save_notes(notes)

    def show(self, name: str) -> int:
        """Load the model of a run into the page and return the model's number.

        Raises:
            UserError: See `ModelRegistry.add`.
        """
        run = self.run(name)
        index = self.registry.index_of(run.folder)
        shown_as = None if index is None else self.registry[index].folder
        return self.registry.add(run.folder, shown_as)

    def train_arguments(self, request: TrainingRequest, folder: Path | None = None) -> list[str]:
        """Return the arguments of latentarium for a training.

        Arguments:
            request: The training.
            folder: The folder of the run; None for an estimate, which needs no folder.

        Raises:
            UserError: There is no such preset or no such data (code "unknown-data"), or a setting
                is refused.
        """
        presets.get(request.preset)
        if request.data.startswith(UPLOAD_PREFIX):
            data = str(self.uploads.source(request.data.removeprefix(UPLOAD_PREFIX)))
        elif request.data in BUILT_IN_DATA:
            data = request.data
        else:
            raise UserError(
                f"There is no data set named {request.data[:80]!r}: choose one from the list.",
                code="unknown-data",
            )
        changed = dict(request.settings)
        snapshots = None if folder is None or "train.snapshots" in changed else SNAPSHOTS
        options = {
            "--data": data, "--run": folder, "--train.seed": request.seed,
            "--train.steps": request.steps,
            "--train.batch-size": None if "train.batch_size" in changed else request.batch_size,
            "--image-size": request.image_size,
            "--train.snapshots": snapshots,
        }  # fmt: skip
        arguments = ["train", request.preset]
        for option, value in options.items():
            arguments += [] if value is None else [option, str(value)]
        return arguments + setting_options(request.preset, changed)


def unique_folders(folders: Sequence[Path]) -> list[Path]:
    """Return folders without those that lead to the same place as an earlier one."""
    return list({folder.resolve(): folder for folder in reversed(folders)}.values())[::-1]


def process_name(folder: Path) -> str:
    """Return the name of a run's processes, which doesn't depend on how the path is written."""
    path = folder.resolve()
    return f"{path.name[:40]}-{sha256(os.fsencode(path)).hexdigest()[:12]}"


def _is_shipped(folder: Path) -> bool:
    return folder.resolve().is_relative_to(SHIPPED.resolve())
