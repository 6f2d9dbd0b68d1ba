"""List the settings of a configuration by their full names, and change some of them."""

import ast
import dataclasses
import functools
import inspect
import itertools
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from latentarium import registry
from latentarium.config.components import component_kind, name_of
from latentarium.config.limits import Range
from latentarium.config.run import Config
from latentarium.config.validation import convert, field_hints, shown
from latentarium.errors import UserError, did_you_mean
from latentarium.texts import Text

FieldKind = Literal["integer", "number", "boolean", "choice", "text"]
NO_COMPONENTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class SettingField:
    """One setting of a configuration."""

    name: str
    """Full name, such as model.encoder.width."""
    owner: str
    """Name of the dataclass that defines it."""
    kind: FieldKind
    value: Any
    choices: tuple[str, ...] = ()
    """Allowed values of a choice."""
    is_component: bool = False
    """Whether a choice names a component, which may have settings of its own."""
    limits: str = ""
    """Allowed values of a number in words; empty if there is no limit."""
    meaning: str = ""
    """The text below the field in its dataclass."""


def list_settings(
    config: Config, components: Mapping[str, str] = NO_COMPONENTS
) -> list[SettingField]:
    """Return all settings of a configuration in the order of their definition.

    Arguments:
        config: The configuration.
        components: Names of components by the full names of their settings, such as model.prior,
            whose own settings are listed in place of those of the configuration's component.
    """
    return list(_fields(config, "", components))


def change_settings(config: Config, values: Mapping[str, Any]) -> Config:
    """Return a configuration with some settings changed.

    Arguments:
        config: The configuration.
        values: The new values by full name. A number may be given as text, as on the command line.

    Raises:
        UserError: There is no such setting (code "unknown-setting"), or a value is refused, as on
            construction.
    """
    components = named_components(config, values)
    known = {field.name: field for field in list_settings(config, components)}
    parsed = {name: _parse(_known(known, name), value) for name, value in values.items()}
    return _replace(config, parsed)


def check_setting(
    config: Config,
    name: str,
    value: Any,  # noqa: ANN401
    components: Mapping[str, str] = NO_COMPONENTS,
) -> None:
    """Check the value of one setting without regard to the other settings.

    Arguments:
        config: The configuration.
        name: The full name of the setting.
        value: Its new value.
        components: As for `list_settings`.

    Raises:
        UserError: As for `change_settings`; the message contains the full name.
    """
    field = _known({field.name: field for field in list_settings(config, components)}, name)
    *path, last = name.split(".")
    owner: object = config
    for depth, part in enumerate(path):
        choice = components.get(".".join(path[: depth + 1]), getattr(owner, part))
        owner = _settings_of(owner, part, choice)
    convert(field_hints(type(owner))[last], _parse(field, value), name)
    if field.kind == "choice" and value not in field.choices:
        raise UserError(
            Text(
                "{name} is {value}; it must be one of {choices}.",
                name=name,
                value=shown(value),
                choices=list(field.choices),
            ),
            code="invalid-setting",
        )


def named_components(config: Config, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the components that changed settings name, by the full names of their settings."""
    return {
        field.name: values[field.name]
        for field in list_settings(config)
        if field.name in values and field.is_component and values[field.name] in field.choices
    }


def _known(fields: Mapping[str, SettingField], name: str) -> SettingField:
    if name not in fields:
        raise UserError(
            Text(
                "There is no setting named {name}.{hint}",
                name=shown(name),
                hint=did_you_mean(name, fields),
            ),
            code="unknown-setting",
        )
    return fields[name]


def _parse(field: SettingField, value: Any) -> Any:  # noqa: ANN401
    """Convert the text of a number to the number; return other values unchanged."""
    parsers: dict[str, type] = {"integer": int, "number": float}
    if isinstance(value, str) and field.kind in parsers:
        try:
            return parsers[field.kind](value)
        except ValueError:
            return value  # its check names the allowed values
    return value


def _fields(
    settings: object, prefix: str, components: Mapping[str, str]
) -> Iterator[SettingField]:
    hints = field_hints(type(settings))
    for field in dataclasses.fields(typing.cast(Any, settings)):
        value, name = getattr(settings, field.name), prefix + field.name
        kind, choices, limits = _describe(hints[field.name])
        component = component_kind(hints[field.name])
        if kind is not None:
            yield SettingField(
                name=name,
                owner=_owner(type(settings), field.name),
                kind=kind,
                value=value if kind != "choice" else name_of(value),
                choices=choices,
                is_component=component is not None,
                limits=limits,
                meaning=meanings(type(settings)).get(field.name, ""),
            )
        inner = _settings_of(settings, field.name, components.get(name, value))
        if dataclasses.is_dataclass(inner):
            for nested in _fields(inner, f"{name}.", components):
                if component is None or nested.name != f"{name}.kind":
                    yield nested


def _settings_of(owner: object, name: str, value: object) -> object:
    """Return the nested settings of a field: those of a component if it is chosen by name."""
    kind = component_kind(field_hints(type(owner))[name])
    if kind is None or not isinstance(value, str):
        return value
    settings = registry.settings_type(kind, value)
    return None if settings is None else settings()


def _describe(hint: object) -> tuple[FieldKind | None, tuple[str, ...], str]:
    """Return the kind, the choices and the limits of an annotation; no kind for nested ones."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        kind, choices, _ = _describe(arguments[0])
        limits = " and ".join(str(limit) for limit in arguments[1:] if isinstance(limit, Range))
        return kind, choices, limits
    if origin is Literal:
        return "choice", tuple(map(str, arguments)), ""
    component = component_kind(hint)
    if component is not None:
        return "choice", tuple(registry.registered(component)), ""
    kinds: dict[object, FieldKind] = {
        bool: "boolean", int: "integer", float: "number", str: "text",
    }  # fmt: skip
    return kinds.get(hint) if isinstance(hint, type) else None, (), ""


def _replace(settings: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return a dataclass with nested fields replaced, which checks all values."""
    changes: dict[str, Any] = {k: v for k, v in values.items() if "." not in k}
    for part in {name.split(".", 1)[0] for name in values if "." in name}:
        inner = {n.split(".", 1)[1]: v for n, v in values.items() if n.startswith(f"{part}.")}
        chosen = changes.get(part, getattr(settings, part))
        changes[part] = _replace(_settings_of(settings, part, chosen), inner)
    return dataclasses.replace(settings, **changes)


def _owner(kind: type, name: str) -> str:
    """Return the name of the most derived class that defines a field."""
    return next(c.__name__ for c in kind.__mro__ if name in inspect.get_annotations(c))


@functools.cache
def meanings(kind: type) -> dict[str, str]:
    """Return the texts below the fields of a dataclass and its base classes, each on one line."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            texts |= _own_meanings(base)
    return texts


def _own_meanings(kind: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):  # a class without source, such as a generated one
        return {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        statement.target.id: " ".join(text.value.value.split())
        for statement, text in itertools.pairwise(body)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
