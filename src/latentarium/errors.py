"""Errors that the user can fix.

The command line prints a `UserError` as one message and exits with code 2. In Python it is an
ordinary `ValueError`.
"""

import difflib
from collections.abc import Iterable


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


class NonFiniteError(UserError):
    """A loss or a parameter became infinite or NaN during training.

    Arguments:
        what: The player and the step, for instance "The generator's loss is not finite at step 7".
        fix: What usually solves the problem, as an imperative without a full stop.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}: {fix}.", code="not-finite")
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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest known word, or a list of all known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}."
