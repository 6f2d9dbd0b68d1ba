"""Convert configurations to plain JSON values and back."""

import dataclasses
import sys
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from latentarium import registry
from latentarium.config.components import AdversarialLossConfig, PriorConfig, TrunkConfig
from latentarium.config.models import ModelConfig
from latentarium.config.validation import require
from latentarium.errors import UserError, did_you_mean

T = TypeVar("T")


@dataclass(frozen=True)
class _Choice:
    """The kind of a component, and the JSON key in its settings that contains its name."""

    key: str
    kind: registry.Kind


_CHOICES: dict[type, _Choice] = {
    ModelConfig: _Choice("family", "family"),
    TrunkConfig: _Choice("kind", "trunk"),
    PriorConfig: _Choice("kind", "prior"),
    AdversarialLossConfig: _Choice("kind", "adversarial_loss"),
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
    require(isinstance(values, dict), f"{where} is {values!r}; it must be an object with keys.")
    settings = typing.cast(dict[str, Any], values)
    hints = {
        name: hint
        for name, hint in typing.get_type_hints(kind).items()
        if typing.get_origin(hint) is not ClassVar
    }
    for key in settings:
        require(key in hints, f"{where} has no key '{key}'.{did_you_mean(key, hints)}")
    converted = {k: _convert(hints[k], v, f"{where}.{k}") for k, v in settings.items()}
    try:
        return kind(**converted)
    except TypeError as error:  # a key without a default is missing
        raise UserError(f"{where} is incomplete: {error}.", code="invalid-setting") from None


def _convert(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401  JSON has no one type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        known = ", ".join(repr(a) for a in arguments)
        require(value in arguments, f"{where} is {value!r}; it must be one of {known}.")
        return value
    if origin in (types.UnionType, typing.Union):  # a component: its name, or its settings
        if isinstance(value, str) and str in arguments:
            return value
        if value is None and types.NoneType in arguments:
            return None
        return _convert([a for a in arguments if a is not types.NoneType][-1], value, where)
    if origin is tuple:
        require(isinstance(value, list | tuple), f"{where} is {value!r}; it must be a list.")
        length = len(arguments)
        require(
            arguments[-1] is ... or len(value) == length,
            f"{where} has {len(value)} values; it must have {length}.",
        )
        return tuple(_convert(arguments[0], v, where) for v in value)
    if hint in _CHOICES:
        return _component_settings(_CHOICES[hint], value, where)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is float and whole and abs(value) <= sys.float_info.max:
        return float(value)
    fits = isinstance(value, hint) and not (hint is not bool and isinstance(value, bool))
    require(fits, f"{where} is {value!r}; it must be a {hint.__name__}.")
    return value


def component_from_dict(kind: type[T], values: object, where: str = "settings") -> T:
    """Build the settings of a component from JSON values.

    Arguments:
        kind: The base class of the settings, for instance `PriorConfig`.
        values: An object with the component's name and its settings.
        where: Name of the values in error messages.

    Raises:
        UserError: As for `from_dict`.
    """
    return typing.cast(T, _component_settings(_CHOICES[kind], values, where))


def _component_settings(choice: _Choice, value: Any, where: str) -> Any:  # noqa: ANN401
    name = value.get(choice.key) if isinstance(value, dict) else None
    require(
        isinstance(name, str),
        f"{where}.{choice.key} is {name!r}; it must be the name of a {choice.kind}.",
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
