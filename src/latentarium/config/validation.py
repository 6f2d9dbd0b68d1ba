"""Check and convert the values of settings by the annotations of their fields.

The same conversion serves settings that are constructed in Python and settings that are read from
JSON, so that both accept the same values:

    int        an integer of any library, but no bool
    float      a finite real number, but no bool
    str        a string or a path
    Literal    one of the listed values
    tuple      a list or a tuple
    dict       an object, whose keys and values are converted
    a class    an instance of it, such as nested settings

`Annotated[int, Range(1, 10)]` limits a number, and `Annotated[str, NOT_EMPTY]` a string.
"""

import dataclasses
import difflib
import functools
import math
import numbers
import operator
import os
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from latentarium.config.limits import Length, Range, Seed
from latentarium.errors import UserError
from latentarium.texts import Text

MAX_SHOWN = 80
"""Number of characters of a value that an error message shows."""


Convert = Callable[[type, object, str], object]
"""Function that converts the value of a field whose annotation is a class: its arguments are the
class, the value and the name."""


def require(condition: bool, message: str, code: str = "invalid-setting") -> None:
    """Raise a `UserError` with this message unless the condition is true."""
    if not condition:
        raise UserError(message, code=code)


def require_seed(seed: int) -> None:
    """Check that every random number generator accepts this seed.

    Raises:
        UserError: The seed is not between 0 and 2^32 - 1 (code "invalid-setting").
    """
    convert(Seed, seed, "seed")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base class of settings: frozen dataclasses whose values are checked on construction.

    A subclass checks how its fields fit together in `check`, and the single fields by their
    annotations.
    """

    def __post_init__(self) -> None:
        check_fields(self)
        self.check()

    def check(self) -> None:
        """Check how the values of the fields fit together; overridden where they must.

        Raises:
            UserError: They don't (code "invalid-setting").
        """


def check_fields(settings: object) -> None:
    """Check the fields of a dataclass, and store each value in the type of its annotation.

    Raises:
        UserError: A value has the wrong type or is out of range (code "invalid-setting").
    """
    for name, hint in field_hints(type(settings)).items():
        given = getattr(settings, name)
        value = convert(hint, given, name, _require_instance)
        if value is not given:
            object.__setattr__(settings, name, value)  # the dataclass is frozen


@functools.cache
def field_hints(kind: type) -> dict[str, Any]:
    """Return the annotations of a dataclass's fields; Any for one that can't be resolved."""
    fields = dataclasses.fields(kind)
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):  # a custom class whose annotations name nothing known
        hints = {}
    return {field.name: hints.get(field.name, Any) for field in fields}


def convert(
    hint: object, value: object, name: str, convert_class: Convert | None = None
) -> object:
    """Convert a value to the type of an annotation.

    Arguments:
        hint: The annotation.
        value: The value.
        name: Name of the value in error messages.
        convert_class: Converts a value whose annotation is a class; None checks that it is an
            instance.

    Raises:
        UserError: The value has the wrong type or is out of range (code "invalid-setting").
    """
    convert_class = convert_class or _require_instance
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        value = convert(arguments[0], value, name, convert_class)
        for limit in arguments[1:]:
            _require_limit(limit, value, name)
        return value
    if origin is Literal:
        return _one_of(arguments, value, name)
    if origin in (types.UnionType, typing.Union):
        return _alternative(arguments, value, name, convert_class)
    if origin in (tuple, list):
        return _sequence(origin, arguments, value, name, convert_class)
    if hint is bool:
        require(
            _is_bool(value),
            Text("{name} is {value}; it must be True or False.", name=name, value=shown(value)),
        )
        return bool(value)
    if hint is int:
        return _integer(value, name)
    if hint is float:
        return _real(value, name)
    if hint is str:
        text = os.fspath(value) if isinstance(value, os.PathLike) else value
        require(
            isinstance(text, str),
            Text("{name} is {value}; it must be a string.", name=name, value=shown(value)),
        )
        # a subclass, such as an enumeration, may print otherwise
        return str.__str__(typing.cast(str, text))
    if hint is types.NoneType or hint is None:
        require(
            value is None,
            Text("{name} is {value}; it must be left out.", name=name, value=shown(value)),
        )
        return None
    if isinstance(hint, type) and hint is not Any:
        return convert_class(hint, value, name)
    if origin is dict:
        require(
            isinstance(value, dict),
            Text("{name} is {value}; it must be an object.", name=name, value=shown(value)),
        )
        return {
            convert(arguments[0], k, f"a key of {name}"): convert(
                arguments[1], v, f"{name}.{shown_key(k)}", convert_class
            )
            for k, v in typing.cast(dict[object, object], value).items()
        }
    if isinstance(origin, type):  # another generic class
        _require_instance(origin, value, name)
    return value  # Any, and other annotations that can't be checked


def shown_key(key: object) -> str:
    """Return the text of a key in the name of a value."""
    return key if isinstance(key, str) and len(key) <= MAX_SHOWN else shown(key)


def shown(value: object) -> str:
    """Return the text of a value in an error message, shortened if it is long."""
    try:
        text = repr(value)
    except Exception as error:  # a custom class, or an integer of more than 4,300 digits
        text = f"a value of type {type(value).__name__} ({type(error).__name__})"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _require_instance(hint: type, value: object, name: str) -> object:
    """Check that a value is an instance of a class, and check its fields if it has some."""
    require(
        isinstance(value, hint),
        Text(
            "{name} is {value}; it must be an {kind}."
            if hint.__name__[0] in "AEIOU"
            else "{name} is {value}; it must be a {kind}.",
            name=name,
            value=shown(value),
            kind=hint.__name__,
        ),
    )
    if dataclasses.is_dataclass(value):  # again, for a class with a `__post_init__` of its own
        check_fields(value)
    return value


def _require_limit(limit: object, value: object, name: str) -> None:
    if isinstance(limit, Range) and value is not None:
        require(
            typing.cast(float, value) in limit,
            Text(
                "{name} is {value}; it must be {limit}.",
                name=name,
                value=shown(value),
                limit=limit.text,
            ),
        )
    if isinstance(limit, Length) and value is not None:
        require(
            len(typing.cast(str, value)) >= limit.low,
            Text("{name} is {value}; it must not be empty.", name=name, value=shown(value)),
        )


def _one_of(known: tuple[Any, ...], value: object, name: str) -> object:
    matches = [k for k in known if type(k) is type(value) and k == value]
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(value), names, n=1) if isinstance(value, str) else []
    hint = Text(" Did you mean '{word}'?", word=close[0]) if close else ""
    require(
        bool(matches),
        Text(
            "{name} is {value}; it must be one of {choices}.{hint}",
            name=name,
            value=shown(value),
            choices=list(map(repr, known)),
            hint=hint,
        ),
    )
    return matches[0]


def _alternative(
    alternatives: tuple[Any, ...], value: object, name: str, convert_class: Convert
) -> object:
    """Return the value converted to the first alternative that accepts it."""
    if value is None and types.NoneType in alternatives:
        return None
    if isinstance(value, str) and str in alternatives:
        return value
    rest = [a for a in alternatives if a is not types.NoneType]
    for alternative in rest:
        if isinstance(alternative, type) and isinstance(value, alternative):
            return convert(alternative, value, name, convert_class)
    errors: list[UserError] = []
    for alternative in rest:
        try:
            return convert(alternative, value, name, convert_class)
        except UserError as error:
            errors.append(error)
    if len(errors) == 1 or isinstance(value, dict):
        raise errors[-1]
    names = " or ".join(getattr(a, "__name__", str(a)) for a in alternatives)
    raise UserError(
        Text("{name} is {value}; it must be {names}.", name=name, value=shown(value), names=names),
        code="invalid-setting",
    )


def _sequence(
    kind: type, arguments: tuple[Any, ...], value: object, name: str, convert_class: Convert
) -> object:
    require(
        isinstance(value, list | tuple),
        Text("{name} is {value}; it must be a list.", name=name, value=shown(value)),
    )
    values = typing.cast(Sequence[object], value)
    if kind is list or arguments[-1] is ...:
        hints = [arguments[0]] * len(values)
    else:
        hints = list(arguments)
        require(
            len(values) == len(hints),
            Text(
                "{name} has {count} values; it must have {needed}.",
                name=name,
                count=len(values),
                needed=len(hints),
            ),
        )
    pairs = enumerate(zip(hints, values, strict=True))
    items = [convert(hint, item, f"{name}[{i}]", convert_class) for i, (hint, item) in pairs]
    return value if type(value) is kind and _same(items, values) else kind(items)


def _same(items: Sequence[object], value: Sequence[object]) -> bool:
    return all(new is old for new, old in zip(items, value, strict=True))


def _integer(value: object, name: str) -> int:
    try:
        if _is_bool(value):
            raise TypeError
        return operator.index(typing.cast(Any, value))
    except TypeError:
        raise UserError(
            Text("{name} is {value}; it must be an integer.", name=name, value=shown(value)),
            code="invalid-setting",
        ) from None


def _real(value: object, name: str) -> float:
    try:
        if _is_bool(value):
            raise TypeError
        number = float(
            typing.cast(Any, value)
            if isinstance(value, numbers.Real)
            else operator.index(typing.cast(Any, value))
        )
    except (TypeError, OverflowError):
        raise UserError(
            Text("{name} is {value}; it must be a finite number.", name=name, value=shown(value)),
            code="invalid-setting",
        ) from None
    require(
        math.isfinite(number),
        Text("{name} is {value}; it must be a finite number.", name=name, value=shown(value)),
    )
    return number


def _is_bool(value: object) -> bool:
    """Return whether a value is a bool of Python, numpy or torch."""
    return isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
