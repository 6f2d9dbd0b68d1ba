"""The commands tour, evaluate, compare, bench, doctor and duality-gap."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from latentarium.cli.output import print_result

if TYPE_CHECKING:
    from latentarium.evaluation.report import Report


def tour(out: Path = Path("tour"), seed: int = 0, quick: bool = False) -> None:
    """Train an autoencoder, a VAE, a GAN and a conditional GAN on MNIST, and test claims about
    them.

    Writes report.html, report.json and the runs. Takes about eight minutes on two cores. To
    resume, repeat the command.

    Args:
        out: The folder to write to.
        seed: Seed of all randomness.
        quick: Train tiny models in a minute, to check that everything works. The verdicts are
            then meaningless.
    """
    from latentarium.diagnostics.live import ConsoleReporter
    from latentarium.progress import console_progress
    from latentarium.tour.run import run_tour

    with console_progress() as progress:
        report = run_tour(
            out, seed=seed, quick=quick, display=progress,
            reporter=lambda title: ConsoleReporter(progress, title),
        )  # fmt: skip
    for claim in report.claims:
        print_result(f"{claim.verdict:<6} {claim.id:<20} {claim.headline()}")
    print_result(f"Open {out / 'report.html'} in a browser.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of an evaluation."""

    data: str | None = None
    """Source of the real images, as for training; by default, the images of the training."""
    n: int = 10_000
    """Number of samples. Of the real test images, at most as many are used."""
    seed: int = 0
    """Seed of all randomness."""
    extractor: Literal["auto", "classifier", "random", "pca"] = "auto"
    """Extractor of image features: the evaluation classifier of labelled data, random
    convolutions, or the principal components of pixels. auto: the classifier if there are
    labels."""
    inception_weights: Path | None = None
    """File with the weights of the Inception network. With this file, Inception is the extractor,
    so that the Fréchet distance is the FID. Needs the package torch-fidelity."""
    nll_samples: int = 500
    """Importance samples per image, for models with a likelihood."""


