"""Check errors by their code, not by their wording."""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import pytest

from latentarium.errors import UserError


@contextmanager
def untyped() -> Iterator[None]:
    """Turn off the checks of annotations, for calls that a type checker would refuse."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@contextmanager
def raises_code(code: str) -> Iterator["pytest.ExceptionInfo[UserError]"]:
    """Require a `UserError` with this code, whose message is not empty."""
    with pytest.raises(UserError) as caught:
        yield caught
    assert caught.value.code == code, f"{caught.value.code!r}: {caught.value}"
    assert str(caught.value)
