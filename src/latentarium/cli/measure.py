"""Commands that measure: one run, several side by side, protocols over seeds, the tour."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from latentarium.cli.output import say

if TYPE_CHECKING:
    from latentarium.evaluation.report import Report


def tour(out: Path = Path("tour"), seed: int = 0, quick: bool = False) -> None:
    """Trains AE, VAE, GAN and CGAN on the shipped MNIST and measures what each claims.

    Writes report.html, report.json and the runs; takes about eight minutes on two cores. The same
    command resumes.

    Args:
        out: The folder to write to.
        seed: All randomness is a function of it.
        quick: Trains tiny models in a minute, to see that everything works; its verdicts mean
            nothing.
    """
    from latentarium.diagnostics.live import Watched
    from latentarium.progress import console_progress
    from latentarium.tour.run import run_tour

    with console_progress() as shown:
        report = run_tour(
            out, seed=seed, quick=quick, display=shown,
            reporter=lambda title: Watched(shown, title),
        )  # fmt: skip
    for claim in report.claims:
        say(f"{claim.verdict:<6} {claim.id:<20} {claim.headline()}")
    say(f"Open {out / 'report.html'} in a browser.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """How runs are evaluated."""

    data: str | None = None
    """Real images, as for training; without it, those that the run was trained on."""
    n: int = 10_000
    """Samples, measured beside at most as many real test images."""
    seed: int = 0
    """Of every draw."""
    extractor: Literal["auto", "judge", "random", "pca"] = "auto"
    """What turns images into features: the judge of labelled data, random convolutions, or the
    principal components of pixels; auto takes the judge where there are labels."""
    inception_weights: Path | None = None
    """Weights of the Inception network, which then is the extractor, so that the Fréchet distance
    is FID; needs the package torch-fidelity."""
    nll_samples: int = 500
    """Importance samples for each image, for models with a likelihood."""


def evaluate(
    run: Annotated[Path, tyro.conf.Positional],
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measures all that fits a trained run, prints it and writes metrics.json beside the run.

    Args:
        run: The run's folder.
        options: How.
        as_json: A file to write the same JSON to.
    """
    from latentarium.evaluation.report import TITLES
    from latentarium.files import write_atomic
    from latentarium.tables import render_table

    report = _evaluated(run, options)
    say(render_table(TITLES, report.rows()))
    say("\n".join(["", *report.notes(), f"Written to {run / 'metrics.json'}."]))
    if as_json is not None:
        write_atomic(as_json, (run / "metrics.json").read_bytes())


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional],
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Sets the measurements of several runs side by side; refuses unlike protocols.

    A run that was not evaluated yet, or was trained on since, is evaluated first.

    Args:
        runs: The runs' folders, at least two.
        options: How runs that need it are evaluated.
        as_json: A file to write the table to.
    """
    from latentarium.evaluation.report import Report
    from latentarium.evaluation.report import compare as side_by_side
    from latentarium.files import write_atomic
    from latentarium.run import Run
    from latentarium.tables import render_table

    reports = {}
    for folder in runs:
        kept = Run(folder).metrics()
        fresh = kept is not None and kept.get("weights") == Run(folder).weights_hash()
        asked = options != EvaluateOptions()  # then what was measured otherwise won't do
        known = Report.from_dict(kept) if kept is not None and fresh and not asked else None
        reports[_short(folder, runs)] = known or _evaluated(folder, options)
    found = side_by_side(reports)
    say(render_table(found.titles, found.rows))
    say("\n" + render_table(found.how_titles, found.how))
    say("\n".join(["", *found.notes]))
    if as_json is not None:
        content = {name: report.to_dict() for name, report in reports.items()}
        write_atomic(as_json, (json.dumps(content, indent=2) + "\n").encode())


def _short(folder: Path, among: Sequence[Path]) -> str:
    """The folder's own name, or its path where another has the same name."""
    same = [other for other in among if other.name == folder.name]
    return folder.name if len(same) == 1 and folder.name else str(folder)


def _evaluated(folder: Path, options: EvaluateOptions) -> "Report":
    """Evaluates a run with progress, and writes its metrics.json."""
    from latentarium.evaluation import evaluate_run
    from latentarium.progress import console_progress

    with console_progress() as shown:
        return evaluate_run(
            folder,
            data=options.data,
            n=options.n,
            seed=options.seed,
            extractor=options.extractor,
            inception_weights=options.inception_weights,
            nll_samples=options.nll_samples,
            shown=shown,
        )


def bench(
    name: Annotated[str, tyro.conf.Positional] = "",
    seeds: int = 5,
    budget: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> None:
    """Runs a published protocol over seeds, and prints its rows beside the published ones.

    Without a name it lists the benches. The same command resumes.

    Args:
        name: Which one.
        seeds: How many trainings, of the seeds from 0.
        budget: small (the presets' own steps, the default), full, or a number of steps.
        out: The folder to write to; without it, bench/NAME.
        device: auto: a GPU if there is one, else the CPU; or a torch device name.
    """
    from latentarium.registry import registered
    from latentarium.bench.run import run_bench
    from latentarium.diagnostics.live import Watched
    from latentarium.progress import console_progress
    from latentarium.tables import render_table

    if not name:
        benches = {key: entry.component() for key, entry in registered("bench").items()}
        rows = [[key, b.title, ", ".join(b.budgets)] for key, b in benches.items()]
        say(render_table(["bench", "what it measures", "budgets"], rows))
        return
    folder = out or Path("bench") / name
    with console_progress() as shown:
        report = run_bench(
            name, folder, seeds=seeds, budget=budget, device=device, display=shown,
            reporter=lambda title: Watched(shown, title),
        )  # fmt: skip
    say(render_table(*report.table()))
    say("\n".join(["", *report.notes()]))
    say(f"Written to {folder / 'bench.json'} and {folder / 'bench.svg'}.")


def doctor(
    run: Annotated[Path, tyro.conf.Positional],
    data: str | None = None,
    n: int = 2000,
    seed: int = 0,
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Says what is wrong with a trained run, how that shows, and what usually cures it.

    Args:
        run: The run's folder.
        data: What it was trained on, where that has moved.
        n: Samples to look at.
        seed: Of every draw.
        as_json: A file to write the same to, for a machine to read.
    """
    from latentarium.data.sources import load_data
    from latentarium.diagnostics.examine import examine, rules_of
    from latentarium.files import write_atomic
    from latentarium.progress import console_progress
    from latentarium.run import Run

    patient = Run(run)
    images = load_data(data or patient.config.train.data, size=patient.config.train.image_size)
    with console_progress() as shown:
        bar = shown.task(str(run), len(rules_of(patient.config.model)))
        found = examine(patient, images, n=n, seed=seed, progress=bar.update)
        bar.end()
    say("\n".join(found.lines()))
    if as_json is not None:
        write_atomic(as_json, found.to_json())


def gap(run: Annotated[Path, tyro.conf.Positional], data: str | None = None) -> None:
    """Measures how far a run's game was from its equilibrium, over its training.

    Writes gap.json beside the run; the same command goes on where it was ended.

    Args:
        run: The run's folder; it must have kept snapshots (--train.snapshots).
        data: What it was trained on, where that has moved.
    """
    from latentarium.evaluation import measure_gap
    from latentarium.progress import console_progress

    with console_progress() as shown:
        found = measure_gap(run, data=data, shown=shown)
    for step, at in found["moments"].items():
        low, high = at["interval"]
        say(f"step {step:>7}  {at['total']:8.4f}  ({low:.4f} to {high:.4f})")
    say(f"Written to {run / 'gap.json'}.")
