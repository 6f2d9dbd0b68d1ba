"""Actions on trainings: start, pause, resume, stop, annotate and delete them."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.records import Notes
from latentarium.studio.child_processes import ChildProcesses, CommandLine
from latentarium.studio.process_ids import is_latentarium, terminate
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training.listing import RunListing, process_name
from latentarium.studio.training.request import TrainingRequest, train_arguments
from latentarium.studio.training.run_names import free_name, require_run_name
from latentarium.studio.training.trash import Trash
from latentarium.studio.training.uploads import Uploads
from latentarium.texts import Text
from latentarium.training import finish

MAX_TRAININGS = 4
"""Maximum number of trainings that the page runs at the same time."""
STOP_TIMEOUT = 60.0
"""Seconds to wait until the current step has ended and its checkpoint is written."""
END_TIMEOUT = 10.0
"""Seconds to wait for the process of a run whose training has ended."""
POLL_INTERVAL = 0.05
"""Seconds between two checks while waiting."""


class TrainingJobs(RunListing):
    """The runs that the page shows, and actions on them.

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
        processes = ChildProcesses(folder / ".studio" / "train", command)
        super().__init__(folder, registry, processes)
        self.uploads = uploads
        self.command_line = command
        self._start_lock = threading.Lock()
        parents = [folder, *(initial.parent for initial in self.initial_folders)]
        self.trash: Trash = Trash(lambda: unique_folders(parents))

    def start(self, request: TrainingRequest) -> str:
        """Start a training and return its name.

        Raises:
            UserError: The name is invalid (code "invalid-name") or taken (code "name-taken"), the
                preset or the data don't exist, too many trainings are running (code
                "too-many-trainings"), or the folder can't be written.
        """
        self.require_free_name(request.name)
        folder = self.folder / request.name
        arguments = train_arguments(request, self.uploads, folder)
        with self._start_lock:
            self.require_free_name(request.name)
            self._require_free_slot()
            self.processes.start(process_name(folder), folder, arguments)
        return next(n for n, f in self.folders().items() if f.resolve() == folder.resolve())

    def _require_free_slot(self) -> None:
        if sum(map(self._is_training, self.processes.names())) >= MAX_TRAININGS:
            raise UserError(
                Text(
                    "{limit} trainings are running, the maximum: pause one, or wait.",
                    limit=MAX_TRAININGS,
                ),
                code="too-many-trainings",
            )

    def _is_training(self, key: str) -> bool:
        """Return whether a process trains, or is about to; one that is ending does not."""
        if not self.processes.is_running(key):
            return False
        record = self.processes.record(key)
        if record is None or not Run.is_at(record.folder):
            return not (record and record.ending)
        return self.info(record.folder.name, record.folder)["state"] in ("training", "waiting")

    def require_free_name(self, name: str) -> None:
        """Check that a new run can have a name.

        Raises:
            UserError: The name is invalid (code "invalid-name") or taken (code "name-taken").
        """
        require_run_name(name, self.folder)
        if self.processes.is_running(process_name(self.folder / name)):
            raise UserError(
                Text(
                    "The name {name} is taken: use {free}.",
                    name=name,
                    free=free_name(name, self.folder),
                ),
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
                Text("{name} is not training: there is nothing to pause.", name=name),
                code="not-training",
            )
        if pid is None or pid == os.getpid() or not is_latentarium(pid):
            raise UserError(
                Text(
                    "{name} is trained by a process that the studio can't signal: press Ctrl-C "
                    "in the terminal in which it was started.",
                    name=name,
                ),
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
                    Text("{name} is {state}: there is nothing to resume.", name=name, state=state),
                    code="not-resumable",
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
            raise UserError(
                Text("{name} is {state}: there is nothing to stop.", name=name, state=state),
                code="not-training",
            )
        if state in ("training", "waiting"):
            self.pause(name)
        deadline = time.monotonic() + STOP_TIMEOUT
        while self.info(name)["state"] in ("training", "waiting"):
            if time.monotonic() > deadline:
                raise UserError(
                    Text(
                        "{name} has not finished its current step: press Stop again later.",
                        name=name,
                    ),
                    code="timeout",
                )
            time.sleep(POLL_INTERVAL)
        finish(self.run(name).folder)

    def delete(self, name: str) -> None:
        """Move a run to the trash; delete the record of a training that never created a folder.

        Raises:
            UserError: The run is training (code "still-training"), or can't be moved.
        """
        folder = self.folder_of(name)
        with self._start_lock:
            is_locked = Run.is_at(folder) and Run(folder).is_locked()
            if is_locked or self.info(name, folder)["state"] in ("training", "waiting"):
                raise UserError(
                    Text("{name} is training: stop it first, then delete it.", name=name),
                    code="still-training",
                )
            self._wait_for_process(name, folder)
            if os.path.lexists(folder):
                self.trash.add(folder)
            self.processes.forget(process_name(folder))

    def _wait_for_process(self, name: str, folder: Path) -> None:
        """Wait until the process of an ended training, which may still write, is gone."""
        deadline = time.monotonic() + END_TIMEOUT
        while self.processes.is_running(process_name(folder)):
            if time.monotonic() > deadline:
                raise UserError(
                    Text(
                        "The process of {name} has not ended yet: delete the run later.", name=name
                    ),
                    code="still-training",
                )
            time.sleep(POLL_INTERVAL)

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


def unique_folders(folders: Sequence[Path]) -> list[Path]:
    """Return folders without those that lead to the same place as an earlier one."""
    return list({folder.resolve(): folder for folder in reversed(folders)}.values())[::-1]
