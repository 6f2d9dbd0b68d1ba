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
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

CHECKED_CALLS = 50
"""Calls of each function that are checked; of later ones, as in a long training, only some are."""
CHECK_INTERVAL = 20

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
    calls = 0

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal checked, has_shapes, calls
        calls += 1
        if jaxtyping.config.jaxtyping_disable:
            return function(*arguments, **options)
        if checked is None:  # generating the checks takes a millisecond, so wait for a call
            hints = {k: _resolve(v, function) for k, v in function.__annotations__.items()}
            has_shapes = any(map(_has_shape, hints.values()))
            function.__annotations__ = hints
            checked = _add_checks(function)
        skipped = calls > CHECKED_CALLS and calls % CHECK_INTERVAL
        target = function if skipped else checked
        if not has_shapes:
            return target(*arguments, **options)
        with _axes():  # also for a skipped call: a generator is checked later, in this context
            return target(*arguments, **options)

    return call


def _resolve(annotation: object, function: Callable) -> object:
    """Replace the names in an annotation; return `Any` if it has names that only type checkers
    import."""

    def stub() -> None: ...

    stub.__annotations__ = {"value": annotation}
    try:
        return typing.get_type_hints(stub, function.__globals__, include_extras=True)["value"]
    except NameError:
        return Any


def _has_shape(annotation: object) -> bool:
    """Return whether a type contains a tensor with named axes."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(_has_shape, typing.get_args(annotation)))
