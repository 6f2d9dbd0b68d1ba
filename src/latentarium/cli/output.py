"""Output of the command line: results on stdout, errors and progress on stderr."""

import json
import os
import shlex
import sys
from typing import NoReturn

from latentarium.errors import UserError
from latentarium.progress import JSON_VARIABLE

PROG = "latentarium"


def print_result(text: str) -> None:
    """Print a result to stdout and flush it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def command_hint(*words: object) -> str:
    """Return a command to suggest, quoted so that it can be pasted into a shell."""
    return shlex.join([PROG, *map(str, words)])


def format_warning(message: Warning | str, *_: object, **__: object) -> str:
    """Format a warning as one line, without the source line that caused it."""
    return f"{PROG}: {message}\n"


def is_main_process() -> bool:
    """Return whether this process prints: `torchrun` starts several, and only the first prints."""
    return os.environ.get("RANK", "0") == "0"


def fail(message: str, code: str = "invalid") -> NoReturn:
    """Print an error message and exit with code 2.

    If progress is written as JSON lines, the error is also written as a JSON line.
    """
    if is_main_process():
        if os.environ.get(JSON_VARIABLE):
            sys.stderr.write(json.dumps({"error": message, "code": code}) + "\n")
        else:
            sys.stderr.write(f"{PROG}: {message}\n")
    sys.exit(2)


def fail_with(error: UserError) -> NoReturn:
    """Print a user error and exit with code 2."""
    fail(str(error), error.code)
