"""The runs that the page shows, and their descriptions."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from latentarium import presets
from latentarium.data.readers.listing import natural_key
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.jsonl import MALFORMED
from latentarium.run.shipped_models import SHIPPED
from latentarium.studio.child_processes import ChildProcesses
from latentarium.studio.errors import NotFoundError
from latentarium.studio.redact import redact_paths
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training.status import (
    State,
    describe_model,
    describe_run,
    progress_of,
    state_of,
)
from latentarium.texts import Text, text_of, text_to_json

MAX_TITLE, MAX_NOTE = 100, 4000
"""Characters of a display name and of a note."""


class RunListing:
    """The runs that the page shows at the start, and all runs in a folder.

    A run is named after its folder, without the path. If several runs have the same folder name, a
    number is appended.

    Arguments:
        folder: The folder whose runs are listed; it need not exist.
        registry: The models that the page shows.
        processes: The trainings that the page started.
    """

    def __init__(self, folder: Path, registry: ModelRegistry, processes: ChildProcesses) -> None:
        self.folder = folder
        self.registry = registry
        self.processes = processes
        self.initial_folders: list[Path] = [
            shown for shown in registry.run_folders() if not _is_shipped(shown)
        ]

    def folders(self) -> dict[str, Path]:
        """Return the folders of all runs by name.

        The runs that were shown at the start come first, then the runs in the folder, with run 9
        before run 10, then the runs whose process has not created a folder yet or has failed
        before it created a folder.
        """
        candidates = [folder for folder in self.initial_folders if os.path.lexists(folder)]
        if self.folder.is_dir():
            runs = [path for path in self.folder.iterdir() if Run.is_at(path)]
            candidates += sorted(runs, key=lambda path: natural_key(path.name))
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
                Text("There is no run named {name!r}: reload the page.", name=name[:80]),
                code="unknown-run",
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
            raise NotFoundError(
                Text("{name} has not started yet: try again.", name=name), code="not-started"
            )
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
        common = {"id": name, "name": name, "folder": str(folder)}
        common |= {"title": "", "note": "", **_failure(failure)}
        if not Run.is_at(folder):
            return common | self._describe_record(key, running)
        try:
            return common | self._describe_folder(folder, running, failure)
        except UserError as error:
            reason = error.text
        except MALFORMED as error:
            reason = Text(
                "{folder} contains a file that latentarium did not write ({problem}): move that "
                "file out of the folder.",
                folder=folder,
                problem=text_of(error),
            )
        record = self._describe_record(key, running)
        return common | record | {"state": "failed", **_failure(self.redact(reason))}

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
            **_failure("" if state in ("training", "waiting", "done") else failure),
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


def _failure(text: str) -> dict[str, Any]:
    return {"failure": str(text), "failure_text": text_to_json(text)}


def process_name(folder: Path) -> str:
    """Return the name of a run's processes, which doesn't depend on how the path is written."""
    path = folder.resolve()
    return f"{path.name[:40]}-{sha256(os.fsencode(path)).hexdigest()[:12]}"


def _is_shipped(folder: Path) -> bool:
    return folder.resolve().is_relative_to(SHIPPED.resolve())
