"""Commands of latentarium in child processes. Trainings outlive the server that started them;
all others end with it.

The output of a command goes to a file, with a record of its process id next to it, so that a
restarted server knows which commands are running. Commands report progress and failures as JSON
lines on standard error; see `latentarium.progress`. A failure is reported as
{"error": message, "code": code}.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from latentarium.errors import UserError, error_from_json
from latentarium.files import from_json, read_regular_file, write_atomic, write_failure
from latentarium.parent import PARENT_VARIABLE
from latentarium.progress import JSON_VARIABLE, ProgressLine, parse_progress
from latentarium.registry import imported_files
from latentarium.studio.process_ids import is_latentarium, lower_priority, terminate
from latentarium.texts import Text

TAIL_BYTES = 1 << 14
"""Bytes at the end of the output that are searched for progress and failures."""
POLL_INTERVAL = 0.2
"""Seconds between two checks of a command that the server waits for."""
DETACHED_INTERVAL = 10.0
"""Seconds between two progress lines of a training; measurements report each of their parts."""

_trainings: list[subprocess.Popen[bytes]] = []
"""Trainings, which may outlive the objects that started them: Python warns of a running process
whose `Popen` object is deleted."""

CommandLine = Callable[..., list[str]]
"""Turns the arguments of latentarium into the command line of a process."""


def latentarium_command(*arguments: str) -> list[str]:
    """Return a command line that runs this installation of latentarium.

    -P keeps Python from importing modules of the working folder. The child imports the same files
    of user-defined components as this process.
    """
    imports = [word for file in imported_files() for word in ("--import", file)]
    return [sys.executable, "-P", "-m", "latentarium", *imports, *arguments]


@dataclass(frozen=True, kw_only=True)
class ChildRecord:
    """The record of a started command."""

    folder: Path
    """The folder of the run that it works on."""
    arguments: tuple[str, ...]
    pid: int
    ending: bool = False
    """Whether the command was asked to end."""


class ChildProcesses:
    """Starts and stops commands by name; at most one command is tracked per name.

    Arguments:
        folder: Where outputs and records are stored; it need not exist.
        command: Makes the command line; None: `latentarium_command`.
    """

    def __init__(self, folder: Path, command: CommandLine | None = None) -> None:
        self.folder = folder
        self._command = command
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, folder: Path, arguments: Sequence[str], *, background: bool = False
    ) -> None:
        """Start a command in a new session.

        Arguments:
            name: The name of the command. A running command with the same name is no longer
                tracked.
            folder: The folder of the run that it works on.
            arguments: The arguments of latentarium.
            background: Run it at a lower priority, and end it when this process ends.

        Raises:
            UserError: The output or the record can't be written.
        """
        path = self._output_path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            command = (self._command or latentarium_command)(*arguments)
            with path.open("wb") as output:
                child = subprocess.Popen(
                    command, stdin=_lifeline() if background else subprocess.DEVNULL,
                    stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                    env=_environment(0.0) | {PARENT_VARIABLE: "1"} if background
                    else _environment(DETACHED_INTERVAL),
                )  # fmt: skip
        except OSError as error:
            raise write_failure(path, error) from None
        self._children[name] = child
        if background:
            lower_priority(child.pid)
        else:
            _trainings[:] = [child, *(other for other in _trainings if other.poll() is None)]
        record = ChildRecord(folder=folder, arguments=tuple(arguments), pid=child.pid)
        try:
            self._write_record(name, record)
        except UserError:  # without a record, no later server could stop it
            child.kill()
            child.wait()
            self.forget(name)
            raise

    def record(self, name: str) -> ChildRecord | None:
        """Return the record of a command; None if there is no readable record."""
        try:
            content = from_json(read_regular_file(self._output_path(name).with_suffix(".json")))
            return ChildRecord(
                folder=Path(content["folder"]),
                arguments=tuple(map(str, content["arguments"])),
                pid=int(content["pid"]),
                ending=bool(content.get("ending")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def names(self) -> list[str]:
        """Return the names of all commands that were started and not forgotten."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def is_running(self, name: str) -> bool:
        """Return whether a command is running."""
        child = self._children.get(name)
        if child is not None:  # poll() also reaps it; otherwise it would stay as a zombie
            return child.poll() is None
        record = self.record(name)
        return record is not None and is_latentarium(record.pid, record.arguments)

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a command; None if it runs or another server started it."""
        child = self._children.get(name)
        return None if child is None else child.poll()

    def output(self, name: str) -> list[str]:
        """Return the last lines of a command's output, without blank ones."""
        try:
            with self._output_path(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip()]

    def progress(self, name: str) -> ProgressLine | None:
        """Return the newest progress of a command; None if it hasn't reported any."""
        return _last_progress(self.output(name))

    def failure(self, name: str) -> str:
        """Return the error message with which a command failed; "" if it didn't fail."""
        lines = self.output(name)
        error = parse_failure(lines[-1]) if lines else None
        if error is not None:
            return error.text
        if any(line.startswith("Traceback") for line in lines):
            return Text(
                "The command failed ({line}): see {path}.",
                line=lines[-1][:200],
                path=self._output_path(name),
            )
        return ""

    def stop(self, name: str) -> None:
        """Ask a running command to save its work and end.

        This is recorded first, for later servers, and so that a command that ends at once is not
        taken for one that was not asked to.

        Raises:
            UserError: The record can't be written; the command is asked all the same.
        """
        record = self.record(name)
        if record is None or not self.is_running(name):
            return
        try:
            self._write_record(name, replace(record, ending=True))
        finally:
            terminate(record.pid)

    def is_ending(self, name: str) -> bool:
        """Return whether a command was asked to end."""
        record = self.record(name)
        return record is not None and record.ending

    def forget(self, name: str) -> None:
        """Delete the output and the record of a command that has ended."""
        for suffix in (".json", ".log"):
            self._output_path(name).with_suffix(suffix).unlink(missing_ok=True)
        self._children.pop(name, None)

    def _write_record(self, name: str, record: ChildRecord) -> None:
        content = asdict(record) | {"folder": str(record.folder)}
        write_atomic(self._output_path(name).with_suffix(".json"), json.dumps(content).encode())

    def _output_path(self, name: str) -> Path:
        return self.folder / f"{name}.log"


