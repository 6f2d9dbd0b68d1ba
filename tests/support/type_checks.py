"""Check the types and tensor shapes of every call of the package.

`jaxtyping.jaxtyped` binds the arguments of each call and checks them twice, for longer error
messages; a training loop spends half of its time on it. This decorator makes the same checks,
each once. It opens a context of axis sizes only for functions that have tensors.
"""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

_axes = functools.partial(jaxtyping.jaxtyped, "context")
_add_checks = beartype(conf=BeartypeConf(violation_type=TypeError))


def install(package: str) -> None:
    """Check the calls of a package that is not imported yet."""
    jaxtyping.jaxtyped = check  # the import hook looks it up by this name
    jaxtyping.install_import_hook(package, "beartype.beartype")


def check(decorated: Any = None, *, typechecker: object = None) -> Any:
    """Decorate a function, or the constructor of a dataclass.

    Arguments:
        decorated: The function or class; None to return a decorator.
        typechecker: Ignored; the import hook passes it.
    """
    if decorated is None:
        return check
    if inspect.isclass(decorated):
        # settings check their own values, with a message that another check would replace
        if any(base.__name__ == "Settings" for base in decorated.__mro__):
            return decorated
        if dataclasses.is_dataclass(decorated) and "__init__" in vars(decorated):
            decorated.__init__ = _check_calls(decorated.__init__)
        return decorated
    return _check_calls(decorated)


def _check_calls(function: Callable) -> Callable:
    if not function.__annotations__ or hasattr(function, "__no_type_check__"):
        return function
    checked = None
    has_shapes = False

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal checked, has_shapes
        if checked is None:  # generating the checks takes a millisecond, so wait for a call
            has_shapes = any(map(_has_shape, function.__annotations__.values()))
            checked = _add_checks(_resolvable(function))
        if not has_shapes:
            return checked(*arguments, **options)
        with _axes():
            return checked(*arguments, **options)

    return call


def _resolvable(function: Callable) -> Callable:
    """Return the function without annotations that only type checkers can resolve."""
    hints = {
        name: hint
        for name, hint in function.__annotations__.items()
        if not isinstance(hint, str) or _resolves(hint, function)
    }
    if len(hints) == len(function.__annotations__) or not isinstance(function, FunctionType):
        return function
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        function.__closure__,
    )  # fmt: skip
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, hints
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy


def _resolves(hint: str, function: Callable) -> bool:
    try:
        eval(hint, dict(inspect.getmodule(function).__dict__))
    except (NameError, AttributeError):
        return False
    return True


def _has_shape(annotation: object) -> bool:
    """Return whether a type contains a tensor with named axes; a string may."""
    if isinstance(annotation, str):
        return True
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(_has_shape, typing.get_args(annotation)))
