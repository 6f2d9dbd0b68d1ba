"""The commands tour, evaluate, compare, bench, doctor and duality-gap."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from latentarium.cli.options import STDOUT, JsonFlag, JsonTarget, RunFolder
from latentarium.cli.output import command, print_json, print_note, print_result

if TYPE_CHECKING:
    from latentarium.evaluation.compare_runs import RunWithPrior
    from latentarium.evaluation.report import Report


def tour(
    out: Path = Path("tour"), seed: int = 0, quick: bool = False, as_json: JsonFlag = False
) -> None:
    """Train an autoencoder, a VAE, a GAN and a conditional GAN on MNIST, and test claims about
    them.

    Writes report.html, which shows the results as they come, report.json and the runs. Takes
    about six minutes on two cores of an AMD EPYC. To resume, repeat the command.

    Args:
        out: The folder to write to.
        seed: Seed of all randomness.
        quick: Train tiny models in a minute, to check that everything works. The verdicts are
            then meaningless.
        as_json: Print the content of report.json in place of the verdicts.
    """
    from latentarium.diagnostics.live import ConsoleReporter
    from latentarium.progress import console_progress
    from latentarium.tour.run import run_tour

    with console_progress() as progress:
        report = run_tour(
            out, seed=seed, quick=quick, display=progress,
            reporter=lambda title: ConsoleReporter(progress, title),
        )  # fmt: skip
    if as_json:
        print_json(report.to_dict())
    else:
        lines = [f"{c.verdict:<6} {c.id:<20} {c.headline()}" for c in report.claims]
        print_result("\n".join(lines))
    print_note(f"Open {out / 'report.html'} in a browser.")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of an evaluation."""

    data: str | None = None
    """Source of the real images, as for training; by default, the images of the training."""
    prior: str | None = None
    """Kind of a fitted prior (see fit-prior) to sample from, or trained. The default is the
    trained prior; for an autoencoder, which has none, the best fitted one."""
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
    run: RunFolder,
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: JsonTarget = None,
) -> None:
    """Measure a trained run, print a table, and write metrics.json (with --prior,
    metrics-KIND.json) to its folder.

    Args:
        run: The folder of the run.
        options: Options of the evaluation.
        as_json: Print the content of this file in place of the table; or, with FILE, write it to
            another file.
    """
    from latentarium.evaluation.report import COLUMNS
    from latentarium.files import read_json, write_atomic
    from latentarium.run import Run
    from latentarium.run.priors import split_prior
    from latentarium.tables import render_table

    _require_target(as_json)
    folder, kind = split_prior(run)
    options = replace(options, prior=options.prior or kind)
    report = _evaluate(Path(folder), options)
    opened = Run(folder)
    path = opened.metrics_path_of(opened.resolve_prior(options.prior))
    if as_json == STDOUT:
        print_json(read_json(path, f"{path} is missing."))
    else:
        if as_json is not None:
            write_atomic(as_json, path.read_bytes())
        print_result("\n".join([render_table(COLUMNS, report.rows()), "", *report.notes()]))
    print_note(f"Written to {path}.")


def compare(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN RUN ...")],
    options: Annotated[EvaluateOptions, tyro.conf.arg(name="")],
    as_json: JsonTarget = None,
) -> None:
    """Show the measurements of several runs side by side.

    A run without measurements of its current weights is evaluated first, and the result is stored
    in its folder. With any option of the evaluation, all runs are evaluated, and nothing is stored
    in their folders. Runs on different data are refused before anything is evaluated, and runs
    that were measured with different protocols are refused too.

    Args:
        runs: The folders of at least two runs. RUN@KIND is a run with a fitted prior (see
            fit-prior), so that a run can be compared with itself under several priors.
        options: Options for the runs that are evaluated.
        as_json: Print the measurements as JSON; or, with FILE, write them to a file.
    """
    from latentarium.evaluation.compare_runs import RunWithPrior, reports_to_compare
    from latentarium.evaluation.report import compare as compare_reports
    from latentarium.files import write_atomic
    from latentarium.tables import render_table

    _require_target(as_json)
    default = options == EvaluateOptions(prior=options.prior)
    chosen = [RunWithPrior.parse(str(text), options.prior) for text in runs]
    reports = reports_to_compare(
        {_label(run, chosen): run for run in chosen},
        lambda run: _evaluate(run.folder, replace(options, prior=run.prior), save=default),
        data=options.data,
        reuse=default,
    )
    comparison = compare_reports(reports)
    content = {name: report.to_dict() for name, report in reports.items()}
    if as_json == STDOUT:
        print_json(content)
        return
    if as_json is not None:
        write_atomic(as_json, (json.dumps(content, indent=2) + "\n").encode())
    print_result(render_table(comparison.columns, comparison.rows))
    print_result("\n" + render_table(comparison.protocol_columns, comparison.protocol_rows))
    print_result("\n".join(["", *comparison.notes]))


