"""The tour: train the systems, measure every claim, write the report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from latentarium import presets
from latentarium.config import Config
from latentarium.machine import describe_machine, versions
from latentarium.progress import ConsoleProgress
from latentarium.tour.claim import Claim
from latentarium.tour.measuring import Tour, all_claims, finished_share, measure_claims
from latentarium.tour.report import REPORT_FILE, write_report
from latentarium.tour.results import ClaimResult, TourReport
from latentarium.tour.systems import SHORTER, SYSTEMS, TRAINED
from latentarium.tour.unfinished import UnfinishedReport
from latentarium.training import Reporter, Training, train_together


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
    results = train_together(list(trainings.values()), reporter=reporter, watch=page.update)
    trained = dict(zip(trainings, results, strict=True))
    tour = Tour(
        tuple((name, training.run.folder) for name, training in trained.items()), seed, quick
    )
    measuring_started = time.monotonic()
    task = display.task("measure the claims", len(claims))

    def show(results: Mapping[str, ClaimResult]) -> None:
        task.update(len(results), ", ".join(results), finished_share(results))
        page.update(list(results.values()), now=True)

    measured, summaries = measure_claims(tour, show)
    task.end()
    part_seconds = {name: t.seconds + t.earlier_seconds for name, t in trained.items()}
    part_seconds["measuring"] = time.monotonic() - measuring_started
    earlier_seconds = sum(training.earlier_seconds for training in trained.values())
    finished = replace(
        report(measured),
        systems=summaries,
        seconds=earlier_seconds + time.monotonic() - started,
        part_seconds=part_seconds,
    )
    write_report(finished, out)
    return finished


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
