"""The entry point of the command line: parse the arguments, call a command, print the result.

torch takes seconds to import, so each command imports what it needs when it runs, and `--help`
answers quickly. A user error is printed as one message, with exit code 2.
"""

import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import tyro

from latentarium import __version__
from latentarium.cli.measure import bench, compare, doctor, duality_gap, evaluate, tour
from latentarium.cli.output import (
    PROG,
    fail_with,
    format_warning,
    is_main_process,
    print_result,
)
from latentarium.cli.show import data_check, sample, studio
from latentarium.cli.train import finish, preset_list, resume, train, train_preset
from latentarium.errors import StoppedError, UserError
from latentarium.registry import import_file

DESCRIPTION = (
    "Train, evaluate and explore autoencoders, VAEs, GANs and conditional GANs. Start with: "
    "latentarium tour. Every command accepts --import FILE.py, which imports custom "
    "components (see docs/extending.md)."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command. Exits with 2 on a user error, 130 on Ctrl-C, 143 on SIGTERM."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    default_format, warnings.formatwarning = warnings.formatwarning, format_warning
    try:
        _dispatch(_import_files(arguments))
    except UserError as error:
        fail_with(error)
    except BrokenPipeError:  # the reader of the pipe, such as `head`, has ended
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # an unreadable folder, a failing disk
        if error.filename is None:
            raise
        fail_with(
            UserError(
                f"{error.filename} can't be used: {error.strerror}. Fix the problem, or give "
                "another path.",
                code="file-error",
            )
        )
    except KeyboardInterrupt as error:
        if is_main_process():
            sys.stderr.write("\nStopped. To resume, repeat the command.\n")
        sys.exit(128 + (error.signal_number if isinstance(error, StoppedError) else signal.SIGINT))
    finally:
        warnings.formatwarning = default_format


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


def _dispatch(arguments: list[str]) -> None:
    if arguments[:1] == ["--version"]:
        print_result(f"{PROG} {__version__}")
        return
    if arguments[:1] == ["train"]:  # the settings depend on the preset
        if len(arguments) > 1 and not arguments[1].startswith("-"):
            train_preset(arguments[1], arguments[2:])
        else:
            print_result(preset_list())
        return
    if arguments[:2] == ["data", "check"]:
        arguments = ["data check", *arguments[2:]]
    commands: dict[str, Any] = {
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
        "studio": studio,
        "data check": data_check,
    }
    tyro.extras.subcommand_cli_from_dict(
        commands, prog=PROG, description=DESCRIPTION, args=arguments or ["--help"]
    )
