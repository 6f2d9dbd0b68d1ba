"""Run the command line in this process, and read what it prints."""

import json
import re

import pytest

from latentarium import cli
from latentarium.progress import JSON_VARIABLE


def run_command(*arguments: object) -> None:
    """Run a command with these arguments."""
    cli.main([str(argument) for argument in arguments])


def output_of(capsys, *arguments: object) -> str:
    """Run a command, and return what it prints to stdout."""
    capsys.readouterr()
    run_command(*arguments)
    return capsys.readouterr().out


def failure_output(capsys, *arguments: object) -> str:
    """Run a command that must fail with a user error, and return what it prints to stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run_command(*arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    return error


def refused(capsys, *arguments: object) -> str:
    """As `failure_output`; the last line must be the error message for people."""
    error = failure_output(capsys, *arguments)
    assert error.splitlines()[-1].startswith("latentarium: ")
    return error


def error_code(capsys, *arguments: object) -> str:
    """Run a command that must fail with a user error, and return the error's code."""
    return error_and_code(capsys, *arguments)[1]


def error_and_code(capsys, *arguments: object) -> tuple[str, str]:
    """Run a command that must fail with a user error, and return its message and its code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(JSON_VARIABLE, "60")
        error = failure_output(capsys, *arguments)
    report = json.loads(error.splitlines()[-1])
    assert report.keys() == {"error", "code", "template", "values"}
    assert report["error"]
    return report["error"], report["code"]


def resumed_step(stderr: str) -> int:
    """Return the step at which a training was resumed, from the line that reports it."""
    match = re.search(r"(\d+) of \d+", stderr)
    assert match is not None, stderr
    return int(match[1])
