"""Run the studio in a separate process, as users start it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def studio_process(models: Sequence[Path], runs: Path) -> Iterator[tuple[int, int]]:
    """Start the command, wait until it listens, and stop it when the block ends.

    Arguments:
        models: Folders of the runs to open; if there are none, the shipped models are opened.
        runs: The folder whose runs the page lists.

    Yields:
        The port and the process id.
    """
    command = [sys.executable, "-m", "latentarium", "studio", *map(str, models)]
    server = subprocess.Popen(
        [*command, "--runs", str(runs), "--port", "0", "--no-browse"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        yield int(line.split("127.0.0.1:")[1].split("/")[0]), server.pid
    finally:
        server.terminate()
        server.wait()


def memory_mib(process: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
