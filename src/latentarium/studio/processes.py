"""Commands of latentarium in processes of their own, which outlive the server that began them.

What a command prints goes to a file, and beside it lies which process it is: a server that is
started anew knows as much as the one before it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, write_atomic, write_failure
from latentarium.progress import JSON_VARIABLE, ProgressLine, parse_progress

SPOKEN = "latentarium: "
"""How the command line begins the sentence with which it fails."""
LAST_WORDS = 1 << 14
"""Bytes of the output that are read for it."""
LOOK = 0.2
"""Seconds between two looks at a command that is waited for."""
LOW = 10
"""Niceness of what must not slow down who looks at the page."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A command, as it was begun."""

    folder: Path
    """Of the run that it works on."""
    arguments: tuple[str, ...]
    pid: int


class Processes:
    """Commands by name, at most one of each name at a time.

    Arguments:
        folder: Where their output and numbers are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, folder: Path, arguments: Sequence[str], *, low: bool = False
    ) -> None:
        """Begins a command, in a session of its own.

        Raises:
            UserError: Its output can't be written.
        """
        path = self._output(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as output:
                child = subprocess.Popen(
                    command(*arguments), stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise write_failure(path, error) from None
        self._children[name] = child
        if low:
            lower(child.pid)
        content = {"folder": str(folder), "arguments": list(arguments), "pid": child.pid}
        try:
            write_atomic(path.with_suffix(".json"), json.dumps(content).encode())
        except UserError:  # nobody could tell it to end later
            child.kill()
            child.wait()
            self.forget(name)
            raise

    def started(self, name: str) -> Started | None:
        """How a command was begun; None where it never was."""
        try:
            content = from_json(read_regular_file(self._output(name).with_suffix(".json")))
            return Started(
                folder=Path(content["folder"]),
                arguments=tuple(map(str, content["arguments"])),
                pid=int(content["pid"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def names(self) -> list[str]:
        """All that were begun, and are not forgotten."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def lives(self, name: str) -> bool:
        """Whether a command is still at work."""
        child = self._children.get(name)
        if child is not None:  # else it would stay as a zombie
            return child.poll() is None
        started = self.started(name)
        return started is not None and is_ours(started.pid, started.arguments)

    def code(self, name: str) -> int | None:
        """With what a command ended; None where it has not, or another server began it."""
        child = self._children.get(name)
        return None if child is None else child.poll()

    def said(self, name: str) -> list[str]:
        """The last lines of what a command printed."""
        try:
            with self._output(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip()]

    def failure(self, name: str) -> str:
        """The sentence with which a command failed; empty where it did not."""
        said = self.said(name)
        if said and said[-1].startswith(SPOKEN):
            return said[-1].removeprefix(SPOKEN)
        if any(line.startswith("Traceback") for line in said):
            return f"It broke off ({said[-1][:200]}): all it said is in {self._output(name)}."
        return ""

    def end(self, name: str) -> None:
        """Asks a command to end."""
        started = self.started(name)
        if started is not None and self.lives(name):
            interrupt(started.pid)

    def forget(self, name: str) -> None:
        """Leaves no trace of a command that has ended."""
        for suffix in (".json", ".log"):
            self._output(name).with_suffix(suffix).unlink(missing_ok=True)
        self._children.pop(name, None)

    def _output(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def command(*arguments: str) -> list[str]:
    """The command line of this very installation; -P: whatever lies in the working folder."""
    return [sys.executable, "-P", "-m", "latentarium", *arguments]


def working(*arguments: str, seconds: float) -> Generator[ProgressLine | None, None, str]:
    """Runs a command to its end, behind whatever else is at work, and gives what it printed; on
    the way says every now and then how far it is, None before that is known. Who goes no further
    ends it.

    Raises:
        UserError: It failed, with its own sentence, or took too long.
    """
    with TemporaryDirectory() as place:
        printed, said = Path(place) / "printed", Path(place) / "said"
        with printed.open("wb") as output, said.open("wb") as errors:
            child = subprocess.Popen(
                command(*arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                env={**os.environ, JSON_VARIABLE: str(LOOK)},
            )  # fmt: skip
        lower(child.pid)
        until = time.monotonic() + seconds
        try:
            yield None
            while child.poll() is None:
                if time.monotonic() > until:
                    raise UserError(
                        f"That took more than {seconds:.0f} s: run `latentarium "
                        f"{' '.join(arguments)}` in a terminal."
                    )
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(LOOK)
                lines = _lines_of(said)
                yield next(filter(None, map(parse_progress, reversed(lines))), None)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if child.returncode:
            lines = _lines_of(said)
            raise UserError(
                lines[-1].removeprefix(SPOKEN)[:500] if lines else f"code {child.returncode}"
            )
        return printed.read_text(errors="replace")


def _lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text(errors="replace").splitlines() if line.strip()]


def is_ours(pid: int, arguments: Sequence[str] = ()) -> bool:
    """Whether a number is that of a process that runs latentarium, with these arguments at its
    end, and not of one that has got the number since."""
    words = _words_of(pid)
    named = any(PurePath(word).name in ("latentarium", "latentarium.exe") for word in words[:6])
    told = " ".join(words).rstrip().endswith(" ".join(arguments))  # `ps` says no more
    return pid > 0 and named and told


def interrupt(pid: int) -> None:
    """Tells a process to save what it has and end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def lower(pid: int) -> None:
    """Lets all others go first, where the system knows of that."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, pid, LOW)


def _words_of(pid: int) -> list[str]:
    """The command line of a process; none for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return []
    except OSError:
        return []
    found = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()
