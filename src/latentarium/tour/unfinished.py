"""The report of a tour that is still running.

The page is rewritten as results come, and it refreshes itself. It shows how far each training is,
with its newest samples, and the claims that are measured already.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from latentarium.errors import UserError
from latentarium.files import read_regular_file, write_atomic
from latentarium.run import Run
from latentarium.tour.report import render
from latentarium.tour.results import ClaimResult, Figure, TourReport, TrainingProgress
from latentarium.tour.systems import SYSTEMS
from latentarium.training import Training

INTERVAL = 5.0
"""Seconds between two versions of the page."""


def progress_of(training: Training) -> TrainingProgress:
    """Return the progress of a training, from the files of its run."""
    system = SYSTEMS.get(training.title)
    steps = training.config.train.steps
    waiting = TrainingProgress(
        id=training.title,
        name=system.name if system else training.title,
        description=system.description if system else "",
        step=0,
        steps=steps,
        seconds_left=None,
        samples=None,
    )
    if not Run.is_at(training.folder):
        return waiting
    run = Run(training.folder)
    step, seconds = run.progress() or (0, 0.0)
    left = seconds / step * (steps - step) if step else None
    samples = None
    for number, path in list(run.samples().items())[-1:]:
        samples = Figure(
            caption=f"Samples after {number:,} steps",
            alt=f"Samples of the {waiting.name} after {number:,} steps",
            content=read_regular_file(path),
        )
    return replace(waiting, step=step, seconds_left=left, samples=samples)


class UnfinishedReport:
    """Writes report.html while the tour is running.

    A page that can't be written is left out, since the finished report will be refused for the
    same reason.

    Arguments:
        path: The file of the page.
        trainings: All trainings of the tour.
        report: Returns the report with the claims that are measured already.
        num_claims: The number of all claims.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        path: Path,
        trainings: Sequence[Training],
        report: Callable[[tuple[ClaimResult, ...]], TourReport],
        num_claims: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._trainings, self._report = path, trainings, report
        self._num_claims, self._clock = num_claims, clock
        self._written: float | None = None

    def update(self, results: Sequence[ClaimResult] = (), *, now: bool = False) -> None:
        """Write the page, if the last version is at least `INTERVAL` old or with `now`."""
        time_passed = self._written is None or self._clock() - self._written >= INTERVAL
        if not (now or time_passed):
            return
        self._written = self._clock()
        # a run may be read while its process writes it
        with contextlib.suppress(UserError, OSError):
            progress = [progress_of(training) for training in self._trainings]
            page = render(
                self._report(tuple(results)),
                progress=progress,
                num_missing=self._num_claims - len(results),
            )
            write_atomic(self._path, page.encode())
