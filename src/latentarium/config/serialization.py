"""Convert configurations to plain JSON values and back."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from latentarium import registry
from latentarium.config.components import NAMED_COMPONENTS, TrunkConfig
from latentarium.config.family import ModelConfig
from latentarium.config.validation import convert, field_hints, require, shown
from latentarium.errors import UserError, did_you_mean

T = TypeVar("T")
CUSTOM_CLASS_ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""Exceptions that the constructor of a custom settings class raises for values that it refuses."""


@dataclass(frozen=True)
class _Choice:
    """The kind of a component, and the JSON key in its settings that contains its name."""

    key: str
    kind: registry.Kind


_CHOICES: dict[type, _Choice] = {
    ModelConfig: _Choice("family", "family"),
    TrunkConfig: _Choice("kind", "trunk"),
    **{base: _Choice("kind", kind) for base, kind in NAMED_COMPONENTS.items()},
}


def to_dict(config: object) -> dict[str, Any]:
    """Convert a configuration to plain JSON values."""
    return dataclasses.asdict(config)  # pyright: ignore[reportArgumentType]  a dataclass


def from_dict(kind: type[T], values: object, where: str = "config") -> T:
    """Build a dataclass from JSON values.

    Arguments:
        kind: The dataclass, for instance `Config`.
        values: What `to_dict` returned.
        where: Name of the values in error messages.

    Raises:
        UserError: A key is unknown or missing, a value has the wrong type or is out of range
            (code "invalid-setting"), or it names a component that is not registered (code
            "unknown-component").
    """
    converted = read_fields(kind, values, where)
    try:
        return kind(**converted)
    except UserError as error:
        raise UserError(f"{where}: {error}", code=error.code) from None
    except CUSTOM_CLASS_ERRORS as error:
        raise UserError(
            f"{where} is refused by {kind.__name__} ({type(error).__name__}: {error}): correct "
            "its values.",
            code="invalid-setting",
        ) from None


def read_fields(
    kind: type,
    values: object,
    where: str,
    *,
    hints: Mapping[str, object] | None = None,
    ignore_unknown: bool = False,
) -> dict[str, Any]:
    """Convert JSON values to the types of a dataclass's fields.

    Arguments:
        kind: The dataclass.
        values: The JSON values.
        where: Name of the values in error messages.
        hints: Other types for some of the fields.
        ignore_unknown: Whether to leave out keys that are no fields, instead of refusing them.

    Raises:
        UserError: As for `from_dict`.
    """
    require(isinstance(values, dict), f"{where} is {shown(values)}; it must be an object.")
    given = typing.cast(dict[str, Any], values)
    known = {**field_hints(kind), **(hints or {})}
    for key in () if ignore_unknown else given:
        if key not in known:
            hint = did_you_mean(key, known)
            raise UserError(f"{where} has no key {shown(key)}.{hint}", code="invalid-setting")
    fields = [f for f in dataclasses.fields(kind) if f.init]
    for field in fields:
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        require(
            field.name in given or has_default,
            f"{where} has no key '{field.name}', which it must have.",
        )
    convert_class = _convert_leniently if ignore_unknown else _convert_class
    return {
        f.name: convert(known[f.name], given[f.name], f"{where}.{f.name}", convert_class)
        for f in fields
        if f.name in given
    }


def _convert_class(hint: type, value: object, where: str) -> object:
    """Convert a JSON value whose field has this class as its annotation."""
    if hint in _CHOICES:
        return _component_settings(_CHOICES[hint], value, where)
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where)
    require(isinstance(value, hint), f"{where} is {shown(value)}; it must be a {hint.__name__}.")
    return value


def _convert_leniently(hint: type, value: object, where: str) -> object:
    """Do the same without refusing keys that are no fields."""
    if dataclasses.is_dataclass(hint):
        return hint(**read_fields(hint, value, where, ignore_unknown=True))
    return _convert_class(hint, value, where)


def component_from_dict(kind: type[T], values: object, where: str = "") -> T:
    """Build the settings of a component from JSON values.

    Arguments:
        kind: The base class of the settings, for instance `PriorConfig`.
        values: An object with the component's name and its settings.
        where: Name of the values in error messages; by default that of the component's kind.

    Raises:
        UserError: As for `from_dict`.
    """
    choice = _CHOICES[kind]
    return typing.cast(T, _component_settings(choice, values, where or choice.kind))


def _component_settings(choice: _Choice, value: Any, where: str) -> Any:  # noqa: ANN401
    name = value.get(choice.key) if isinstance(value, dict) else None
    require(
        isinstance(name, str),
        f"{where}.{choice.key} is {shown(name)}; it must be the name of a {choice.kind}.",
    )
    settings = registry.settings_type(choice.kind, typing.cast(str, name))
    require(
        settings is not None,
        f"{where}: the {choice.kind} '{name}' has no settings; give only its name.",
    )
    return from_dict(typing.cast(type, settings), value, where)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their full names, as on the command line: train.steps."""
    settings: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            settings |= flat(value, f"{prefix}{key}.")
        else:
            settings[prefix + key] = value
    return settings
