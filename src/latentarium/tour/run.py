"""The tour: train the systems, measure every claim, write the report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from latentarium import charts, presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data
from latentarium.evaluation.context import shuffle_test_split
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.machine import describe_machine, versions
from latentarium.progress import ConsoleProgress
from latentarium.registry import registered
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.report import REPORT_FILE, write_report
from latentarium.tour.results import ClaimResult, Figure, SystemSummary, TourReport
from latentarium.tour.systems import SYSTEMS, TRAINED
from latentarium.tour.unfinished import UnfinishedReport
from latentarium.training import Reporter, Training, train_together

DATA = "mnist"
SAMPLES_SHOWN = 30


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
    data = load_data(DATA)
    context = TourContext(
        data=shuffle_test_split(_shorten(data) if quick else data),
        classifier=load_classifier(),
        runs={name: training.run for name, training in trained.items()},
        seed=seed,
        n=500 if quick else 10_000,
        response_steps=5 if quick else RESPONSE_STEPS,
    )
    measuring_started = time.monotonic()
    measured = _measure(claims, context, display, page)
    part_seconds = {name: t.seconds + t.earlier_seconds for name, t in trained.items()}
    part_seconds["measuring"] = time.monotonic() - measuring_started
    earlier_seconds = sum(training.earlier_seconds for training in trained.values())
    finished = replace(
        report(measured),
        systems=tuple(_summarize(context, name) for name in SYSTEMS),
        seconds=earlier_seconds + time.monotonic() - started,
        part_seconds=part_seconds,
    )
    write_report(finished, out)
    return finished


def all_claims() -> dict[str, Claim]:
    """Return every registered claim by its id, in the order of the report."""
    claims = {name: entry.component() for name, entry in registered("claim").items()}
    return dict(sorted(claims.items(), key=lambda item: item[1].order))


def _trainings(
    out: Path, claims: Mapping[str, Claim], seed: int, quick: bool
) -> dict[str, Training]:
    """Return the trainings of the four systems and of the other systems that the claims need."""
    needed = [name for claim in claims.values() for name in claim.systems]
    known = [name for name in TRAINED if name in SYSTEMS or name in needed]
    return {
        name: Training(
            title=name,
            config=_configure(TRAINED.get(name, name), seed, quick),
            folder=out / name if name in SYSTEMS else out / "more" / name,
        )
        for name in [*known, *needed]
    }


def _measure(
    claims: Mapping[str, Claim],
    context: TourContext,
    display: ConsoleProgress,
    page: UnfinishedReport,
) -> tuple[ClaimResult, ...]:
    results: list[ClaimResult] = []
    task = display.task("measure the claims", len(claims))
    for name, claim in claims.items():
        results.append(replace(claim.measure(context), id=name))
        task.update(len(results), name)
        page.update(results, now=True)
    task.end()
    return tuple(results)


def _configure(preset: str, seed: int, quick: bool) -> Config:
    config = presets.get(preset)
    settings = replace(config.train, seed=seed)
    if quick:
        settings = replace(settings, steps=20, log_every=10, snapshots=3)
    return replace(config, train=settings)


def _shorten(data: Data) -> Data:
    """Return the first images of each split, for a quick tour."""

    def first(split: Split, n: int) -> Split:
        labels = None if split.labels is None else split.labels[:n]
        return Split(split.images[:n], labels)

    return Data(
        data.card, first(data.train, 4000), first(data.validation, 1000), first(data.test, 2000)
    )


def _summarize(tour: TourContext, name: str) -> SystemSummary:
    system, model = SYSTEMS[name], tour.model(name)
    return SystemSummary(
        id=name,
        name=system.name,
        description=system.description,
        numbers=(
            replace(tour.frechet_distances[name], name="Fréchet distance"),
            Measurement(
                name="Parameters",
                value=sum(p.numel() for p in model.parameters()),
                better="neither",
            ),
            Measurement(
                name="Training",
                value=tour.runs[name].training_seconds(),
                unit="s",
                better="neither",
            ),
            Measurement(name="Latent dimensions", value=model.latent_dim, better="neither"),
        ),
        samples=Figure(
            caption="Samples",
            alt=f"Samples of the {system.name}",
            content=charts.image_grid(tour.samples[name][:SAMPLES_SHOWN], 6),
        ),
    )
