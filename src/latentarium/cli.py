"""The command line: parse, call, print.

torch takes seconds to import, so each command imports what it needs when it runs, and `--help`
answers at once. A mistake that a person can mend is one sentence and exit code 2.
"""

import dataclasses
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from latentarium import __version__, presets
from latentarium.config import Config, ModelConfig, OptimizerConfig, TrainConfig
from latentarium.errors import Stopped, UserError

if TYPE_CHECKING:
    from latentarium.metrics.report import Report

PROG = "latentarium"
DESCRIPTION = (
    "An observatory for latent space: train, measure, explore and ship autoencoders, VAEs, GANs "
    "and conditional GANs. Start with: latentarium tour"
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command; exits with 2 on a person's mistake, 130 on Ctrl-C, 143 on SIGTERM."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    usual, warnings.formatwarning = warnings.formatwarning, _one_line
    try:
        _dispatch(arguments)
    except UserError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has gone
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # a folder that may not be read, a disk that fails
        if error.filename is None:
            raise
        _fail(f"Can't use {error.filename}: {error.strerror}. Mend that or give another path.")
    except KeyboardInterrupt as error:
        if is_first():
            sys.stderr.write("\nStopped. The same command resumes.\n")
        sys.exit(128 + (error.number if isinstance(error, Stopped) else signal.SIGINT))
    finally:
        warnings.formatwarning = usual


def _dispatch(arguments: list[str]) -> None:
    if arguments[:1] == ["--version"]:
        _print(f"{PROG} {__version__}")
        return
    if arguments[:1] == ["train"]:  # the preset says which settings there are
        if len(arguments) > 1 and not arguments[1].startswith("-"):
            _train(arguments[1], arguments[2:])
        else:
            _print(preset_list())
        return
    if arguments[:2] == ["data", "check"]:
        arguments = ["data check", *arguments[2:]]
    commands: dict[str, Any] = {
        "tour": tour,
        "train": train,
        "resume": resume,
        "finish": finish,
        "sample": sample,
        "evaluate": evaluate,
        "compare": compare,
        "bench": bench,
        "doctor": doctor,
        "gap": gap,
        "studio": studio,
        "data check": data_check,
    }
    tyro.extras.subcommand_cli_from_dict(
        commands, prog=PROG, description=DESCRIPTION, args=arguments or ["--help"]
    )


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
    from latentarium.doctor.live import Watched
    from latentarium.progress import display
    from latentarium.tour.run import tour as run_tour

    with display() as shown:
        report = run_tour(
            out, seed=seed, quick=quick, shown=shown,
            reporter=lambda title: Watched(shown, title),
        )  # fmt: skip
    for claim in report.claims:
        _print(f"{claim.verdict:<6} {claim.id:<20} {claim.headline()}")
    _print(f"Open {out / 'report.html'} in a browser.")


def train() -> None:
    """Trains a preset, or resumes it: latentarium train PRESET [--run DIR] [--data SOURCE]."""
    _print(preset_list())


def preset_list() -> str:
    lines = ["Usage: latentarium train PRESET [--run DIR] [--data SOURCE] [SETTINGS]", ""]
    for name, preset in presets.PRESETS.items():
        words = " ".join((preset.__doc__ or "").split())
        lines.append(f"  {name:<16} {words}")
    lines += ["", "latentarium train PRESET --help lists the settings of a preset."]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The settings of a training; the defaults are the preset's."""

    run: Annotated[Path | None, tyro.conf.arg(aliases=["--folder"])] = None
    """The run's folder; without it, runs/PRESET. If it holds this run already, it is resumed.
    Under torchrun say --folder: it takes --run for an option of its own."""
    data: str | None = None
    """What to train on: mnist, a folder of pictures, a .zip of it, ring, grid, a .npz file, an IDX
    file or a folder of them, hf:NAME."""
    dry_run: bool = False
    """Only measures a few steps, and says what the training would take. Nothing is written."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """With --dry-run: says it as JSON, for a machine to read."""
    model: tyro.conf.AvoidSubcommands[ModelConfig]
    optimizer: OptimizerConfig
    train: TrainConfig


def _train(name: str, arguments: list[str]) -> None:
    preset = presets.get(name)
    options = tyro.cli(
        TrainOptions,
        default=TrainOptions(model=preset.model, optimizer=preset.optimizer, train=preset.train),
        args=arguments,
        prog=f"{PROG} train {name}",
        description=" ".join((presets.PRESETS[name].__doc__ or "").split()),
    )
    settings = options.train
    if options.data is not None:
        settings = dataclasses.replace(settings, data=options.data)
    config = Config(name=name, model=options.model, optimizer=options.optimizer, train=settings)
    folder = options.run or Path("runs") / name
    if options.dry_run:
        from latentarium.training.rehearsal import rehearse

        found = rehearse(config)
        text = "\n".join([*found.lines(), "Nothing was written."])
        _print(json.dumps(found.to_dict()) if options.as_json else text)
        return
    _run_training(config, folder)


def resume(run: Annotated[Path, tyro.conf.Positional]) -> None:
    """Goes on with a training, of which the folder says all.

    Args:
        run: The run's folder.
    """
    from latentarium.run import Run

    _run_training(Run(run).config, run)


def finish(run: Annotated[Path, tyro.conf.Positional]) -> None:
    """Ends a training early: what it has learned becomes the weights for use.

    Args:
        run: The run's folder.
    """
    from latentarium.training.loop import finish as end_early

    ended = end_early(run)
    _print(f"{run}: the weights are those of step {ended.ends_at()}. `resume` goes on from there.")


def _run_training(config: Config, folder: Path) -> None:
    from latentarium.doctor.live import Watched
    from latentarium.progress import display
    from latentarium.training.loop import train as run_training

    if not is_first():
        run_training(config, folder)
        return
    with display() as shown:
        run = run_training(config, folder, reporter=Watched(shown, str(folder)))
    steps = config.train.steps
    _print(f"{run.folder}: step {steps} of {steps}. Look at {run.folder}/samples,")
    _print(f"or: {PROG} sample {run.folder} -n 64 --out grid.png")


def sample(
    run: Annotated[Path, tyro.conf.Positional],
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64,
    label: str | None = None,
    gaussian: str | None = None,
    data: str | None = None,
    seed: int = 0,
    truncation: float = 1.0,
    out: Path = Path("grid.png"),
    scale: int | None = None,
) -> None:
    """Draws images from a trained run.

    Args:
        run: The run's folder.
        n: How many images.
        label: For a model that takes one: which class to make, by number or name, or a blend such
            as 3:0.6,8:0.4.
        gaussian: For a model with an encoder that takes no class: the class from whose Gaussian in
            the latent space to draw. The images that it was trained on are encoded first.
        data: With a gaussian: where these images are, where they have moved.
        seed: The same seed gives the same images.
        truncation: Scales the latents' deviation; below 1 the images are more alike.
        out: A .png to look at, or a .npz with the images as uint8 (N, C, H, W).
        scale: Enlargement of the picture; without it, small images are enlarged.
    """
    from latentarium.evaluation import data_of
    from latentarium.files import write_atomic
    from latentarium.latent.class_draws import class_gaussian, sample_gaussian
    from latentarium.run import Run, grid_npz, grid_png

    if out.suffix not in (".png", ".npz"):
        raise UserError(f"{out} ends neither in .png nor in .npz: give one of these.")
    if scale is not None and scale < 1:
        raise UserError(f"scale is {scale}; give at least 1.")
    if gaussian is not None and label is not None:
        raise UserError("Give a label or the class of a gaussian, not both.")
    model = Run(run).load()
    if gaussian is None:
        images = model.sample(n, label=label, seed=seed, truncation=truncation)
    else:
        fitted = class_gaussian(model, data_of(Run(run), data), gaussian)
        images = sample_gaussian(model, fitted, n, seed, truncation=truncation)
    write_atomic(out, grid_npz(images) if out.suffix == ".npz" else grid_png(images, scale))
    _print(f"{out}: {n} images from {run}, seed {seed}.")


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
    from latentarium.files import write_atomic
    from latentarium.metrics.report import TITLES
    from latentarium.tables import render

    report = _evaluated(run, options)
    _print(render(TITLES, report.rows()))
    _print("\n".join(["", *report.notes(), f"Written to {run / 'metrics.json'}."]))
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
    from latentarium.files import write_atomic
    from latentarium.metrics.report import Report
    from latentarium.metrics.report import compare as side_by_side
    from latentarium.run import Run
    from latentarium.tables import render

    reports = {}
    for folder in runs:
        kept = Run(folder).metrics()
        fresh = kept is not None and kept.get("weights") == Run(folder).weights_hash()
        asked = options != EvaluateOptions()  # then what was measured otherwise won't do
        known = Report.from_dict(kept) if kept is not None and fresh and not asked else None
        reports[_short(folder, runs)] = known or _evaluated(folder, options)
    found = side_by_side(reports)
    _print(render(found.titles, found.rows))
    _print("\n" + render(found.how_titles, found.how))
    _print("\n".join(["", *found.notes]))
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
    from latentarium.progress import display

    with display() as shown:
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
    from latentarium.bench.protocol import known
    from latentarium.bench.protocols import PROTOCOLS
    from latentarium.bench.run import run_bench
    from latentarium.doctor.live import Watched
    from latentarium.progress import display
    from latentarium.tables import render

    if not name:
        rows = [[p.name, p.title, ", ".join(p.budgets)] for p in PROTOCOLS.values()]
        _print(render(["bench", "what it measures", "budgets"], rows))
        return
    protocol = known(name, PROTOCOLS)
    folder = out or Path("bench") / name
    with display() as shown:
        report = run_bench(
            protocol, folder, seeds=seeds, budget=budget, device=device, shown=shown,
            reporter=lambda title: Watched(shown, title),
        )  # fmt: skip
    _print(render(*report.table()))
    _print("\n".join(["", *report.notes()]))
    _print(f"Written to {folder / 'bench.json'} and {folder / 'bench.svg'}.")


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
    from latentarium.doctor.examine import examine
    from latentarium.doctor.finding import diseases_of
    from latentarium.files import write_atomic
    from latentarium.progress import display
    from latentarium.run import Run

    patient = Run(run)
    images = load_data(data or patient.config.train.data, size=patient.config.train.image_size)
    with display() as shown:
        bar = shown.bar(str(run), len(diseases_of(patient.config.model)))
        found = examine(patient, images, n=n, seed=seed, progress=bar.update)
        bar.end()
    _print("\n".join(found.lines()))
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
    from latentarium.progress import display

    with display() as shown:
        found = measure_gap(run, data=data, shown=shown)
    for step, at in found["moments"].items():
        low, high = at["interval"]
        _print(f"step {step:>7}  {at['total']:8.4f}  ({low:.4f} to {high:.4f})")
    _print(f"Written to {run / 'gap.json'}.")


def studio(
    shown: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")
    ] = (),
    data: str | None = None,
    runs: Path = Path("runs"),
    host: str = "127.0.0.1",
    port: int = 8765,
    browse: bool = True,
) -> None:
    """Opens a page on which the latent space of runs can be seen and touched.

    Args:
        shown: Folders of runs; none: the small models that ship.
        data: What they were trained on, where that has moved.
        runs: The folder in which the page finds trainings, and starts new ones.
        host: The address to answer at. At one that others reach, a token is part of the link.
        port: Of the address; the next free one where it is taken, any for 0.
        browse: Open the page in a browser.
    """
    from latentarium.studio.gallery import gallery_of
    from latentarium.studio.serve import serve

    gallery = gallery_of(shown, data)
    serve(gallery, host=host, port=port, browse=browse, say=_print, runs=runs)


def data_check(
    source: Annotated[str, tyro.conf.Positional],
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Says what would be loaded from a source, and what is wrong with it.

    Args:
        source: As for training: mnist, a folder of pictures, a .zip of it, a .npz file, ...
        as_json: Print JSON for a machine to read.
    """
    from latentarium.data.check import check

    report = check(source)
    _print(json.dumps(report.to_dict()) if as_json else "\n".join(report.lines()))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning as a person reads it, without the line of source that gave it."""
    return f"{PROG}: {message}\n"


def is_first() -> bool:
    """Whether this process speaks for all that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def _fail(sentence: str) -> None:
    if is_first():  # one process speaks for all
        sys.stderr.write(f"latentarium: {sentence}\n")
    sys.exit(2)