def _require_target(target: Path | None) -> None:
    """Refuse a file for JSON that can't be written."""
    from latentarium.files import require_writable

    if target is not None and target != STDOUT:
        require_writable(target)


def _label(run: "RunWithPrior", runs: Sequence["RunWithPrior"]) -> str:
    """Return the name of the run's folder, or its path if another folder has the same name, and
    the kind of its fitted prior."""
    folder = run.folder
    same = {other.folder for other in runs if other.folder.name == folder.name}
    name = folder.name if len(same) == 1 and folder.name else str(folder)
    return name if run.prior is None else f"{name}@{run.prior}"


def _evaluate(folder: Path, options: EvaluateOptions, *, save: bool = True) -> "Report":
    from latentarium.evaluation import evaluate_run
    from latentarium.progress import console_progress

    with console_progress() as progress:
        return evaluate_run(
            folder,
            data=options.data,
            prior=options.prior,
            n=options.n,
            seed=options.seed,
            extractor=options.extractor,
            inception_weights=options.inception_weights,
            nll_samples=options.nll_samples,
            save=save,
            display=progress,
        )


def bench(
    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = "",
    seeds: int = 5,
    budget: str | None = None,
    out: Path | None = None,
    device: str = "auto",
    as_json: JsonFlag = False,
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
        as_json: Print the content of bench.json in place of the table.
    """
    from latentarium.bench.run import run_bench
    from latentarium.diagnostics.live import ConsoleReporter
    from latentarium.progress import console_progress
    from latentarium.registry import registered
    from latentarium.tables import render_table

    if not name:
        benches = {key: entry.component() for key, entry in registered("bench").items()}
        if as_json:
            print_json(
                [
                    {"name": key, "title": b.title, "budgets": list(b.budgets)}
                    for key, b in benches.items()
                ]
            )
            return
        rows = [[key, b.title, ", ".join(b.budgets)] for key, b in benches.items()]
        print_result(render_table(["bench", "what it measures", "budgets"], rows))
        return
    folder = out or Path("bench") / name
    with console_progress() as progress:
        report = run_bench(
            name, folder, seeds=seeds, budget=budget, device=device, display=progress,
            reporter=lambda title: ConsoleReporter(progress, title),
        )  # fmt: skip
    if as_json:
        print_json(report.to_dict())
    else:
        print_result("\n".join([render_table(*report.table()), "", *report.notes()]))
    print_note(f"Written to {folder / 'bench.json'} and {folder / 'bench.svg'}.")


def doctor(
    run: RunFolder,
    data: str | None = None,
    n: int = 2000,
    seed: int = 0,
    as_json: JsonTarget = None,
) -> None:
    """Diagnose a trained run: what is wrong, the evidence, and what usually fixes it.

    A model that is not trained yet gets no fix, but the command to train it longer.

    Args:
        run: The folder of the run.
        data: The new source of the run's training data, if the data have moved.
        n: Number of samples to examine.
        seed: Seed of all randomness.
        as_json: Print the diagnosis as JSON; or, with FILE, write it to a file.
    """
    from latentarium.diagnostics.examine import examine, model_rules_of
    from latentarium.files import write_atomic
    from latentarium.progress import console_progress
    from latentarium.run import Run

    _require_target(as_json)
    opened = Run(run)
    images = opened.load_data(data)
    with console_progress() as progress:
        task = progress.task(str(run), len(model_rules_of(opened.config.model)))
        diagnosis = examine(opened, images, n=n, seed=seed, progress=task.update)
        task.end()
    if as_json == STDOUT:
        print_json(diagnosis.to_dict())
        return
    if as_json is not None:
        write_atomic(as_json, diagnosis.to_json())
    print_result("\n".join(diagnosis.lines()))
    if diagnosis.status.advice is not None:
        options = str(diagnosis.status.advice.values.get("settings", "")).split()
        print_note(f"To train it longer: {command('resume', run, *options)}")


def duality_gap(
    run: RunFolder,
    data: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure how far a run was from the equilibrium of its game, at each snapshot.

    Writes duality_gap.json to the folder of the run. To resume, repeat the command.

    Args:
        run: The folder of the run, which needs snapshots (--train.snapshots).
        data: The new source of the run's training data, if the data have moved.
        as_json: Print the content of duality_gap.json in place of the table.
    """
    from latentarium.evaluation import measure_duality_gap
    from latentarium.progress import console_progress
    from latentarium.run import Run

    with console_progress() as progress:
        content = measure_duality_gap(run, data=data, display=progress)
    if as_json:
        print_json(content)
    else:
        lines = [_gap_line(step, gap) for step, gap in content["snapshots"].items()]
        print_result("\n".join(lines))
    print_note(f"Written to {Run(run).duality_gap_path}.")


def _gap_line(step: str, gap: dict[str, Any]) -> str:
    return f"step {step:>7}  {gap['total']:8.4f}  (at least {gap['at_least']:.4f}, 95 %)"
