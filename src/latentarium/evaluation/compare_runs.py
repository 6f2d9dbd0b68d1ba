"""Reports of several runs, after a check that they can be compared.

The data of all runs are compared by their fingerprints before anything is measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from latentarium.evaluation.report import Report, require_same_data, require_several
from latentarium.run import Run
from latentarium.run.priors import split_prior


@dataclass(frozen=True)
class RunWithPrior:
    """A run and the prior to sample from.

    Arguments:
        folder: The folder of the run.
        prior: As for `Run.load`.
    """

    folder: Path
    prior: str | None = None

    @classmethod
    def parse(cls, text: str, prior: str | None = None) -> "RunWithPrior":
        """Read a folder, or FOLDER@KIND; `prior` is the kind if none is given."""
        folder, kind = split_prior(text)
        return cls(Path(folder), kind or prior)


def reports_to_compare(
    runs: Mapping[str, RunWithPrior],
    measure: Callable[[RunWithPrior], Report],
    *,
    data: str | None = None,
    reuse: bool = True,
) -> dict[str, Report]:
    """Return the reports of runs, and measure the runs that have none for their current weights.

    Arguments:
        runs: At least 2 runs by name.
        measure: Measures a run.
        data: The source of real images to measure with; None for the training data of each run.
        reuse: Whether stored measurements are used; False to measure all runs.

    Raises:
        UserError: There are fewer than 2 runs (code "too-few-runs"), their data differ (code
            "unlike-data"), a run has no such prior, or the data of a run to measure can't be
            loaded.
    """
    require_several(len(runs))
    opened = {name: Run(run.folder) for name, run in runs.items()}
    reports: dict[str, Report] = {}
    sources: dict[str, tuple[str, str]] = {}
    for name, run in opened.items():
        prior = run.resolve_prior(runs[name].prior)
        weights, stored = run.weights_hash(prior), run.metrics(prior) if reuse else None
        card = run.data
        if stored is not None and stored.get("weights") == weights:
            reports[name] = Report.from_dict(stored)
            sources[name] = reports[name].data, reports[name].fingerprint
            continue
        if data is not None:
            card = run.load_data(data).card
        sources[name] = card.source, card.fingerprint
    require_same_data(sources)
    missing = [name for name in runs if name not in reports]
    if data is None:
        for name in missing:
            opened[name].load_data()  # data that have moved are reported before time is spent
    measured = {name: measure(runs[name]) for name in missing}
    return {name: reports.get(name) or measured[name] for name in runs}
