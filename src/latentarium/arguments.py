"""Check integers and factors that callers give.

Integers follow `operator.index`: `7`, `np.int64(7)` and an integer tensor of one element are the
same number, and `2.0`, "2" and True are refused.
"""

import math
import operator
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from latentarium.errors import UserError

if TYPE_CHECKING:
    Integer = SupportsIndex
    Number = SupportsFloat
else:  # tests check annotations at run time, and `as_integer` has a better message
    Integer = Number = Any

MAX_SEED = 2**32 - 1
MAX_TEXT = 80
"""Maximum number of characters of a value in a message."""


def as_integer(
    name: str, value: object, low: int, high: int | None = None, *, code: str = "invalid-integer"
) -> int:
    """Return an integer argument as an `int`.

    Arguments:
        name: Name of the argument, for messages.
        value: The argument.
        low: Smallest allowed value.
        high: Largest allowed value; None: no limit.
        code: Code of the error.

    Raises:
        UserError: The value is not an integer, or it is out of range.
    """
    limits = f"at least {low}" if high is None else f"between {low} and {high}"
    number = to_index(value)
    if number is None:
        raise UserError(
            f"{name} is {describe(value)}; it must be an integer, {limits}.", code=code
        )
    if number < low or (high is not None and number > high):
        raise UserError(f"{name} is {number}; it must be {limits}.", code=code)
    return number


def as_count(name: str, value: object) -> int:
    """Return an argument that is an integer of at least 1.

    Raises:
        UserError: It is not (code "invalid-count").
    """
    return as_integer(name, value, 1, code="invalid-count")


def as_seed(value: object) -> int:
    """Return a seed, an integer that every random number generator accepts.

    Raises:
        UserError: The value is not an integer between 0 and 2^32 - 1 (code "invalid-seed").
    """
    return as_integer("seed", value, 0, MAX_SEED, code="invalid-seed")


def as_factor(name: str, value: object, *, code: str) -> float:
    """Return an argument that is a finite number of at least 0 as a `float`.

    Raises:
        UserError: It is not (with the given code).
    """
    try:
        if is_bool(value) or isinstance(value, str | bytes | bytearray):
            raise TypeError
        number = float(value)  # pyright: ignore[reportArgumentType]  anything else raises
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(
            f"{name} is {describe(value)}; it must be a finite number, at least 0.", code=code
        )
    return number


def to_index(value: object) -> int | None:
    """Return an integer as an `int`; None if the value is not an integer, or if it is a bool."""
    if is_bool(value):
        return None
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, RuntimeError):
        return None


def is_bool(value: object) -> bool:
    """Return whether a value is a bool, or an array of them."""
    kind = str(getattr(value, "dtype", type(value).__name__))
    return kind.removeprefix("torch.").startswith("bool")


def describe(value: object) -> str:
    """Return a value as text, or only its type if the text is long."""
    text = repr(value)
    return text if len(text) <= MAX_TEXT and "\n" not in text else f"a {type(value).__name__}"
