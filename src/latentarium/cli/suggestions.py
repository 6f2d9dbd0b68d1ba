"""Suggest presets for the data on the command line, with the commands that train them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from latentarium import presets
from latentarium.cli.output import command
from latentarium.config import Config, TrainConfig
from latentarium.errors import UserError
from latentarium.presets import Suggestion
from latentarium.presets.fit import DataSummary, find_misfit
from latentarium.texts import Text

if TYPE_CHECKING:
    from latentarium.data.dataset import Data

DATA_OPTIONS = ("--data", "--train.data")
SIZE_OPTIONS = ("--image-size", "--image_size", "--train.image-size", "--train.image_size")
LABEL_OPTIONS = ("--labels", "--train.labels")
COLUMN_OPTIONS = (
    "--label-column", "--label_column", "--train.label-column", "--train.label_column",
)  # fmt: skip
BATCH_OPTIONS = ("--train.batch-size", "--train.batch_size")
KEY_OPTIONS = ("--keys", "--train.keys")
FLAGS = ("--dry-run", "--json")
"""Options of `train` without a value."""
OF_THE_PRESET = ("--model.", "--optimizer.")
"""Options that another preset may not have are left out of the command that trains it."""


class Option(NamedTuple):
    """An option on the command line and its values, as written."""

    name: str
    values: tuple[str, ...]


def parse_options(arguments: Sequence[str]) -> list[Option]:
    """Divide arguments into options, without knowing which options exist.

    Values before the first option belong to an option named "".
    """
    options: list[Option] = []
    for argument in arguments:
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            options.append(Option(name, (value,) if equals else ()))
        else:
            name, values = options.pop() if options else Option("", ())
            options.append(Option(name, (*values, argument)))
    return options


def last_value(options: Sequence[Option], names: Sequence[str], default: str) -> str:
    """Return the value of the last option with one of these names."""
    values = [option.values[0] for option in options if option.name in names and option.values]
    return values[-1] if values else default


def move_preset_first(arguments: Sequence[str]) -> list[str]:
    """Move the name of a preset to the front if options precede it."""
    if not arguments or not arguments[0].startswith("-"):
        return list(arguments)
    for index, argument in enumerate(arguments):
        before = arguments[index - 1] if index else ""
        is_value = before.startswith("--") and "=" not in before and before not in FLAGS
        if not is_value and argument in presets.all_presets():
            return [argument, *arguments[:index], *arguments[index + 1 :]]
    return list(arguments)


def missing_preset(arguments: Sequence[str]) -> UserError:
    """Return the error for `train` with settings but without a preset."""
    return UserError(
        f"No preset is given. {fitting_presets(arguments)}",
        code="preset-missing",
    )


def only_describes_data(arguments: Sequence[str]) -> bool:
    """Return whether all arguments of `train` are options that describe the data."""
    known = (*DATA_OPTIONS, *SIZE_OPTIONS, *LABEL_OPTIONS, *COLUMN_OPTIONS, *KEY_OPTIONS)
    return all(option.name in known for option in parse_options(arguments))


def fitting_presets(arguments: Sequence[str]) -> str:
    """Return the presets that fit the data of these arguments, with the commands that train them.

    Arguments:
        arguments: Options of `train`, without a preset.

    Raises:
        UserError: The data can't be read.
    """
    from latentarium.data.sources import load_training_data

    options = parse_options(arguments)
    size = last_value(options, SIZE_OPTIONS, "0")
    image_size = int(size) if size.isdecimal() else 0
    settings = TrainConfig(
        data=last_value(options, DATA_OPTIONS, "mnist"),
        labels=last_value(options, LABEL_OPTIONS, ""),
        label_column=last_value(options, COLUMN_OPTIONS, ""),
        keys=last_value(options, KEY_OPTIONS, ""),
        image_size=image_size,
    )
    summary = DataSummary.of(load_training_data(settings))
    lines = [f"For {summary}, choose one of these presets, the best one first:"]
    for suggestion in suggest_at_size(summary, image_size):
        description = presets.all_presets()[suggestion.preset].__doc__ or ""
        lines += ["", f"  {train_command(suggestion, arguments)}"]
        lines += [f"      {' '.join(description.split())}"]
    return "\n".join(lines)


def require_fit(config: Config, data: "Data", arguments: Sequence[str]) -> None:
    """Check that a configuration fits the data.

    Arguments:
        config: The configuration.
        data: The data.
        arguments: The arguments of `train` after the preset, for the command in the message.

    Raises:
        UserError: It does not fit; the message names the presets that do, and the command.
    """
    summary = DataSummary.of(data)
    misfit = find_misfit(config, summary)
    if misfit is None:
        return
    suggestions = suggest_at_size(summary, config.train.image_size)
    best = _closest(config, suggestions)
    names = ", ".join(suggestion.preset for suggestion in suggestions)
    raise UserError(
        Text(
            "{reason}. These presets fit: {names}. To train {preset}, use: {command}",
            reason=misfit.reason,
            names=names,
            preset=best.preset,
            command=train_command(best, arguments),
        ),
        code=misfit.code,
    )


def train_command(suggestion: Suggestion, arguments: Sequence[str]) -> str:
    """Return the command that trains a suggestion, quoted for a shell.

    Arguments:
        suggestion: The preset and its settings.
        arguments: Arguments of `train`, of which the options of the data and of the run are kept.
    """
    replaced = SIZE_OPTIONS if suggestion.image_size else ()
    replaced += BATCH_OPTIONS if suggestion.batch_size else ()
    kept: list[str] = []
    for name, values in parse_options(arguments):
        if name and not name.startswith(OF_THE_PRESET) and name not in replaced:
            kept += [name, *values]
    return command("train", suggestion.preset, *kept, *suggestion.options)


def suggest_at_size(data: "Data | DataSummary", image_size: int) -> tuple[Suggestion, ...]:
    """Return suggestions that leave an image size that the user has chosen unchanged."""
    suggestions = presets.suggest(data)
    if image_size == 0:
        return suggestions
    return tuple(replace(suggestion, image_size=0) for suggestion in suggestions)


def _closest(config: Config, suggestions: Sequence[Suggestion]) -> Suggestion:
    """Return the suggestion that is most like a configuration that does not fit."""
    kind = config.model.kind
    for suggestion in suggestions:
        if suggestion.preset == config.name:
            return suggestion
    for wanted in (kind, kind.removeprefix("conditional ")):
        for suggestion in suggestions:
            if suggestion.config.model.kind == wanted:
                return suggestion
    return suggestions[0]


def names_source(arguments: Sequence[str]) -> bool:
    """Return whether the arguments of `train` name a data source."""
    return any(option.name in DATA_OPTIONS for option in parse_options(arguments))


def names_data(word: str) -> bool:
    """Return whether a word that names no preset is the path or the name of data."""
    from latentarium.data.sources import NAMED_SOURCES, PREFIXED_SOURCES

    known = word in NAMED_SOURCES or word.startswith(tuple(PREFIXED_SOURCES))
    return word not in presets.all_presets() and (known or Path(word).exists())
