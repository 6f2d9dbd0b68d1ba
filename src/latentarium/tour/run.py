"""The tour: train the systems, measure every claim as soon as its systems are trained, and write
the report."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from latentarium import presets
from latentarium.config import Config
from latentarium.machine import describe_machine, versions
from latentarium.progress import ConsoleProgress, ProgressTask
from latentarium.tour.claim import Claim
from latentarium.tour.measuring import (
    Measuring,
    Tour,
    all_claims,
    finished_share,
    open_context,
)
from latentarium.tour.report import REPORT_FILE, write_report
from latentarium.tour.results import ClaimResult, TourReport
from latentarium.tour.systems import SHORTER, SYSTEMS, TRAINED
from latentarium.tour.unfinished import UnfinishedReport
from latentarium.training import Reporter, Training, train_and_follow_up


def run_tour(
    out: Path,
    *,
    seed: int,
    quick: bool,
    display: ConsoleProgress,
    reporter: Callable[[str], Reporter],
) -> TourReport:
    """Train or resume the systems, measure the claims, and write report.html and report.json.

    Arguments:
        out: The folder to write to. The runs of the four systems are its subfolders ae, vae, gan
            and cgan; the other runs are in its subfolder more.
        seed: The seed of all random numbers.
        quick: Whether to train for few steps and to use few samples, which only checks that
            everything works.
        display: The console display of progress.
        reporter: Returns the progress reporter of a training run, given the run's title.
    """
    started = time.monotonic()
    claims = all_claims()
    trainings = _trainings(out, claims, seed, quick)

    def report(results: tuple[ClaimResult, ...] = ()) -> TourReport:
        return TourReport(
            claims=results,
            systems=(),
            seconds=time.monotonic() - started,
            seed=seed,
            quick=quick,
            versions=versions(),
            machine=describe_machine(),
        )

    page = UnfinishedReport(out / REPORT_FILE, list(trainings.values()), report, len(claims))
    page.update(now=True)
    display.print(f"Train {len(trainings)} models: {', '.join(trainings)}.")
    address = (out / REPORT_FILE).resolve().as_uri()
    display.print(f"Open {address} in a browser: it shows the results as they come.")
    folders = tuple((name, training.folder) for name, training in trainings.items())
    with tempfile.TemporaryDirectory() as results_folder:
        measuring = Measuring(Tour(folders, seed, quick, Path(results_folder)))
        show = _Display(display, page, measuring, len(trainings), len(claims))
        runs, followed = train_and_follow_up(
            list(trainings.values()), measuring.follow_ups, reporter=reporter, watch=show
        )
        results = measuring.results()
        show.end()
    open_context.cache_clear()  # of the claims that were measured in this process
    part_seconds = {
        name: run.seconds + run.earlier_seconds for name, run in zip(trainings, runs, strict=True)
    }
    part_seconds["measuring"] = sum(result.seconds for result in followed)
    earlier_seconds = sum(run.earlier_seconds for run in runs)
    finished = replace(
        report(tuple(results.values())),
        systems=measuring.summaries(followed),
        seconds=earlier_seconds + time.monotonic() - started,
        part_seconds=part_seconds,
    )
    write_report(finished, out)
    return finished


class _Display:
    """Shows the results as they come, on the page and on the console.

    Arguments:
        display: The console display of progress. The measurements have a task of their own once
            all trainings have ended.
        page: The page of the running tour.
        measuring: The measurements.
        num_trainings: The number of trainings.
        num_claims: The number of claims.
    """

    def __init__(
        self,
        display: ConsoleProgress,
        page: UnfinishedReport,
        measuring: Measuring,
        num_trainings: int,
        num_claims: int,
    ) -> None:
        self._display, self._page, self._measuring = display, page, measuring
        self._num_trainings, self._num_claims = num_trainings, num_claims
        self._shown = 0
        self._task: ProgressTask | None = None
        self._before = 0.0  # share of the measuring time before the task

    def __call__(self, num_trained: int) -> None:
        """Show new results, given the number of trainings that have ended."""
        results = self._measuring.results()
        new = len(results) > self._shown
        self._shown = len(results)
        self._page.update(list(results.values()), now=new)
        share = finished_share(results)
        if num_trained == self._num_trainings and self._task is None:
            self._task = self._display.task("measure the claims", self._num_claims, len(results))
            self._before = share
        if new and self._task is not None:
            share = (share - self._before) / (1 - self._before)
            self._task.update(len(results), ", ".join(results), share)

    def end(self) -> None:
        """Report that all claims are measured."""
        if self._task is not None:
            self._task.end()


def _trainings(
    out: Path, claims: Mapping[str, Claim], seed: int, quick: bool
) -> dict[str, Training]:
    """Return the trainings of the four systems and of the other systems that the claims need."""
    needed = [name for claim in claims.values() for name in claim.systems]
    known = [name for name in TRAINED if name in SYSTEMS or name in needed]
    return {
        name: Training(
            title=name,
            config=_configure(name, seed, quick),
            folder=out / name if name in SYSTEMS else out / "more" / name,
        )
        for name in [*known, *needed]
    }


def _configure(name: str, seed: int, quick: bool) -> Config:
    config = presets.get(TRAINED.get(name, name))
    steps = SHORTER.get(name, config.train.steps)
    settings = replace(config.train, seed=seed, steps=steps)
    if quick:
        settings = replace(settings, steps=10, log_every=5, snapshots=2)
    return replace(config, train=settings)
