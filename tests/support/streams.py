"""Run a command in this process with other standard streams."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

import pytest

from latentarium import cli

EXIT_CODES = {0, 2, 130, 141, 143}
"""The documented exit codes, without that of a bug."""


@dataclass(frozen=True)
class Ended:
    """What a command has printed, and its exit code."""

    code: int
    out: bytes
    err: bytes


def memory(encoding: str = "utf-8") -> io.TextIOWrapper:
    """Return a stream in memory that raises an error for characters it can't encode."""
    return io.TextIOWrapper(io.BytesIO(), encoding)


def full() -> TextIO:
    """Return a stream to a full disk."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    return open("/dev/full", "w")


@contextmanager
def pipe_without_reader() -> Iterator[TextIO]:
    """Give a stream to a pipe whose reader has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        yield stream


def run_with(
    *arguments: object, out: TextIO | None = None, err: TextIO | None = None, encoding: str = ""
) -> Ended:
    """Run a command with these streams.

    Arguments:
        arguments: The arguments of latentarium.
        out, err: The streams; None closes the stream, unless an encoding is given.
        encoding: The encoding of streams in memory, for those that are not given.
    """
    if encoding:
        out, err = out or memory(encoding), err or memory(encoding)
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    ended = Ended(code, _content(out), _content(err))
    for stream in (out, err):
        if stream is not None and not isinstance(stream, io.StringIO):
            stream.close()
    return ended


def _content(stream: TextIO | None) -> bytes:
    buffer = getattr(stream, "buffer", None)
    return buffer.getvalue() if isinstance(buffer, io.BytesIO) else b""
