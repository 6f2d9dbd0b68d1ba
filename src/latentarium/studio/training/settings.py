"""The settings of a preset that the page lets the user change."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from latentarium import presets
from latentarium.config import (
    Config,
    change_settings,
    check_setting,
    list_settings,
    named_components,
    to_dict,
)
from latentarium.errors import UserError
from latentarium.texts import Text

SNAPSHOTS = 24
"""Number of snapshots of a training that the page starts, unless the user changes it."""
SEPARATE = {
    "name", "model.family", "train.data", "train.labels", "train.label_column", "train.keys",
    "train.image_size", "train.steps", "train.seed",
}  # fmt: skip
"""Settings that the page has elsewhere, and those that describe the data."""
SettingValue = bool | int | float | str
NO_CHANGES: Mapping[str, SettingValue] = MappingProxyType({})


def describe_settings(
    preset: str, components: Mapping[str, SettingValue] = NO_CHANGES
) -> list[dict[str, Any]]:
    """Return the settings of a preset as JSON values, in groups that follow each other.

    Arguments:
        preset: The preset.
        components: Names of components by their settings, such as model.prior, whose own settings
            are listed in place of those of the preset's.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    config = _config_of(preset)
    chosen = named_components(config, components)
    described = [
        {
            **asdict(field),
            "group": field.name.rsplit(".", 1)[0],
            "option": option_of(field.name),
        }
        for field in list_settings(config, chosen)
        if field.name not in SEPARATE
    ]
    groups = list(dict.fromkeys(field["group"] for field in described))
    return sorted(described, key=lambda field: groups.index(field["group"]))


def setting_problems(preset: str, values: Mapping[str, SettingValue]) -> dict[str, Text]:
    """Return what is wrong with changed settings, by their names.

    The key "" contains what is wrong with their combination. Values are checked as on the command
    line.

    Raises:
        UserError: There is no such preset (code "unknown-preset").
    """
    config, problems = _config_of(preset), dict[str, Text]()
    components = named_components(config, values)
    for name, value in values.items():
        try:
            _require_changeable(name)
            check_setting(config, name, value, components)
        except UserError as error:
            problems[name] = error.text
    if not problems:
        try:
            change_settings(config, values)
        except UserError as error:
            problems[""] = error.text
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
    in_json: tuple[str, ...] = ()
    for field in list_settings(changed):
        if field.is_component and any(name.startswith(f"{field.name}.") for name in values):
            options += [option_of(field.name), _as_json(changed, field.name)]
            in_json += (f"{field.name}.",)
        elif field.name not in values or field.name.startswith(in_json):
            continue
        elif field.kind == "boolean":
            flags.append(option_of(field.name, negated=not field.value))
        else:
            options += [option_of(field.name), str(field.value)]
    return options + flags


def option_of(name: str, *, negated: bool = False) -> str:
    """Return the option of the command line for a setting; `negated` switches a flag off."""
    *path, last = name.replace("_", "-").split(".")
    return "--" + ".".join([*path, f"no-{last}" if negated else last])


def _as_json(config: Config, name: str) -> str:
    """Return a component as the JSON object that its option takes, without default values."""
    settings: Any = config
    for part in name.split("."):
        settings = getattr(settings, part)
    defaults = to_dict(type(settings)())
    content = to_dict(settings)
    return json.dumps({k: v for k, v in content.items() if k == "kind" or v != defaults[k]})


def _config_of(preset: str) -> Config:
    config = presets.get(preset)
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, snapshots=SNAPSHOTS)
    )


def _require_changeable(name: str) -> None:
    if name in SEPARATE:
        raise UserError(
            Text(
                "{name} is no setting of this list: set it where the page asks for it.", name=name
            ),
            code="unknown-setting",
        )
