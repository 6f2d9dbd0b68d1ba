"""The settings of a preset that the page lets the user change."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from latentarium import presets
from latentarium.config import Config, change_settings, check_setting, list_settings
from latentarium.errors import UserError

SNAPSHOTS = 24
"""Number of snapshots of a training that the page starts, unless the user changes it."""
SEPARATE = {
    "name", "model.family", "train.data", "train.labels", "train.label_column", "train.keys",
    "train.image_size", "train.steps", "train.seed",
}  # fmt: skip
"""Settings that the page has elsewhere, and those that describe the data."""
SettingValue = bool | int | float | str


def describe_settings(preset: str) -> list[dict[str, Any]]:
    """Return the settings of a preset as JSON values, in groups that follow each other.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    return [
        {
            **asdict(field),
            "group": field.name.rsplit(".", 1)[0],
            "option": option_of(field.name),
        }
        for field in list_settings(_config_of(preset))
        if field.name not in SEPARATE
    ]


def setting_problems(preset: str, values: Mapping[str, SettingValue]) -> dict[str, str]:
    """Return what is wrong with changed settings, by their names.

    The key "" contains what is wrong with their combination. Values are checked as on the command
    line.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    config, problems = _config_of(preset), dict[str, str]()
    for name, value in values.items():
        try:
            _require_changeable(name)
            check_setting(config, name, value)
        except UserError as error:
            problems[name] = str(error)
    if not problems:
        try:
            change_settings(config, values)
        except UserError as error:
            problems[""] = str(error)
    return problems


def setting_options(preset: str, values: Mapping[str, SettingValue]) -> list[str]:
    """Return changed settings as options of `latentarium train`, with flags at the end.

    Raises:
        UserError: A value is refused (code "invalid-setting"), or can't be set on the page (code
            "unknown-setting").
    """
    for name in values:
        _require_changeable(name)
    changed = change_settings(_config_of(preset), values)
    options: list[str] = []
    flags: list[str] = []
    for field in list_settings(changed):
        if field.name not in values:
            continue
        if field.kind == "boolean":
            flags.append(option_of(field.name, negated=not field.value))
        else:
            options += [option_of(field.name), str(field.value)]
    return options + flags


def option_of(name: str, *, negated: bool = False) -> str:
    """Return the option of the command line for a setting; `negated` switches a flag off."""
    *path, last = name.replace("_", "-").split(".")
    return "--" + ".".join([*path, f"no-{last}" if negated else last])


def _config_of(preset: str) -> Config:
    config = presets.get(preset)
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, snapshots=SNAPSHOTS)
    )


def _require_changeable(name: str) -> None:
    if name in SEPARATE:
        raise UserError(
            f"{name} is no setting of this list: set it where the page asks for it.",
            code="unknown-setting",
        )