class TemporaryFolder:
    """A temporary folder that is deleted at the end of a block.

    In a generator that is abandoned, it is deleted when the generator is closed. A
    `TemporaryDirectory` warns instead if garbage collection finds it before the generator.
    """

    def __enter__(self) -> Path:
        self._path = Path(mkdtemp())
        return self._path

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def run_child(
    *arguments: str,
    timeout: float,
    poll_interval: float = POLL_INTERVAL,
    command: CommandLine | None = None,
) -> Generator[ProgressLine | None, None, str]:
    """Run a command at low priority to its end and return its standard output.

    The generator yields the newest progress at every poll, and None until there is any progress.
    Closing the generator kills the command, and the command ends when this process ends.

    Arguments:
        arguments: The arguments of latentarium.
        timeout: Seconds that the command may take.
        poll_interval: Seconds between two polls.
        command: Makes the command line; None: `latentarium_command`.

    Raises:
        UserError: The command failed (with the message and the code of the command), or took too
            long (code "timeout").
    """
    with TemporaryFolder() as folder:
        stdout, stderr = folder / "stdout", folder / "stderr"
        with stdout.open("wb") as output, stderr.open("wb") as errors:
            child = subprocess.Popen(
                (command or latentarium_command)(*arguments),
                stdin=_lifeline(),
                stdout=output,
                stderr=errors,
                env=_environment(poll_interval) | {PARENT_VARIABLE: "1"},
            )
        lower_priority(child.pid)
        deadline = time.monotonic() + timeout
        try:
            yield None
            while child.poll() is None:
                if time.monotonic() > deadline:
                    raise UserError(
                        Text(
                            "The command took more than {timeout:.0f} s: run `latentarium "
                            "{arguments}` in a terminal.",
                            timeout=timeout,
                            arguments=shlex.join(arguments),
                        ),
                        code="timeout",
                    )
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(poll_interval)
                yield _last_progress(_nonblank_lines(stderr))
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if child.returncode:
            raise _child_error(_nonblank_lines(stderr), child.returncode)
        return stdout.read_text("utf-8", errors="replace")


def parse_failure(line: str) -> UserError | None:
    """Parse a line in which a command reports why it failed; return None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        return error_from_json(json.loads(line))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


@cache
def _lifeline() -> int:
    """Return the end of a pipe to read from, whose other end closes when this process ends."""
    read_end, _ = os.pipe()
    return read_end


def _environment(interval: float) -> dict[str, str]:
    """Return the environment of a command: it reports progress as JSON, and prints UTF-8."""
    return {**os.environ, JSON_VARIABLE: str(interval), "PYTHONIOENCODING": "utf-8"}


def _last_progress(lines: Sequence[str]) -> ProgressLine | None:
    return next(filter(None, map(parse_progress, reversed(lines))), None)


def _nonblank_lines(path: Path) -> list[str]:
    return [
        line for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()
    ]


def _child_error(lines: Sequence[str], code: int) -> UserError:
    if not lines:
        return UserError(
            Text("The command ended with exit code {code}.", code=code), code="child-failed"
        )
    return parse_failure(lines[-1]) or UserError(lines[-1][:500], code="child-failed")
