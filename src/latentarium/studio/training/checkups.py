"""Measurements of a run that the page requests: cost, duality gap, diagnosis, fitted priors.

All of them run in child processes at low priority.
"""

import json
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from latentarium.errors import UserError
from latentarium.evaluation.game_protocol import is_current
from latentarium.studio.child_processes import ChildProcesses, TemporaryFolder
from latentarium.studio.training.jobs import TrainingJobs
from latentarium.studio.training.listing import process_name
from latentarium.studio.training.request import TrainingRequest, train_arguments
from latentarium.studio.training.timed_commands import ProgressLines, TimedCommands
from latentarium.texts import Text, text_to_json

TIMEOUT = 600.0
"""Seconds that an estimate or a diagnosis may take."""
FIT_TIMEOUT = 3600.0
"""Seconds that the fit of a prior may take."""


class Checkups:
    """Measures trainings at the request of the page.

    Arguments:
        trainings: The trainings.
        commands: Runs the commands that the page waits for.
    """

    def __init__(self, trainings: TrainingJobs, commands: TimedCommands | None = None) -> None:
        self.trainings = trainings
        self.duality_gaps: ChildProcesses = ChildProcesses(
            trainings.folder / ".studio" / "duality-gap", trainings.command_line
        )
        self.commands: TimedCommands = commands or TimedCommands(trainings.command_line)
        self._busy, self._start_lock = threading.Lock(), threading.Lock()

    def estimate(self, request: TrainingRequest) -> ProgressLines:
        """Estimate the time and memory of a training from a few of its steps.

        Raises:
            UserError: The settings are invalid, or another measurement is running (code "busy").
        """
        arguments = [*train_arguments(request, self.trainings.uploads), "--dry-run", "--json"]
        printed = yield from self._run_alone(*arguments)
        yield {"result": json.loads(printed.splitlines()[-1])}

    def diagnose(self, name: str) -> ProgressLines:
        """Run `latentarium doctor` on a run.

        Raises:
            UserError: The run has no weights yet, or another measurement is running (code "busy").
        """
        folder = self.trainings.run(name).folder
        with TemporaryFolder() as temporary:
            path = temporary / "doctor.json"
            yield from self._run_alone("doctor", str(folder), "--json", str(path))
            yield {"result": json.loads(path.read_text())}

    def fit_prior(self, folder: Path, kind: str, data: str | None) -> ProgressLines:
        """Run `latentarium fit-prior` on a run, and yield the progress.

        Arguments:
            folder: The folder of the run.
            kind: The kind of the prior.
            data: The new source of its images, if they have moved.

        Raises:
            UserError: The prior can't be fitted, or another measurement is running (code "busy").
        """
        source = [] if data is None else ["--data", data]
        arguments = ("fit-prior", str(folder), "--kind", kind, *source)
        yield from self._run_alone(*arguments, timeout=FIT_TIMEOUT)

    def duality_gap(self, name: str) -> dict[str, Any]:
        """Return the measured duality gaps of a run, and whether more are being measured.

        "part" names the snapshot that is being measured. Results of an earlier version are left
        out, and "outdated" tells that there are some.
        """
        run = self.trainings.run(name)
        key = process_name(run.folder)
        measuring = self.duality_gaps.is_running(key)
        stored = run.duality_gap()
        outdated = stored is not None and not is_current(stored)
        if stored is None or outdated:
            stored = {"protocol": None, "wanted": [], "snapshots": {}}
        failure = "" if measuring else self.duality_gaps.failure(key)
        progress = self.duality_gaps.progress(key) if measuring else None
        return {
            **stored,
            "outdated": outdated,
            "measuring": measuring,
            "part": progress.label if progress else "",
            "failure": str(failure),
            "failure_text": text_to_json(failure),
        }

    def measure_duality_gap(self, name: str) -> dict[str, Any]:
        """Start to measure the duality gap of every snapshot, and return the current state.

        Raises:
            UserError: Another duality gap is being measured (code "busy"), or the run has no
                snapshots (code "no-snapshots").
        """
        run = self.trainings.run(name)
        if not run.snapshots():
            raise UserError(
                Text("{name} has no snapshots: train it again from this page.", name=name),
                code="no-snapshots",
            )
        with self._start_lock:
            if any(self.duality_gaps.is_running(key) for key in self.duality_gaps.names()):
                raise UserError(
                    "Another duality gap is being measured: wait until it has ended.", code="busy"
                )
            self.duality_gaps.start(
                process_name(run.folder),
                run.folder,
                ["duality-gap", str(run.folder)],
                background=True,
            )
        return self.duality_gap(name)

    def require_idle(self, name: str) -> None:
        """Check that the duality gap of a run is not being measured.

        Raises:
            UserError: It is (code "busy").
        """
        if self.duality_gaps.is_running(process_name(self.trainings.folder_of(name))):
            raise UserError(
                Text(
                    "The duality gap of {name} is being measured: stop the measurement first.",
                    name=name,
                ),
                code="busy",
            )

    def stop_duality_gap(self, name: str) -> dict[str, Any]:
        """Stop the measurement and return the current state; measured snapshots are kept."""
        self.duality_gaps.stop(process_name(self.trainings.run(name).folder))
        return self.duality_gap(name)

    def _run_alone(
        self, *arguments: str, timeout: float = TIMEOUT
    ) -> Generator[dict[str, Any], None, str]:
        """Run a command, or fail if another one is running: waiting would block a thread."""
        if not self._busy.acquire(blocking=False):
            raise UserError("Another measurement is running: try again in a while.", code="busy")
        try:
            return (yield from self.commands.run(*arguments, timeout=timeout))
        finally:
            self._busy.release()
