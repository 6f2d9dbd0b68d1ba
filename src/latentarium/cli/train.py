"""Commands that train: start a preset, resume a run, end a training early."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from latentarium import presets
from latentarium.cli.arguments import parse_arguments
from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import (
    PROG,
    command,
    is_main_process,
    print_json,
    print_note,
    print_result,
)
from latentarium.cli.suggestions import (
    fitting_presets,
    missing_preset,
    move_preset_first,
    names_data,
    names_source,
    only_describes_data,
    require_fit,
)
from latentarium.config import (
    NAMED_COMPONENTS,
    Config,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    component_from_dict,
    name_of,
)
from latentarium.errors import UserError
from latentarium.presets.fit import OWN_IMAGE_PRESETS, size_warning
from latentarium.registry import Kind, settings_type

if TYPE_CHECKING:
    from latentarium.data.dataset import Data


def train() -> None:
    """Train a preset, or resume its run: latentarium train PRESET [--run DIR] [--data SOURCE]."""
    print_result(preset_list())


def run_train(arguments: Sequence[str]) -> None:
    """Run `latentarium train`; without a preset, list the presets, or those that fit the data.

    Raises:
        UserError: Settings of a training are given without a preset (code "preset-missing"): the
            message names the presets that fit the data.
    """
    preset, *options = move_preset_first(arguments) or [""]
    if not preset or preset in ("-h", "--help"):
        print_result(preset_list())
    elif only_describes_data(arguments):
        print_result(fitting_presets(arguments))
    elif preset.startswith("-"):
        raise missing_preset(arguments)
    elif names_data(preset):
        raise missing_preset(["--data", preset, *options])
    else:
        train_preset(preset, options)


def preset_list() -> str:
    """Return the usage of `train` with all presets."""
    lines = ["Usage: latentarium train PRESET [--run DIR] [--data SOURCE] [SETTINGS]", ""]
    for name, preset in presets.all_presets().items():
        lines.append(f"  {name:<17} {_summary(preset)}")
    lines += [
        "",
        "latentarium train PRESET --help lists the settings of a preset.",
        "latentarium train --data SOURCE lists the presets that fit the data.",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The settings of a training. Their defaults are those of the preset."""

    run: Annotated[Path | None, tyro.conf.arg(aliases=["--folder"])] = None
    """The folder of the run; by default, runs/PRESET. If the folder already contains this run, the
    run is resumed. With torchrun, use --folder, because torchrun has its own option --run."""
    data: str | None = None
    """Training data: mnist, ring, grid, hf:NAME, a folder of images, a .zip of such a folder, a
    .npy, .npz or .parquet file, an IDX file, or a folder of IDX files."""
    labels: str | None = None
    """A file of labels for the data: .csv, .tsv, .json, .jsonl, .txt, .npy or IDX."""
    label_column: str | None = None
    """The column of a table that contains the labels."""
    image_size: int | None = None
    """Height and width, in pixels, to which the images are fitted; 0 keeps their size."""
    keys: str | None = None
    """Names of the arrays of a .npz file, or of the columns of a table, such as
    images=data,labels=t."""
    init_from: str | None = None
    """Start from the weights of this run, or of shipped:NAME, instead of random ones
    (fine-tuning)."""
    init_partial: bool = False
    """With --init-from: load the tensors that fit, instead of requiring that all fit."""
    dry_run: bool = False
    """Only measure a few steps, and print the estimated cost of the training; write nothing."""
    as_json: JsonFlag = False
    """With --dry-run: print JSON."""
    model: tyro.conf.AvoidSubcommands[ModelConfig]
    optimizer: OptimizerConfig
    train: TrainConfig


def train_preset(name: str, arguments: Sequence[str]) -> None:
    """Train a preset with settings from the command line."""
    preset = presets.get(name)
    with _components():
        defaults = TrainOptions(
            model=_with_named_trunks(preset.model, arguments),
            optimizer=preset.optimizer,
            train=preset.train,
        )
        options = parse_arguments(
            lambda: tyro.cli(
                TrainOptions,
                default=defaults,
                args=arguments,
                prog=f"{PROG} train {name}",
                description=_summary(presets.all_presets()[name]),
            ),
            f"{PROG} train {name}",
        )
    settings = _with_data_options(options)
    config = Config(name=name, model=options.model, optimizer=options.optimizer, train=settings)
    folder = options.run or Path("runs") / name
    if name in OWN_IMAGE_PRESETS and not names_source(arguments):
        raise UserError(
            f"{name} trains on your own images: add --data with a folder of images, a .zip, or "
            "another source.",
            code="data-missing",
        )
    data = _fitting_data(config, folder, arguments)
    if options.dry_run:
        from latentarium.progress import console_progress
        from latentarium.training import estimate

        with console_progress() as progress:
            task = progress.task("Measuring a few steps", 100)
            cost = estimate(config, data, progress=lambda share: task.update(round(100 * share)))
        if options.as_json:
            print_json(cost.to_dict())
        else:
            print_result("\n".join([*cost.lines(), "No files were written."]))
        return
    _train(config, folder, data, init_from=options.init_from, init_partial=options.init_partial)


