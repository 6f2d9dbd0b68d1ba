"""Output of the command line: results on stdout; errors, progress and notes on stderr."""

import json
import math
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from latentarium.errors import UserError, error_to_json
from latentarium.progress import JSON_VARIABLE
from latentarium.terminal import printable

PROG = "latentarium"


def print_result(text: str) -> None:
    """Print a result to stdout and flush it."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def print_json(content: object) -> None:
    """Print a result to stdout as one line of JSON; numbers that are not finite become null."""
    try:
        text = json.dumps(content, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(content), allow_nan=False)
    print_result(text)


def num_images(n: int) -> str:
    """Return a number of images in words, such as "1 image" or "2,000 images"."""
    return "1 image" if n == 1 else f"{n:,} images"


def print_note(text: str) -> None:
    """Print what a person may want to know, such as where a file was written, to stderr."""
    if is_main_process():
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def print_error(error: UserError, *, as_json: bool = False) -> None:
    """Print an error message to stderr.

    It is a JSON object with `error` and `code` if `as_json` is set. If progress is written as
    JSON, for the studio, it is one with what a translation needs too.
    """
    if os.environ.get(JSON_VARIABLE):
        print_note(json.dumps(error_to_json(error.text, error.code)))
    elif as_json:
        print_note(json.dumps({"error": str(error), "code": error.code}))
    else:
        print_note(f"{PROG}: {error}")


def command(*words: object) -> str:
    """Return a command line of latentarium, with its words quoted for the shell.

    A word with control characters or bytes that are not UTF-8 is quoted as $'...', which bash and
    zsh understand.
    """
    texts = [_as_word(word) for word in words]
    if os.name == "nt":
        return subprocess.list2cmdline([PROG, *texts])
    return " ".join([PROG, *map(_quoted, texts)])


def format_warning(message: Warning | str, *_: object, **__: object) -> str:
    """Format a warning as one line, without the source line that caused it."""
    return f"{PROG}: {printable(str(message))}\n"


def is_main_process() -> bool:
    """Return whether this process prints: `torchrun` starts several, and only the first prints."""
    return os.environ.get("RANK", "0") == "0"


def _as_word(word: object) -> str:
    """Return a word as text; a path can't be mistaken for an option."""
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    escaped = "".join(
        "\\" + char if char in "\\'" else
        char if char.isprintable() else
        "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in word
    )  # fmt: skip
    return f"$'{escaped}'"


def _finite(value: Any) -> Any:  # noqa: ANN401  any JSON
    """Return JSON in which None replaces all numbers that are not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
