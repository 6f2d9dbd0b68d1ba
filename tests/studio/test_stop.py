"""Ctrl-C ends the studio soon and quietly, also while requests are being computed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
COMMAND = [sys.executable, "-m", "latentarium", "studio", "--no-browse", "--port", "0"]
REQUEST = "api/models/1/samples/assessment?seed={seed}&count=100"
MAX_SECONDS = 15
"""A computation of the requests takes longer on a busy machine; the studio waits for 2 s."""


@contextlib.contextmanager
def studio_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the studio, and return its process and its address."""
    with subprocess.Popen(
        COMMAND, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            match = re.search(r"http://\S+/", process.stdout.readline())
            assert match is not None
            yield process, match.group()
        finally:
            process.kill()


def test_ctrl_c_during_requests(tmp_path):
    answers = []

    def request(address: str, seed: int) -> None:
        with contextlib.suppress(OSError, HTTPException):
            answers.append(urllib.request.urlopen(address + REQUEST.format(seed=seed)).status)

    with studio_process(tmp_path) as (process, address):
        clients = [threading.Thread(target=request, args=(address, seed)) for seed in range(8)]
        for client in clients:
            client.start()
        time.sleep(1)
        assert answers == []  # they are being computed, or wait
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        assert time.monotonic() - started < MAX_SECONDS
        for client in clients:
            client.join()
    assert process.returncode == 130
    assert output == ""
    assert errors.split("\n") == ["", "Stopped. To resume, repeat the command.", ""]
