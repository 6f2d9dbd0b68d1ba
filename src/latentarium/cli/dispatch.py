"""Choose the command that the arguments name, parse its settings, and call it.

torch takes seconds to import, so each command imports what it needs when it runs, and `--help`
answers quickly.
"""

import contextlib
import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tyro

from latentarium import __version__
from latentarium.cli.arguments import parse_arguments, with_json_target
from latentarium.cli.export import export
from latentarium.cli.images import interpolate, invert, nearest
from latentarium.cli.latents import decode, encode, reconstruct
from latentarium.cli.measure import bench, compare, doctor, duality_gap, evaluate, tour
from latentarium.cli.output import PROG, print_result
from latentarium.cli.priors import fit_prior
from latentarium.cli.show import data_check, sample, studio
from latentarium.cli.train import finish, resume, run_train, train
from latentarium.errors import UserError, did_you_mean
from latentarium.registry import import_file

DESCRIPTION = (
    "Train, evaluate and explore autoencoders, VAEs, GANs and conditional GANs. Start with: "
    "latentarium tour. Every command accepts --import FILE.py, which imports custom "
    "components (see docs/extending.md)."
)
COMPLETION = "--tyro-print-completion"
"""The option that prints a script of shell completion."""
COMMANDS: dict[str, Callable[..., None]] = {
    "tour": tour,
    "train": train,
    "resume": resume,
    "finish": finish,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "bench": bench,
    "doctor": doctor,
    "duality-gap": duality_gap,
    "fit-prior": fit_prior,
    "encode": encode,
    "decode": decode,
    "reconstruct": reconstruct,
    "interpolate": interpolate,
    "invert": invert,
    "nearest": nearest,
    "export": export,
    "studio": studio,
    "data check": data_check,
}


def dispatch(arguments: list[str]) -> None:
    """Run the command of these arguments.

    Raises:
        UserError: The arguments are wrong, or the command can't be executed.
        SystemExit: Help was printed (code 0).
    """
    arguments = _import_files(arguments)
    if arguments[:1] == ["--version"]:
        print_result(f"{PROG} {__version__}")
        return
    if arguments[:1] == ["train"]:  # the settings depend on the preset
        run_train(arguments[1:])
        return
    if arguments[:2] == ["data", "check"]:
        arguments = ["data check", *arguments[2:]]
    name = arguments[0] if arguments else "--help"
    if name not in COMMANDS and not name.startswith("-"):
        raise UserError(
            f"There is no command '{name}'.{did_you_mean(name, COMMANDS)} {PROG} --help describes "
            "all commands.",
            code="unknown-command",
        )
    if name in ("evaluate", "compare", "doctor"):
        arguments = with_json_target(arguments)
    commands: dict[str, Any] = {name: _deferred(call) for name, call in COMMANDS.items()}
    with _on_one_line() if name == COMPLETION else contextlib.nullcontext():
        call = parse_arguments(
            lambda: tyro.extras.subcommand_cli_from_dict(
                commands, prog=PROG, description=DESCRIPTION, args=arguments or ["--help"]
            ),
            f"{PROG} {name}" if name in COMMANDS else PROG,
        )
    call()


@contextmanager
def _on_one_line() -> Iterator[None]:
    """Print a script of shell completion with each description on one line, since the script takes
    each line for a completion."""
    script = io.StringIO()
    try:
        with contextlib.redirect_stdout(script):
            yield
    finally:
        lines = script.getvalue().splitlines()
        print_result("\n".join(
            line.replace("\\n", " ") if line.startswith("COMPLETION_SPEC") else line
            for line in lines
        ))  # fmt: skip


def _deferred(command: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    """Return a function with the same parameters that returns the call instead of making it."""

    @functools.wraps(command)
    def defer(*args: object, **kwargs: object) -> Callable[[], None]:
        return functools.partial(command, *args, **kwargs)

    return defer


def _import_files(arguments: list[str]) -> list[str]:
    """Import the files of all --import options, and return the other arguments."""
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        option, has_value, value = argument.partition("=")
        if option != "--import":
            rest.append(argument)
            continue
        path = value if has_value else next(remaining, "")
        if not path:
            raise UserError(
                "--import needs a value: give the path of a .py file.", code="missing-value"
            )
        import_file(path)
    return rest
