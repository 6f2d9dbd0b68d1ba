"""How the command line speaks: results on stdout, troubles on stderr, one process for all."""

import os
import sys
from typing import NoReturn

PROG = "latentarium"


def say(text: str) -> None:
    """A result, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning as a person reads it, without the line of source that gave it."""
    return f"{PROG}: {message}\n"


def is_first() -> bool:
    """Whether this process speaks for all that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def fail(sentence: str) -> NoReturn:
    """Ends with a sentence that says the mend."""
    if is_first():  # one process speaks for all
        sys.stderr.write(f"{PROG}: {sentence}\n")
    sys.exit(2)