def evaluate(
    run: Annotated[Path, tyro.conf.Positional],
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure a trained run, print a table, and write metrics.json to its folder.

    Args:
        run: The folder of the run.
        options: Options of the evaluation.
        as_json: Another file to write the content of metrics.json to.
    """
    from latentarium.evaluation.report import COLUMNS
    from latentarium.files import write_atomic
    from latentarium.tables import render_table

    report = _evaluate(run, options)
    print_result(render_table(COLUMNS, report.rows()))
    print_result("\n".join(["", *report.notes(), f"Written to {run / 'metrics.json'}."]))
    if as_json is not None:
        write_atomic(as_json, (run / "metrics.json").read_bytes())


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional],
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Show the measurements of several runs side by side.

    A run without measurements of its current weights is evaluated first. Runs that were measured
    with different protocols are refused.

    Args:
        runs: The folders of at least two runs.
        options: Options for the runs that are evaluated.
        as_json: A file to write the measurements to, as JSON.
    """
    from latentarium.evaluation.report import Report
    from latentarium.evaluation.report import compare as compare_reports
    from latentarium.files import write_atomic
    from latentarium.run import Run
    from latentarium.tables import render_table

    reports = {}
    for folder in runs:
        stored = Run(folder).metrics()
        current = stored is not None and stored.get("weights") == Run(folder).weights_hash()
        if stored is not None and current and options == EvaluateOptions():
            report = Report.from_dict(stored)
        else:  # other options need a separate evaluation
            report = _evaluate(folder, options)
        reports[_label(folder, runs)] = report
    comparison = compare_reports(reports)
    print_result(render_table(comparison.columns, comparison.rows))
    print_result("\n" + render_table(comparison.protocol_columns, comparison.protocol_rows))
    print_result("\n".join(["", *comparison.notes]))
    if as_json is not None:
        content = {name: report.to_dict() for name, report in reports.items()}
        write_atomic(as_json, (json.dumps(content, indent=2) + "\n").encode())


def _label(folder: Path, folders: Sequence[Path]) -> str:
    """Return the folder's own name, or its path if another folder has the same name."""
    same = [other for other in folders if other.name == folder.name]
    return folder.name if len(same) == 1 and folder.name else str(folder)


def _evaluate(folder: Path, options: EvaluateOptions) -> "Report":
    from latentarium.evaluation import evaluate_run
    from latentarium.progress import console_progress

    with console_progress() as progress:
        return evaluate_run(
            folder,
            data=options.data,
            n=options.n,
            seed=options.seed,
            extractor=options.extractor,
            inception_weights=options.inception_weights,
            nll_samples=options.nll_samples,
            display=progress,
        )


def bench(
    name: Annotated[str, tyro.conf.Positional] = "",
    seeds: int = 5,
    budget: str | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> None:
    """Run a published protocol over several seeds, and print the results next to the published
    results.

    Without a name, list all benches. To resume, repeat the command.

    Args:
        name: Name of the bench.
        seeds: Number of trainings. Their seeds are 0, 1, 2, and so on.
        budget: small (the default: the presets' numbers of steps), full, or a number of steps.
        out: The folder to write to; by default, bench/NAME.
        device: auto (a GPU if there is one, else the CPU), or the name of a torch device.
    """
    from latentarium.bench.run import run_bench
    from latentarium.diagnostics.live import ConsoleReporter
    from latentarium.progress import console_progress
    from latentarium.registry import registered
    from latentarium.tables import render_table

    if not name:
        benches = {key: entry.component() for key, entry in registered("bench").items()}
        rows = [[key, b.title, ", ".join(b.budgets)] for key, b in benches.items()]
        print_result(render_table(["bench", "what it measures", "budgets"], rows))
        return
    folder = out or Path("bench") / name
    with console_progress() as progress:
        report = run_bench(
            name, folder, seeds=seeds, budget=budget, device=device, display=progress,
            reporter=lambda title: ConsoleReporter(progress, title),
        )  # fmt: skip
    print_result(render_table(*report.table()))
    print_result("\n".join(["", *report.notes()]))
    print_result(f"Written to {folder / 'bench.json'} and {folder / 'bench.svg'}.")


def doctor(
    run: Annotated[Path, tyro.conf.Positional],
    data: str | None = None,
    n: int = 2000,
    seed: int = 0,
    as_json: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Diagnose a trained run: what is wrong, the evidence, and what usually fixes it.

    Args:
        run: The folder of the run.
        data: The new source of the run's training data, if the data have moved.
        n: Number of samples to examine.
        seed: Seed of all randomness.
        as_json: A file to write the diagnosis to, as JSON.
    """
    from latentarium.data.sources import load_training_data
    from latentarium.diagnostics.examine import examine, model_rules_of
    from latentarium.files import write_atomic
    from latentarium.progress import console_progress
    from latentarium.run import Run

    opened = Run(run)
    settings = opened.config.train
    images = load_training_data(settings, data)
    with console_progress() as progress:
        task = progress.task(str(run), len(model_rules_of(opened.config.model)))
        diagnosis = examine(opened, images, n=n, seed=seed, progress=task.update)
        task.end()
    print_result("\n".join(diagnosis.lines()))
    if as_json is not None:
        write_atomic(as_json, diagnosis.to_json())


def duality_gap(run: Annotated[Path, tyro.conf.Positional], data: str | None = None) -> None:
    """Measure how far a run was from the equilibrium of its game, at each snapshot.

    Writes duality_gap.json to the folder of the run. To resume, repeat the command.

    Args:
        run: The folder of the run, which needs snapshots (--train.snapshots).
        data: The new source of the run's training data, if the data have moved.
    """
    from latentarium.evaluation import measure_duality_gap
    from latentarium.progress import console_progress
    from latentarium.run import Run

    with console_progress() as progress:
        content = measure_duality_gap(run, data=data, display=progress)
    for step, gap in content["snapshots"].items():
        low, high = gap["interval"]
        print_result(f"step {step:>7}  {gap['total']:8.4f}  ({low:.4f} to {high:.4f})")
    print_result(f"Written to {Run(run).duality_gap_path}.")
