"""Mistakes that a person can mend.

A `UserError` carries one plain sentence that says what is wrong and how to mend it. The command
line prints the sentence and exits with code 2; in Python it is an ordinary `ValueError`.
"""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something in the call, the configuration or a file is wrong, and the text says the mend."""


class NotFinite(UserError):
    """Training ran away.

    Arguments:
        what: Whose loss or parameters, and at which step.
        mend: What usually helps.
    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}: {mend}.")
        self.what, self.mend = what, mend


class Stopped(KeyboardInterrupt):
    """A signal ended the work after a step, and what was done is saved.

    Arguments:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the known word closest to `word`, or the list of them."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}."
