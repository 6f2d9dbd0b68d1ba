"""Measure the claims of a tour in worker processes, as soon as the systems that they need are
trained.

Each worker keeps one `TourContext`, so the claims that it measures share their samples and
features. Results are also written to files, from which the main process shows them as they come.
"""

import pickle
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from latentarium import charts
from latentarium.classifier.classifier import load_classifier
from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.evaluation.context import shuffle_test_split
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.export.html import export_html
from latentarium.registry import registered
from latentarium.run import Run
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import Computed, TourContext
from latentarium.tour.results import ClaimResult, Figure, SystemSummary
from latentarium.tour.systems import SYSTEMS
from latentarium.training import FollowUp, FollowUpResult

DATA = "mnist"
SAMPLES_SHOWN = 30
PAGES = ("vae", "cgan")
"""The systems that are exported to a page each, which the report links to."""
OTHER_SECONDS = 30.0
"""Seconds that one processor core needs for the pages and the summary, as for `Claim.seconds`."""


@dataclass(frozen=True)
class Tour:
    """What the claims of a tour are measured on.

    Arguments:
        folders: The names of the runs and their folders.
        seed: The seed of all random numbers.
        quick: Whether to use few samples, which only checks that everything works.
        results: An empty folder, to which the processes write their results.
    """

    folders: tuple[tuple[str, Path], ...]
    seed: int
    quick: bool
    results: Path


@lru_cache(maxsize=1)
def open_context(tour: Tour) -> TourContext:
    """Return the shared inputs of the claims of a tour in this process."""
    data, folders = load_data(DATA), dict(tour.folders)
    return TourContext(
        data=shuffle_test_split(_shorten(data) if tour.quick else data),
        classifier=load_classifier(),
        runs=Computed(lambda name: Run(folders[name])),
        seed=tour.seed,
        n=200 if tour.quick else 10_000,
        response_steps=1 if tour.quick else RESPONSE_STEPS,
    )


def all_claims() -> dict[str, Claim]:
    """Return every registered claim by its id, in the order of the report."""
    claims = {name: entry.component() for name, entry in registered("claim").items()}
    return dict(sorted(claims.items(), key=lambda item: item[1].order))


def finished_share(names: Collection[str]) -> float:
    """Return the share of the measuring time that the claims with these ids take.

    The first claims to be finished take most of the time, so their number is a poor estimate.
    """
    seconds = {name: claim.seconds for name, claim in all_claims().items()}
    return sum(seconds[name] for name in names) / (sum(seconds.values()) + OTHER_SECONDS)


def grouped(claims: Mapping[str, Claim]) -> list[tuple[str, ...]]:
    """Return the ids of claims by group, the longest group first, so that no worker is left alone
    with a long one."""
    groups: dict[str, list[str]] = {}
    for name, claim in claims.items():
        groups.setdefault(claim.group or name, []).append(name)

    def seconds(group: tuple[str, ...]) -> float:
        return sum((claims[name].seconds for name in group), 0.0)

    return sorted(map(tuple, groups.values()), key=seconds, reverse=True)


class Measuring:
    """The measurements of all claims, the pages and the summaries of the four systems.

    Arguments:
        tour: What to measure them on.
    """

    def __init__(self, tour: Tour) -> None:
        self._folder = tour.results
        self._claims = all_claims()
        self._known: dict[str, ClaimResult] = {}
        groups = grouped(self._claims)
        self.follow_ups: tuple[FollowUp, ...] = (
            *(
                FollowUp(
                    after=tuple(sorted({s for n in names for s in self._claims[n].systems})),
                    compute=_ClaimTask(tour, names),
                )
                for names in groups
            ),
            *(FollowUp(after=(name,), compute=_PageTask(tour, name)) for name in PAGES),
            FollowUp(after=tuple(SYSTEMS), compute=_SummaryTask(tour)),
        )

    def results(self) -> dict[str, ClaimResult]:
        """Return the results that are known so far, by the id of the claim and in the order of the
        report."""
        for name in self._claims:
            path = self._folder / name
            if name not in self._known and path.exists():
                self._known[name] = pickle.loads(path.read_bytes())
        return {name: self._known[name] for name in self._claims if name in self._known}

    def summaries(self, values: Sequence[FollowUpResult]) -> tuple[SystemSummary, ...]:
        """Return the summaries of the four systems, given what all follow-ups returned."""
        *others, summaries = [value.value for value in values]
        pages = dict(zip(PAGES, others[-len(PAGES) :], strict=True))
        return tuple(replace(summary, page=pages.get(summary.id)) for summary in summaries)


@dataclass(frozen=True)
class _ClaimTask:
    """Measures claims of one group, and writes each result to a file."""

    tour: Tour
    names: tuple[str, ...]

    def __call__(self) -> None:
        for name in self.names:
            claim: Claim = registered("claim")[name].component()
            result = replace(claim.measure(open_context(self.tour)), id=name)
            unfinished = self.tour.results / f".{name}"
            unfinished.write_bytes(pickle.dumps(result))
            unfinished.rename(self.tour.results / name)


@dataclass(frozen=True)
class _PageTask:
    tour: Tour
    name: str

    def __call__(self) -> str | None:
        """Write the page of a system next to its run, and return the name of the file; None if it
        can't be exported."""
        context = open_context(self.tour)
        run = context.runs[self.name]
        path = run.folder.with_name(f"{self.name}.html")
        try:
            export_html(run, path, data=context.data, trust=not self.tour.quick)
        except UserError as error:
            warnings.warn(f"{path} is not written: {error}", stacklevel=1)
            return None
        return path.name


@dataclass(frozen=True)
class _SummaryTask:
    tour: Tour

    def __call__(self) -> tuple[SystemSummary, ...]:
        context = open_context(self.tour)
        return tuple(_summarize(context, name) for name in SYSTEMS)


def _shorten(data: Data) -> Data:
    """Return the first images of each split, for a quick tour."""

    def first(split: Split, n: int) -> Split:
        labels = None if split.labels is None else split.labels[:n]
        return Split(split.images[:n], labels)

    return Data(
        data.card, first(data.train, 1500), first(data.validation, 240), first(data.test, 600)
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
