"""The command line: parse, call, print.

torch takes seconds to import, so each command imports what it needs when it runs, and `--help`
answers at once. A mistake that a person can mend is one sentence and exit code 2.
"""

import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import tyro

from latentarium import __version__
from latentarium.cli.measure import bench, compare, doctor, evaluate, gap, tour
from latentarium.cli.output import PROG, fail, is_first, one_line, say
from latentarium.cli.show import data_check, sample, studio
from latentarium.cli.train import finish, preset_list, resume, train, train_preset
from latentarium.errors import StoppedError, UserError

DESCRIPTION = (
    "An observatory for latent space: train, measure, explore and ship autoencoders, VAEs, GANs "
    "and conditional GANs. Start with: latentarium tour"
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command; exits with 2 on a person's mistake, 130 on Ctrl-C, 143 on SIGTERM."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    usual, warnings.formatwarning = warnings.formatwarning, one_line
    try:
        _dispatch(arguments)
    except UserError as error:
        fail(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has gone
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # a folder that may not be read, a disk that fails
        if error.filename is None:
            raise
        fail(f"Can't use {error.filename}: {error.strerror}. Mend that or give another path.")
    except KeyboardInterrupt as error:
        if is_first():
            sys.stderr.write("\nStopped. The same command resumes.\n")
        sys.exit(128 + (error.signal_number if isinstance(error, StoppedError) else signal.SIGINT))
    finally:
        warnings.formatwarning = usual


def _dispatch(arguments: list[str]) -> None:
    if arguments[:1] == ["--version"]:
        say(f"{PROG} {__version__}")
        return
    if arguments[:1] == ["train"]:  # the preset says which settings there are
        if len(arguments) > 1 and not arguments[1].startswith("-"):
            train_preset(arguments[1], arguments[2:])
        else:
            say(preset_list())
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
        "gap": gap,
        "studio": studio,
        "data check": data_check,
    }
    tyro.extras.subcommand_cli_from_dict(
        commands, prog=PROG, description=DESCRIPTION, args=arguments or ["--help"]
    )
