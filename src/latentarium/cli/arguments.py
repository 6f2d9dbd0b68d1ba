"""Parse arguments with tyro, and turn its error boxes into messages."""

import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeVar

from latentarium.errors import UserError

T = TypeVar("T")
CODE = "invalid-arguments"
MIN_WIDTH, WIDTH = 40, 10_000
"""Columns below which tyro may not end, and in which it wraps no line of an error."""
REWORDED = {
    r"^Unrecognized options: ": "Unknown arguments: ",
    r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)": (
        r"\1 is \2; it must be an integer"
    ),
    r"^Error parsing (\S+): could not convert string to float: (.*)": (
        r"\1 is \2; it must be a number"
    ),
    r"^Error parsing (\S+): no type matching \{None\}\|INT .* from \[(.*?)\]\. Got errors: .*": (
        r"\1 is \2; it must be an integer"
    ),
    r"^Error parsing (\S+): no type matching \{None\}\|FLOAT .* from \[(.*?)\]\. Got errors: .*": (
        r"\1 is \2; it must be a number"
    ),
    r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)": (
        r"\2 is \1; it must be one of \3"
    ),
    r"^Missing value for argument '(.*)'\. Expected 1 values": r"\1 needs a value",
}
"""Messages of tyro, as patterns, and what replaces them."""


def parse_arguments(parse: Callable[[], T], prog: str) -> T:
    """Call a function that parses arguments with tyro.

    Arguments:
        parse: Returns the parsed arguments. It is called again to format an error, so it must not
            have effects.
        prog: The command whose --help an error message names.

    Raises:
        UserError: The arguments are wrong: the error with which a setting refuses its value, or
            one with code "invalid-arguments".
        SystemExit: tyro has printed the help (code 0).
    """
    printed = io.StringIO()
    width = max(MIN_WIDTH, shutil.get_terminal_size().columns)
    try:
        with redirect_stderr(printed), _terminal_width(width):
            parsed = parse()
    except SystemExit as stop:
        if stop.code != 2:
            raise
        cause = _user_error(stop)
        if cause is not None:
            raise cause from None
    except AssertionError as error:  # tyro checks its own options with assertions
        raise UserError(f"{error}. {prog} --help lists all options.", code=CODE) from None
    else:
        sys.stderr.write(printed.getvalue())
        return parsed
    box = io.StringIO()
    # a stream without an encoding, and no terminal: tyro uses no colours and draws no frame
    streams = redirect_stdout(io.StringIO()), redirect_stderr(box)
    with streams[0], streams[1], _terminal_width(WIDTH), contextlib.suppress(SystemExit):
        parse()
    raise UserError(error_message(box.getvalue(), prog), code=CODE)


def error_message(box: str, prog: str) -> str:
    """Return the message of a box that tyro has printed for an error, as one line.

    The box has a title, and sections between rules: the error, and options with similar names. At
    its end is the command that prints the help, for which `prog` is more precise.
    """
    sections: list[list[str]] = [[]]
    for line in box.splitlines():
        if set(line.strip()) == {"-"}:
            sections.append([])
        elif line.strip():
            sections[-1].append(line)
    (title, *_), error, *others = sections if len(sections) > 1 else [[""], *sections]
    message = " ".join(" ".join(error).split())
    if title.strip() == "Required options":  # their names, above descriptions that are indented
        names = [line.strip() for line in error[1:] if not line.startswith(" " * 8)]
        message = f"Missing: {', '.join(names)}"
    for pattern, replacement in REWORDED.items():
        message = re.sub(pattern, replacement, message)
    message = f"{message.rstrip('.')}."
    for lines in others:
        if lines and lines[0].strip().startswith(("Perhaps you meant", "Arguments similar to")):
            message += f" Did you mean {lines[1].split()[0].rstrip(',')}?"
    return f"{message} {prog} --help lists all options."


def with_json_target(arguments: Sequence[str]) -> list[str]:
    """Give an option --json without a value the value "-", which stands for stdout.

    The next word is no value if it starts with a dash or is the path of a folder.
    """
    result: list[str] = []
    for position, word in enumerate(arguments):
        result.append(word)
        value = arguments[position + 1 : position + 2]
        if word == "--json" and (not value or _is_no_file(value[0])):
            result.append("-")
    return result


def _is_no_file(word: str) -> bool:
    return (word.startswith("-") and word != "-") or Path(word).is_dir()


def _user_error(stop: BaseException | None) -> UserError | None:
    """Return the user error that an exception was raised for, directly or indirectly."""
    while stop is not None:
        if isinstance(stop, UserError):
            return stop
        stop = stop.__cause__ or stop.__context__
    return None


@contextmanager
def _terminal_width(columns: int) -> Iterator[None]:
    """Make Python report a terminal of this width until the block ends."""
    previous = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if previous is not None:
            os.environ["COLUMNS"] = previous
