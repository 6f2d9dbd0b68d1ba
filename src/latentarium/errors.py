"""Errors that the user can fix.

The command line prints a `UserError` as one message and exits with code 2. In Python it is an
ordinary `ValueError`.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from latentarium.texts import Text, text_from_json, text_of, text_to_json


class UserError(ValueError):
    """A mistake in a call, a configuration or a file that the user can fix.

    Arguments:
        message: What is wrong, with the offending value, and what to do.
        code: A stable identifier in kebab-case for this kind of mistake. Tests and clients of the
            studio's API compare the code, not the message.
    """

    def __init__(self, message: str = "", *, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code

    @property
    def text(self) -> Text:
        """The message with its template and its values."""
        return text_of(self)


def error_to_json(text: str, code: str) -> dict[str, Any]:
    """Return an error as JSON values: its message, its code, and what a translation needs.

    Arguments:
        text: The message; see `text_to_json`.
        code: The code.
    """
    content = text_to_json(text)
    return {"error": content.pop("text"), "code": code, **content}


def error_from_json(content: Any) -> UserError:  # noqa: ANN401
    """Return the error that `error_to_json` has converted; template and values may be missing.

    Raises:
        KeyError, TypeError, ValueError, IndexError, AttributeError: The values are malformed.
    """
    message, code = str(content["error"]), str(content["code"])
    if "template" not in content:
        return UserError(message, code=code)
    return UserError(text_from_json(content), code=code)


class NonFiniteError(UserError):
    """A loss or a parameter became infinite or NaN during training.

    Arguments:
        what: The player and the step, for instance "The generator's loss is not finite at step 7".
        fix: What usually solves the problem, as an imperative without a full stop.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(Text("{what}: {fix}.", what=what, fix=fix), code="not-finite")
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Return how to copy the error to another process."""
        return type(self), (self.what, self.fix)


class StoppedError(KeyboardInterrupt):
    """A signal ended the training after a complete step, and a checkpoint was saved.

    Arguments:
        signal_number: The signal, for instance `signal.SIGTERM`.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number

    def __reduce__(self) -> tuple[type, tuple[int]]:
        """Return how to copy the error to another process."""
        return type(self), (self.signal_number,)


def did_you_mean(word: str, known: Iterable[str]) -> Text:
    """Return " Did you mean 'x'?" for the closest known word, or a list of all known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return Text(" Did you mean '{word}'?", word=close[0])
    return Text(" Known: {names}.", names=known)