def _with_data_options(options: TrainOptions) -> TrainConfig:
    """Return the settings of the training with the options that describe the data."""
    names = ("data", "labels", "label_column", "image_size", "keys")
    given: dict[str, Any] = {name: getattr(options, name) for name in names}
    if options.data is not None and not options.data.strip():
        raise UserError(
            "data is empty (an empty shell variable?): give the name or the path of the data, or "
            "leave it out.",
            code="empty-source",
        )
    if options.labels == "":
        raise UserError(
            "labels is empty (an empty shell variable?): give the path of a file of labels, or "
            "leave it out.",
            code="empty-labels",
        )
    given = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(options.train, **given)


def resume(
    run: RunFolder,
    steps: Annotated[int | None, tyro.conf.arg(name="train.steps")] = None,
    data: str | None = None,
) -> None:
    """Resume a training with the settings of its folder, or extend it.

    Args:
        run: The folder of the run.
        steps: A new number of steps, more than the run has. From here on, the learning rate
            follows the schedule of this number of steps.
        data: The new source of the training data, if the data have moved.
    """
    from latentarium.run import Run

    opened = Run(run)
    config = opened.config
    if steps is not None:
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps))
    _train(config, run, opened.load_data(data))


def finish(run: RunFolder) -> None:
    """End a training early: its newest checkpoint becomes the final model.

    Args:
        run: The folder of the run.
    """
    from latentarium.training import finish as end_early

    ended = end_early(run)
    print_note(
        f"{run}: the weights are those of step {ended.saved_step()}. To continue the training: "
        f"{command('resume', run)}"
    )


def _fitting_data(config: Config, folder: Path, arguments: Sequence[str]) -> "Data | None":
    """Load the data of a new run, which the configuration must fit; None if the run exists."""
    from latentarium.data.sources import load_training_data
    from latentarium.run import Run

    if Run.is_at(folder):  # which may have been trained before presets were checked
        return None
    data = load_training_data(config.train)
    require_fit(config, data, arguments)
    warning = size_warning(config, data.card.image_shape)
    if warning and is_main_process():
        print_note(warning)
    return data


def _train(
    config: Config,
    folder: Path,
    data: "Data | None" = None,
    *,
    init_from: str | None = None,
    init_partial: bool = False,
) -> None:
    from latentarium.diagnostics.live import ConsoleReporter
    from latentarium.progress import console_progress
    from latentarium.training import train as run_training

    if not is_main_process():
        run_training(config, folder, data, init_from=init_from, init_partial=init_partial)
        return
    with console_progress() as progress:
        run = run_training(
            config, folder, data, init_from=init_from, init_partial=init_partial,
            reporter=ConsoleReporter(progress, str(folder)),
        )  # fmt: skip
    steps = config.train.steps
    print_note(f"{run.folder}: step {steps} of {steps}. See {run.folder}/samples,")
    print_note(f"or: {command('sample', run.folder, '-n', 64, '--out', 'grid.png')}")


def _summary(preset: object) -> str:
    return " ".join((preset.__doc__ or "").split())


def _with_named_trunks(model: ModelConfig, arguments: Sequence[str]) -> ModelConfig:
    """Switch trunks to the kinds that the arguments name, so that their settings are parsed."""
    words = [part for argument in arguments for part in argument.split("=", 1)]
    for name, trunk in model.trunks.items():
        option = f"--model.{name.replace('_', '-')}.kind"
        if option in words[:-1]:
            kind = words[words.index(option) + 1]
            settings = settings_type("trunk", kind)
            if settings is not None and settings is not type(trunk):
                changes: dict[str, Any] = {name: settings(kind=kind)}
                model = dataclasses.replace(model, **changes)
    return model


def _components() -> ConstructorRegistry:
    """Parse a component, such as a prior, from its name, or from a JSON object of its settings."""
    constructors = ConstructorRegistry()

    @constructors.primitive_rule
    def component(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        kinds: dict[object, tuple[Kind, type]] = {
            str | base: (kind, base) for base, kind in NAMED_COMPONENTS.items()
        }
        if info.type not in kinds:
            return None
        kind, base = kinds[info.type]

        def parse(arguments: list[str]) -> object:
            return _parse_component(kind, base, arguments[0])

        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="NAME|JSON",
            instance_from_str=parse,
            is_instance=lambda value: isinstance(value, str | base),
            str_from_instance=lambda value: [name_of(cast(str, value))],
        )

    return constructors


def _parse_component(kind: Kind, base: type, text: str) -> object:
    """Return a component's name, or its settings if the text is a JSON object."""
    if not text.startswith("{"):
        settings_type(kind, text)  # raises an error if the name is unknown
        return text
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{text!r} is not JSON ({error}): give a name, or an object such as "
            '{"kind": "mixture", "components": 10}.',
            code="invalid-setting",
        ) from None
    return component_from_dict(base, values)
