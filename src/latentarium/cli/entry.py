"""The entry point of the command line: run a command, and turn its errors into exit codes.

Commands are imported when they run, since their imports take seconds, in which Ctrl-C must work.
"""

import errno
import gc
import sys
import warnings
from collections.abc import Sequence

from latentarium.cli.interrupts import EXIT_CODE, Interrupts, recorded_interrupts, stopped
from latentarium.cli.streams import TolerantWriter, tolerant_streams
from latentarium.errors import StoppedError, UserError
from latentarium.parent import end_with_parent
from latentarium.texts import Text

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""With Python's own thresholds, the collector walks through all objects of torch several times
during the import, which takes a tenth of the duration of a training of 40 steps."""
READER_GONE = 128 + 13
"""The exit code of programs that SIGPIPE ends: the reader of stdout, such as `head`, has ended."""
NO_MEMORY = ("can't allocate memory", "out of memory")
"""Parts of torch's messages when memory can't be allocated, in lower case."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command.

    Exits with 2 if the command can't be executed or its result can't be printed, 130 on Ctrl-C,
    141 if the reader of the result has ended, 143 on SIGTERM during a training.

    Arguments:
        argv: The arguments of the command; None: those of this process.
    """
    permanent = argv is None
    arguments = list(sys.argv[1:] if argv is None else argv)
    if permanent:
        end_with_parent()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
    with (
        tolerant_streams(permanent=permanent) as stdout,
        recorded_interrupts(permanent=permanent) as interrupts,
    ):
        code = _run(arguments, interrupts)
        if stdout is not None:
            sys.stdout.flush()
            code = code or _lost_result(stdout, arguments) or code
    if code is not None:
        sys.exit(code)


def _run(arguments: list[str], interrupts: Interrupts) -> int | None:
    """Run a command, and print its error.

    Returns:
        The exit code; None if the command has returned, and 0 if it has printed its help.
    """
    default_format = warnings.formatwarning
    try:
        from latentarium.cli.dispatch import dispatch
        from latentarium.cli.output import format_warning

        warnings.formatwarning = format_warning
        dispatch(arguments)
    except KeyboardInterrupt as error:
        return _interrupted(error, arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except Exception as error:
        if interrupts.received:  # a library replaced the KeyboardInterrupt
            return _interrupted(KeyboardInterrupt(), arguments)
        explained = _explain(error)
        if explained is None:
            raise
        return _fail(explained, arguments)
    finally:
        warnings.formatwarning = default_format
    return None


def _interrupted(error: KeyboardInterrupt, arguments: list[str]) -> int:
    from latentarium.cli.output import print_note

    print_note(f"\n{stopped(arguments)}")
    return 128 + error.signal_number if isinstance(error, StoppedError) else EXIT_CODE


def _explain(error: Exception) -> UserError | None:
    """Return the message for an error of the user or of the system; None for a bug."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError):  # an unreadable folder, a failing disk
        reason = error.strerror or str(error)
        if error.filename is None:
            return UserError(
                Text(
                    "The system reports an error: {reason}. Fix the problem, and repeat the "
                    "command.",
                    reason=reason,
                ),
                code="system-error",
            )
        return UserError(
            Text(
                "{path} can't be used: {reason}. Fix the problem, or give another path.",
                path=_text(error.filename),
                reason=reason,
            ),
            code="file-error",
        )
    if isinstance(error, MemoryError) or any(part in str(error).lower() for part in NO_MEMORY):
        return UserError(
            "There is not enough memory: use smaller settings, such as fewer images or a smaller "
            "batch, or end other programs.",
            code="out-of-memory",
        )
    if isinstance(error, UnicodeEncodeError):  # os functions, with a name that is not in ASCII
        return UserError(
            Text(
                "The name {name!r} can't be used with this system's encoding, "
                "{encoding}: set the environment variable PYTHONUTF8 to 1.",
                name=error.object,
                encoding=error.encoding,
            ),
            code="not-encodable",
        )
    return None


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _lost_result(stdout: TolerantWriter, arguments: Sequence[str]) -> int:
    """Return the exit code for the loss of output; print the reason unless a reader has ended."""
    failure = stdout.failure
    if failure is None:
        return 0
    if isinstance(failure, OSError) and failure.errno in (errno.EPIPE, errno.ESHUTDOWN):
        return READER_GONE
    reason = getattr(failure, "strerror", None) or str(failure)
    error = UserError(
        Text(
            "The result can't be printed: {reason}. Files that the command wrote are complete.",
            reason=reason,
        ),
        code="cannot-print",
    )
    return _fail(error, arguments)


def _fail(error: UserError, arguments: Sequence[str]) -> int:
    from latentarium.cli.output import print_error

    as_json = any(word == "--json" or word.startswith("--json=") for word in arguments)
    print_error(error, as_json=as_json)
    return 2
