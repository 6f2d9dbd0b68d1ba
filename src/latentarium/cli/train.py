"""Commands that train: a preset, or a run that goes on or ends early."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from latentarium import presets
from latentarium.cli.output import PROG, is_first, say
from latentarium.config import Config, ModelConfig, OptimizerConfig, TrainConfig


def train() -> None:
    """Trains a preset, or resumes it: latentarium train PRESET [--run DIR] [--data SOURCE]."""
    say(preset_list())


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


def train_preset(name: str, arguments: list[str]) -> None:
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
        from latentarium.progress import console_progress
        from latentarium.training import estimate

        with console_progress() as shown:
            bar = shown.task("A few steps", 100)
            found = estimate(config, progress=lambda share: bar.update(round(100 * share)))
        text = "\n".join([*found.lines(), "Nothing was written."])
        say(json.dumps(found.to_dict()) if options.as_json else text)
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
    from latentarium.training import finish as end_early

    ended = end_early(run)
    say(f"{run}: the weights are those of step {ended.weights_step()}. `resume` goes on from there.")


def _run_training(config: Config, folder: Path) -> None:
    from latentarium.diagnostics.live import Watched
    from latentarium.progress import console_progress
    from latentarium.training import train as run_training

    if not is_first():
        run_training(config, folder)
        return
    with console_progress() as shown:
        run = run_training(config, folder, reporter=Watched(shown, str(folder)))
    steps = config.train.steps
    say(f"{run.folder}: step {steps} of {steps}. Look at {run.folder}/samples,")
    say(f"or: {PROG} sample {run.folder} -n 64 --out grid.png")
